package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// checkSchemas validates the values of a chart and of its enabled dependencies
// by their values.schema.json, as Helm does and in its words, but with nothing to
// load from: a $ref out of the schema would reach the network or the machine's
// files. The error lies in the first schema that is violated, and tells of all.
func (l *loadedChart) checkSchemas(values map[string]any) error {
	violations := l.violations(l.chart, values)
	if len(violations) == 0 {
		return nil
	}
	var told strings.Builder
	told.WriteString("values don't meet the specifications of the schema(s) in the following chart(s):\n")
	for _, violation := range violations {
		fmt.Fprintf(&told, "%s:\n%s\n", violation.chart, violation.message)
	}
	return in(violations[0].file, errors.New(strings.TrimSuffix(told.String(), "\n")))
}

type violation struct {
	chart   string
	file    string
	message string
}

func (l *loadedChart) violations(c *chart.Chart, values map[string]any) []violation {
	var found []violation
	file := l.origin(c, &common.File{Name: "values.schema.json", Data: c.Schema})
	if c.Schema != nil {
		if err := checkSchema(c.Schema, values); err != nil {
			message := strings.TrimPrefix(err.Error(), "jsonschema validation failed with '"+schemaLocation+"#'\n")
			found = append(found, violation{c.Name(), file, message})
		}
	}
	dependencies := slices.SortedFunc(slices.Values(c.Dependencies()), func(a, b *chart.Chart) int { return strings.Compare(a.Name(), b.Name()) })
	for _, dependency := range dependencies {
		switch below := values[dependency.Name()].(type) {
		case nil:
		case map[string]any:
			found = append(found, l.violations(dependency, below)...)
		case common.Values:
			found = append(found, l.violations(dependency, below)...)
		default:
			found = append(found, violation{dependency.Name(), file, fmt.Sprintf("invalid type for values: expected object (map), got %T", below)})
		}
	}
	return found
}

const schemaLocation = "file:///values.schema.json"

func checkSchema(schema []byte, values map[string]any) error {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	if err := compiler.AddResource(schemaLocation, parsed); err != nil {
		return err
	}
	compiled, err := compiler.Compile(schemaLocation)
	if err != nil {
		return err
	}
	err = compiled.Validate(values)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		sortCauses(invalid)
	}
	return err
}

// sortCauses brings what the library finds by going through maps into one order:
// the same values fail with the same words.
func sortCauses(invalid *jsonschema.ValidationError) {
	if additional, ok := invalid.ErrorKind.(*kind.AdditionalProperties); ok {
		slices.Sort(additional.Properties)
	}
	var below []*jsonschema.ValidationError
	for _, cause := range invalid.Causes {
		sortCauses(cause)
		if isBelow(cause, invalid) {
			below = append(below, cause)
		}
	}
	slices.SortStableFunc(below, func(a, b *jsonschema.ValidationError) int {
		return strings.Compare(orderOf(a), orderOf(b))
	})
	// What is about the value itself keeps its place.
	for at, cause := range invalid.Causes {
		if isBelow(cause, invalid) {
			invalid.Causes[at], below = below[0], below[1:]
		}
	}
}

func isBelow(cause, invalid *jsonschema.ValidationError) bool {
	return len(cause.InstanceLocation) > len(invalid.InstanceLocation)
}

func orderOf(invalid *jsonschema.ValidationError) string {
	return strings.Join(invalid.InstanceLocation, "/") + " " + strings.Join(invalid.ErrorKind.KeywordPath(), "/") + " " + invalid.SchemaURL
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	// Helm lets every value pass by a URN that it can't resolve.
	if strings.HasPrefix(url, "urn:") {
		return true, nil
	}
	return nil, fmt.Errorf("a schema elsewhere is not supported, a render calls nobody: %s", url)
}
