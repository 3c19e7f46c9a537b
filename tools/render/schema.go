package main

import (
	"bytes"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// checkSchemas validates the values of a chart and of its enabled dependencies
// by their values.schema.json, as Helm does, but with nothing to load from: a
// $ref out of the schema would reach the network or the machine's files.
func (l *loadedChart) checkSchemas(c *chart.Chart, values map[string]any) error {
	if c.Schema != nil {
		if err := checkSchema(c.Schema, values); err != nil {
			return in(l.origin(c, &common.File{Name: "values.schema.json", Data: c.Schema}), err)
		}
	}
	for _, dependency := range c.Dependencies() {
		switch below := values[dependency.Name()].(type) {
		case nil:
		case map[string]any:
			if err := l.checkSchemas(dependency, below); err != nil {
				return err
			}
		case common.Values:
			if err := l.checkSchemas(dependency, below); err != nil {
				return err
			}
		default:
			return fmt.Errorf("the values of the dependency %s are no mapping", dependency.Name())
		}
	}
	return nil
}

func checkSchema(schema []byte, values map[string]any) error {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err
	}
	const location = "file:///values.schema.json"
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	if err := compiler.AddResource(location, parsed); err != nil {
		return err
	}
	compiled, err := compiler.Compile(location)
	if err != nil {
		return err
	}
	return compiled.Validate(values)
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("a schema elsewhere is not supported, a render calls nobody: %s", url)
}
