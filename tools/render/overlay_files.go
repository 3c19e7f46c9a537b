package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Kustomize reads all files the same way: what one is for is known from the
// kustomization that names it only.

// uses are what kustomizations name a file for.
type uses struct {
	// content says that a generator puts it into a ConfigMap or Secret as it is.
	content bool
	// variables says that a generator reads lines of KEY=VALUE from it.
	variables bool
	// other is anything else: resources, patches, configurations.
	other bool
	// configures is the folder of the kustomization whose generator this is.
	configures string
}

// namedFiles are by their paths from the root.
type namedFiles map[string]uses

// add takes what the kustomization of a folder names. Other texts in it do no harm: no file is called so.
func (n namedFiles) add(folder string, kustomization []byte) error {
	var fields map[string]any
	if err := yaml.Unmarshal(kustomization, &fields); err != nil {
		return fmt.Errorf("invalid Kustomization: %w", err)
	}
	for field, value := range fields {
		if field != "configMapGenerator" && field != "secretGenerator" {
			n.addAll(folder, value, func(use *uses) { use.other = true })
			continue
		}
		generators, _ := value.([]any)
		for _, generator := range generators {
			fields, _ := generator.(map[string]any)
			n.addGenerator(folder, fields)
		}
	}
	// A generator may also stand there by itself, or in a file that is named.
	generators, _ := fields["generators"].([]any)
	for _, generator := range generators {
		if text, isText := generator.(string); isText {
			n.addConfigured(folder, []byte(text))
			at := path.Join(folder, text)
			use := n[at]
			use.configures = folder
			n[at] = use
		}
	}
	return nil
}

func (n namedFiles) addGenerator(folder string, fields map[string]any) {
	n.addAll(folder, fields["files"], func(use *uses) { use.content = true })
	n.addAll(folder, []any{fields["env"], fields["envs"]}, func(use *uses) { use.variables = true })
}

// addConfigured takes what built-in generators name that are objects of their own.
func (n namedFiles) addConfigured(folder string, documents []byte) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(terminated(documents))))
	for {
		document, err := reader.Read()
		if err != nil {
			return
		}
		var fields map[string]any
		if yaml.Unmarshal(document, &fields) != nil {
			continue
		}
		if kind := fields["kind"]; kind == "ConfigMapGenerator" || kind == "SecretGenerator" {
			n.addGenerator(folder, fields)
		}
	}
}

func (n namedFiles) addAll(folder string, value any, note func(*uses)) {
	switch value := value.(type) {
	case string:
		// A generator's files are also KEY=PATH.
		for _, name := range []string{value, value[strings.Index(value, "=")+1:]} {
			at := path.Join(folder, name)
			use := n[at]
			note(&use)
			n[at] = use
		}
	case []any:
		for _, item := range value {
			n.addAll(folder, item, note)
		}
	case map[string]any:
		for _, item := range value {
			n.addAll(folder, item, note)
		}
	}
}

// contentOf answers a file as Kustomize is to see it: text in UTF-8, unless it is
// to be kept byte by byte.
func (n namedFiles) contentOf(name string, data []byte) ([]byte, error) {
	use := n[name]
	if use.content && !use.variables && !use.other {
		return data, nil
	}
	decoded, err := decodeText(data)
	if err != nil {
		return nil, err
	}
	// What is named in the configuration of a plugin only may be read either way.
	if encoded, _ := encodingOf(data); encoded != nil && (use.content || !use.variables && !use.other) {
		return nil, fmt.Errorf("is in %s, and is to be kept as it is or to be read as text: save it as UTF-8", encoded.name)
	}
	if use.variables {
		return decoded, refuseLongLines(decoded)
	}
	if err := refuseNotUTF8(decoded); err != nil {
		return nil, err
	}
	if err := refuseHiddenDocuments(decoded, 1, false); err != nil {
		return nil, err
	}
	if use.configures != "" {
		n.addConfigured(use.configures, decoded)
	}
	return decoded, refuseMistakenLists(decoded)
}

// refuseLongLines finds a line at which Kustomize would stop to read variables, without a word.
func refuseLongLines(data []byte) error {
	number := 1
	for line := range bytes.Lines(data) {
		if len(line) >= bufio.MaxScanTokenSize {
			return fmt.Errorf("line %d is longer than the %d bytes up to which Kustomize reads variables: put the value into a file of its own", number, bufio.MaxScanTokenSize-1)
		}
		number++
	}
	return nil
}

// refuseMistakenLists finds what Kustomize would take apart without a word: it
// takes everything for a list whose kind ends in List and that has items.
func refuseMistakenLists(data []byte) error {
	if !bytes.Contains(data, []byte("List")) {
		return nil
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(terminated(data))))
	for number := 1; ; number++ {
		part, err := reader.Read()
		if err != nil {
			// The end, or what Kustomize will complain of.
			return nil
		}
		document, err := yaml.YAMLToJSON(part)
		if err != nil {
			continue
		}
		if err := refuseMistakenList(document); err != nil {
			return fmt.Errorf("document %d: %w", number, err)
		}
	}
}

func refuseMistakenList(document json.RawMessage) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(document, &fields) != nil {
		return nil
	}
	apiVersion, kind := text(fields["apiVersion"]), text(fields["kind"])
	list, hasItems := fields["items"]
	switch {
	case kind == "List" && !hasItems:
		return errors.New("List: items is missing")
	case !strings.HasSuffix(kind, "List") || !hasItems || kind == "ResourceList":
		return nil
	}
	var metadata struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(orNull(fields["metadata"]), &metadata) == nil && !isList(apiVersion, kind, metadata.Name, hasItems) {
		return fmt.Errorf("%s %s has items, and Kustomize would take it for a list of objects: bring it by a source of its own (manifests)", kind, metadata.Name)
	}
	if _, err := expandItems(apiVersion, kind, list); err != nil {
		return err
	}
	var items []json.RawMessage
	if json.Unmarshal(list, &items) != nil {
		return nil
	}
	for index, item := range items {
		if err := refuseMistakenList(item); err != nil {
			return fmt.Errorf("item %d: %w", index+1, err)
		}
	}
	return nil
}
