package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"path"
	"regexp"
	"slices"

	"sigs.k8s.io/yaml"
)

// Helm holds every number of its values as a float64, and would round an integer
// that does not fit without a word: it is refused instead. Other numbers are
// written as they are read; quoted ones are text.

var longNumber = regexp.MustCompile(`[0-9_]{16}`)

// refuseInexactValues looks at the values that the chart and its dependencies
// bring themselves.
func (l *loadedChart) refuseInexactValues() error {
	for _, c := range withDependencies(l.chart) {
		for _, file := range c.Raw {
			if file.Name != "values.yaml" {
				continue
			}
			if err := refuseInexact(file.Data); err != nil {
				return in(l.origin(c, file), err)
			}
		}
	}
	return nil
}

func refuseInexact(values []byte) error {
	if !longNumber.Match(values) {
		return nil
	}
	useNumber := func(decoder *json.Decoder) *json.Decoder {
		decoder.UseNumber()
		return decoder
	}
	var read any
	if yaml.Unmarshal(values, &read, useNumber) != nil {
		// Several documents, say: then nothing is known of its numbers.
		return nil
	}
	return inexact("", read)
}

func inexact(at string, value any) error {
	switch value := value.(type) {
	case json.Number:
		exact, isInteger := new(big.Int).SetString(value.String(), 10)
		if !isInteger {
			return nil
		}
		if _, accuracy := new(big.Float).SetInt(exact).Float64(); accuracy != big.Exact {
			return fmt.Errorf("%s is an integer that Helm's values can't hold, and would round: quote it", at)
		}
	case []any:
		for index, item := range value {
			if err := inexact(fmt.Sprintf("%s[%d]", at, index), item); err != nil {
				return err
			}
		}
	case map[string]any:
		keys := make([]string, 0, len(value))
		for key := range value {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if err := inexact(path.Join(at, key), value[key]); err != nil {
				return err
			}
		}
	}
	return nil
}
