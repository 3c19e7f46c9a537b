package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	goyaml2 "sigs.k8s.io/yaml/goyaml.v2"
	goyaml "sigs.k8s.io/yaml/goyaml.v3"
)

// Keys that are no text (`1`, `on`) become text in JSON, where they may meet one
// that is (`"1"`, `"true"`). Kubernetes' parser then keeps the one or the other,
// at random from run to run; here it is always the last.

// A key in plain style that may be a number, a boolean or null.
var mayBeNoText = regexp.MustCompile(`(?m)(?:^|[\s{,?])(?:[0-9.+-][^\s:{},]*|(?i:y|n|yes|no|on|off|true|false))\s*:(?:\s|$)`)

// keepLastOfCollidingKeys answers the documents without the keys that a later one
// replaces. What can't be read is left to the parser to complain of.
func keepLastOfCollidingKeys(data []byte) []byte {
	if !mayBeNoText.Match(data) {
		return data
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(terminated(data))))
	var documents [][]byte
	changed := false
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return data
		}
		var node goyaml.Node
		if goyaml.Unmarshal(document, &node) == nil && dropColliding(&node) {
			written, err := goyaml.Marshal(&node)
			if err != nil {
				return data
			}
			document, changed = written, true
		}
		documents = append(documents, terminated(document))
	}
	if !changed {
		return data
	}
	return bytes.Join(documents, []byte("---\n"))
}

// dropColliding tells whether it dropped a key, of the node or below it.
func dropColliding(node *goyaml.Node) bool {
	dropped := false
	if node.Kind == goyaml.MappingNode {
		seen := map[string]bool{}
		var kept []*goyaml.Node
		for i := len(node.Content) - 2; i >= 0; i -= 2 {
			key, value := node.Content[i], node.Content[i+1]
			text, isText := jsonKey(key)
			if seen[text] && isText {
				dropped = true
				continue
			}
			seen[text] = seen[text] || isText
			kept = append([]*goyaml.Node{key, value}, kept...)
		}
		node.Content = kept
	}
	for _, child := range node.Content {
		dropped = dropColliding(child) || dropped
	}
	return dropped
}

// jsonKey answers what Kubernetes' parser makes of a key.
func jsonKey(key *goyaml.Node) (string, bool) {
	if key.Kind != goyaml.ScalarNode || key.Tag == "!!merge" {
		return "", false
	}
	if key.Style&(goyaml.SingleQuotedStyle|goyaml.DoubleQuotedStyle|goyaml.LiteralStyle|goyaml.FoldedStyle) != 0 {
		return key.Value, true
	}
	var read any
	if goyaml2.Unmarshal([]byte(key.Value), &read) != nil {
		return "", false
	}
	switch read := read.(type) {
	case string:
		return read, true
	case bool:
		return strconv.FormatBool(read), true
	case int:
		return strconv.Itoa(read), true
	case int64:
		return strconv.FormatInt(read, 10), true
	case float64:
		if math.IsInf(read, 0) || math.IsNaN(read) {
			return "", false
		}
		return strconv.FormatFloat(read, 'g', -1, 32), true
	default:
		return "", false
	}
}
