package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
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
	if err := refuseNotUTF8(data); err != nil {
		return nil, err
	}
	if err := refuseHiddenDocuments(data, first, true); err != nil {
		return nil, err
	}
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

// What may end a document for YAML, but not for the readers that split a stream
// into documents: they know a line of `---` only, lines end with LF or CRLF for
// them, and a flow mapping at the top ends with its brace. They hand such a part on
// whole, and the parser reads its first document.
var mayHideDocuments = regexp.MustCompile(`(?m)^\.\.\.(?:\s|$)|\r(?:[^\n]|$)|[\x{85}\x{2028}\x{2029}\x{feff}]|^[ \t]*[{\[&!]`)

// refuseHiddenDocuments finds documents that would be lost without a word.
//
// readsJSON says that a stream of JSON values at the beginning is read as one.
func refuseHiddenDocuments(data []byte, first int, readsJSON bool) error {
	if !mayHideDocuments.Match(data) {
		return nil
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(terminated(data))))
	for number := first; ; number++ {
		part, err := reader.Read()
		if err != nil {
			// The end, or what the parser will complain of.
			return nil
		}
		if !mayHideDocuments.Match(part) || readsJSON && number == first && isJSON(part) {
			continue
		}
		if holdsSeveral(part) {
			return fmt.Errorf("document %d: another document follows in it that no line of --- begins: put such a line before it, and end lines with LF", number)
		}
	}
}

// holdsSeveral tells whether a parser that reads one document passes over others.
func holdsSeveral(part []byte) bool {
	decoder := goyaml.NewDecoder(bytes.NewReader(part))
	for first := true; ; first = false {
		var node goyaml.Node
		err := decoder.Decode(&node)
		switch {
		case errors.Is(err, io.EOF):
			return false
		case first && err != nil:
			// The parser will complain of it.
			return false
		case !first && (err != nil || !isEmpty(&node)):
			return true
		}
	}
}

// isJSON tells a stream of JSON values, whose reader finds their ends by itself.
func isJSON(part []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(part))
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

func isEmpty(document *goyaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].Kind == goyaml.ScalarNode && document.Content[0].Tag == "!!null"
}

// terminated ends the last line: the reader loses an unterminated one that ends
// where its buffer does.
func terminated(data []byte) []byte {
	if bytes.HasSuffix(data, []byte("\n")) {
		return data
	}
	return append(bytes.Clone(data), '\n')
}

// expand answers the object of a document, or the items of a list, or nothing for
// `null`.
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
	var metadata map[string]json.RawMessage
	if err := json.Unmarshal(orNull(fields["metadata"]), &metadata); err != nil {
		return nil, fmt.Errorf("%s: metadata is not an object", kind)
	}
	name := text(metadata["name"])
	items, hasItems := fields["items"]
	if isList(apiVersion, kind, name, hasItems) {
		if !hasItems {
			return nil, fmt.Errorf("%s: items is missing", kind)
		}
		return expandItems(apiVersion, kind, items)
	}
	if name == "" {
		if prefix := text(metadata["generateName"]); prefix != "" {
			return nil, fmt.Errorf("%s: generateName is not supported: %s would be another object in every run; give it a name", kind, prefix)
		}
		return nil, fmt.Errorf("%s: metadata.name is missing or no string", kind)
	}
	var annotations map[string]json.RawMessage
	if err := json.Unmarshal(orNull(metadata["annotations"]), &annotations); err != nil {
		return nil, fmt.Errorf("%s %s: metadata.annotations is not an object", kind, name)
	}
	if nesting(document) > deepestNesting {
		return nil, fmt.Errorf("%s %s: is nested deeper than %d levels", kind, name, deepestNesting)
	}
	return []object{{document, annotations}}, nil
}

// deepestNesting is of maps and lists in one object. No kind of Kubernetes comes
// near it, and who compares objects walks them by recursion.
const deepestNesting = 500

// nesting is how deep the maps and lists of a JSON value stand in each other.
func nesting(value json.RawMessage) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// isList tells lists from objects: kinds of people's own end in List, too
// (AllowList), and may have items. No list has a name.
func isList(apiVersion, kind, name string, hasItems bool) bool {
	itemKind, endsInList := strings.CutSuffix(kind, "List")
	switch {
	case !endsInList:
		return false
	case itemKind == "":
		return apiVersion == "v1" || name == ""
	case isBuiltIn(apiVersion, itemKind):
		return hasItems
	default:
		return hasItems && name == ""
	}
}

func isBuiltIn(apiVersion, kind string) bool {
	return openapi.SchemaForResourceType(yaml.TypeMeta{APIVersion: apiVersion, Kind: kind}) != nil
}

// expandItems gives the items of a typed list (`PodList`) the type that they may
// leave out, as Kubernetes does. Whether a list of a kind that is not built in is
// one, its items must say: `NotAList` is no list of NotA.
func expandItems(apiVersion, kind string, list json.RawMessage) ([]object, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(orNull(list), &items); err != nil {
		return nil, fmt.Errorf("%s: items is not a list", kind)
	}
	itemKind := strings.TrimSuffix(kind, "List")
	if itemKind != "" {
		if err := refuseOtherItems(apiVersion, itemKind, items); err != nil {
			return nil, fmt.Errorf("%s has items and no metadata.name, and is taken neither for an object nor for a list: %w", kind, err)
		}
	}
	var objects []object
	for index, item := range items {
		if itemKind != "" {
			item = withType(item, apiVersion, itemKind)
		}
		found, err := expand(item)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", index+1, err)
		}
		if len(found) == 0 && string(item) == "null" {
			return nil, fmt.Errorf("item %d: is empty", index+1)
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

func refuseOtherItems(apiVersion, itemKind string, items []json.RawMessage) error {
	builtIn := isBuiltIn(apiVersion, itemKind)
	if len(items) == 0 && !builtIn {
		return fmt.Errorf("it has no item of kind %s", itemKind)
	}
	for index, item := range items {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(item, &fields); err != nil {
			return fmt.Errorf("item %d: is not an object", index+1)
		}
		said := text(fields["kind"])
		if said != itemKind && (said != "" || !builtIn) {
			return fmt.Errorf("item %d is not of kind %s; a list of several kinds is a List of v1", index+1, itemKind)
		}
	}
	return nil
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
