package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	goyaml "sigs.k8s.io/yaml/goyaml.v3"
)

// object is one Kubernetes object: its JSON, with numbers as they were read, and
// what a render needs to know of it.
type object struct {
	raw         json.RawMessage
	annotations map[string]json.RawMessage
}

// readDocuments splits and reads a stream of YAML or JSON documents by the
// reader that kubectl uses, so that what a file means here and there can't
// differ, and answers their objects in order. Lists are taken apart. Errors name
// documents by number, counted from first.
func readDocuments(data []byte, first int) ([]object, error) {
	var objects []object
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(terminated(keepLastOfCollidingKeys(data))), 4096)
	for number := first; ; number++ {
		var document json.RawMessage
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", number, err)
		}
		if len(document) == 0 {
			continue
		}
		found, err := expand(document)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", number, err)
		}
		objects = append(objects, found...)
	}
}

// terminated ends the last line: the reader loses an unterminated one that ends
// where its buffer does.
func terminated(data []byte) []byte {
	if bytes.HasSuffix(data, []byte("\n")) {
		return data
	}
	return append(bytes.Clone(data), '\n')
}

// expand answers the object of a document, or the items of a list (`List`, or
// any kind that ends in it and has items), or nothing for `null`.
func expand(document json.RawMessage) ([]object, error) {
	if string(document) == "null" {
		return nil, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(document, &fields); err != nil {
		return nil, errors.New("is not an object")
	}
	apiVersion, kind := text(fields["apiVersion"]), text(fields["kind"])
	if apiVersion == "" {
		return nil, errors.New("apiVersion is missing or no string")
	}
	if kind == "" {
		return nil, errors.New("kind is missing or no string")
	}
	items, isList := fields["items"]
	if kind == "List" || isList && strings.HasSuffix(kind, "List") {
		return expandItems(apiVersion, kind, items)
	}
	var metadata map[string]json.RawMessage
	if err := json.Unmarshal(orNull(fields["metadata"]), &metadata); err != nil {
		return nil, fmt.Errorf("%s: metadata is not an object", kind)
	}
	if text(metadata["name"]) == "" {
		if prefix := text(metadata["generateName"]); prefix != "" {
			return nil, fmt.Errorf("%s: generateName is not supported: %s would be another object in every run; give it a name", kind, prefix)
		}
		return nil, fmt.Errorf("%s: metadata.name is missing or no string", kind)
	}
	var annotations map[string]json.RawMessage
	if err := json.Unmarshal(orNull(metadata["annotations"]), &annotations); err != nil {
		return nil, fmt.Errorf("%s %s: metadata.annotations is not an object", kind, text(metadata["name"]))
	}
	return []object{{document, annotations}}, nil
}

// expandItems gives the items of a typed list (`PodList`) the type that they may
// leave out, as Kubernetes does.
func expandItems(apiVersion, kind string, list json.RawMessage) ([]object, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(orNull(list), &items); err != nil {
		return nil, fmt.Errorf("%s: items is not a list", kind)
	}
	var objects []object
	for index, item := range items {
		if itemKind := strings.TrimSuffix(kind, "List"); itemKind != "" {
			item = withType(item, apiVersion, itemKind)
		}
		found, err := expand(item)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", index+1, err)
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

func withType(item json.RawMessage, apiVersion, kind string) json.RawMessage {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(item, &fields); err != nil || fields == nil || text(fields["kind"]) != "" {
		return item
	}
	fields["kind"] = quoted(kind)
	if text(fields["apiVersion"]) == "" {
		fields["apiVersion"] = quoted(apiVersion)
	}
	typed, err := json.Marshal(fields)
	if err != nil {
		return item
	}
	return typed
}

func orNull(value json.RawMessage) json.RawMessage {
	if value == nil {
		return json.RawMessage("null")
	}
	return value
}

// text answers a JSON string's value, and the empty string for anything else.
func text(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

func quoted(s string) json.RawMessage {
	value, _ := json.Marshal(s)
	return value
}

// refuseDuplicateKeys finds keys given twice in one mapping, of which
// Kubernetes' parser would silently keep the last. The strict parser can't be
// used for it: it takes a key that overrides a merged one (`<<`) for a
// duplicate. A document that only this check's parser can't read passes.
func refuseDuplicateKeys(data []byte) error {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(terminated(data))))
	for number := 1; ; number++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("document %d: %w", number, err)
		}
		var node goyaml.Node
		if goyaml.Unmarshal(document, &node) != nil {
			continue
		}
		if err := duplicateKey(&node); err != nil {
			return fmt.Errorf("document %d, %w", number, err)
		}
	}
}

// duplicateKey looks at each node once: aliases are not followed.
func duplicateKey(node *goyaml.Node) error {
	if node.Kind == goyaml.MappingNode {
		first := map[string]int{}
		for i := 0; i < len(node.Content); i += 2 {
			key := node.Content[i]
			if key.Kind != goyaml.ScalarNode || key.Tag == "!!merge" {
				continue
			}
			if line, twice := first[key.Value]; twice {
				return fmt.Errorf("line %d: key %q is already set on line %d", key.Line, key.Value, line)
			}
			first[key.Value] = key.Line
		}
	}
	for _, child := range node.Content {
		if err := duplicateKey(child); err != nil {
			return err
		}
	}
	return nil
}
