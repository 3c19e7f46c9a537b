package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// dialog asks what only the cluster knows, of whoever started the render: a line
// on standard output, answered by one JSON value on standard input. The render
// itself reaches nobody. What was asked once is not asked again: one render sees
// one answer.
type dialog struct {
	lines   *lines
	answers *json.Decoder
	// lookups says whether the environment lets its templates read the cluster.
	lookups bool
	seed    *seed
	found   map[lookupQuery]json.RawMessage
	// asked is what templates wanted to look up.
	asked []lookupQuery
	// refused is why the last question was not answered.
	refused string
}

// seed is where an environment's random values come from, and the time from
// which its certificates are valid.
type seed struct {
	Bytes []byte    `json:"seed"`
	Time  time.Time `json:"time"`
}

type lookupQuery struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
}

func newDialog(lines *lines, answers *json.Decoder, lookups bool) *dialog {
	return &dialog{lines: lines, answers: answers, lookups: lookups, found: map[lookupQuery]json.RawMessage{}}
}

// askSeed names the template function that needs the seed.
func (d *dialog) askSeed(function string) (seed, error) {
	if d.seed == nil {
		var answer seed
		if err := d.ask(map[string]string{"seed": function}, &answer); err != nil {
			return seed{}, err
		}
		if len(answer.Bytes) < 16 || answer.Time.IsZero() {
			return seed{}, fmt.Errorf("the seed for %s is shorter than 16 bytes or has no time", function)
		}
		d.seed = &answer
	}
	return *d.seed, nil
}

// askLookup answers an object, a list where the query has no name, or null.
func (d *dialog) askLookup(query lookupQuery) (json.RawMessage, error) {
	found, known := d.found[query]
	if known {
		return found, nil
	}
	var answer struct {
		Found   json.RawMessage `json:"found"`
		Refused string          `json:"refused"`
	}
	if err := d.ask(map[string]lookupQuery{"lookup": query}, &answer); err != nil {
		return nil, err
	}
	if answer.Refused != "" {
		d.refused = answer.Refused
		return nil, errors.New(answer.Refused)
	}
	d.found[query] = answer.Found
	return answer.Found, nil
}

// askNeed has a file or folder brought into the checkout; the root is the empty path.
func (d *dialog) askNeed(name string) (brought, error) {
	if name == "." {
		name = ""
	}
	var answer brought
	err := d.ask(map[string]string{"need": name}, &answer)
	return answer, err
}

func (d *dialog) ask(question, answer any) error {
	d.lines.write(question)
	if err := d.lines.flush(); err != nil {
		return err
	}
	if err := d.answers.Decode(answer); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("nobody answered")
		}
		return fmt.Errorf("the answer can't be read: %w", err)
	}
	return nil
}
