package main

import (
	"bufio"
	"encoding/json"
	"io"
)

// lines writes the answer, one JSON value a line. The first failure to write is
// kept and told by flush.
type lines struct {
	buffer  *bufio.Writer
	encoder *json.Encoder
	reads   map[string]bool
	missed  map[string]bool
	// evidence is what was read or rendered beside these files, by the name that errors give it.
	evidence map[string][]byte
	err      error
}

type objectLine struct {
	Object json.RawMessage `json:"object"`
	Source string          `json:"source"`
}

type hookLine struct {
	Hook   json.RawMessage `json:"hook"`
	Source string          `json:"source"`
	// Release is whose hook it is: a release that is new to an environment is
	// installed while the others are upgraded.
	Release string   `json:"release"`
	Events  []string `json:"events"`
}

type errorLine struct {
	Source  string `json:"source"`
	File    string `json:"file,omitempty"`
	Message string `json:"message"`
}

func newLines(out io.Writer) *lines {
	buffer := bufio.NewWriterSize(out, 64<<10)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	return &lines{buffer: buffer, encoder: encoder, reads: map[string]bool{}, missed: map[string]bool{}, evidence: map[string][]byte{}}
}

func (l *lines) write(line any) {
	if l.err == nil {
		l.err = l.encoder.Encode(line)
	}
}

func (l *lines) object(object json.RawMessage, source string) { l.write(objectLine{object, source}) }

func (l *lines) hook(line hookLine) {
	l.write(line)
}

// manifest tells what the objects and hooks after it came of, up to the next such
// line or the next source.
func (l *lines) manifest(id string) {
	l.write(struct {
		Manifest string `json:"manifest"`
	}{id})
}

func (l *lines) error(failed errorLine) {
	l.write(struct {
		Error errorLine `json:"error"`
	}{failed})
}

// done tells that all of the request was rendered.
func (l *lines) done() {
	l.write(struct {
		Done bool `json:"done"`
	}{true})
}

// at tells what is about to be worked on: should that kill the program, the last
// such line names the culprit, as the last read line does.
func (l *lines) at(at place) {
	l.write(struct {
		At place `json:"at"`
	}{at})
	if l.err == nil {
		l.err = l.buffer.Flush()
	}
}

// place is a source, or a file of the source named last.
type place struct {
	Source string `json:"source,omitempty"`
	File   string `json:"file,omitempty"`
}

// read tells of a file before anybody parses it.
func (l *lines) read(path string) {
	if l.reads[path] {
		return
	}
	l.reads[path] = true
	l.write(struct {
		Read string `json:"read"`
	}{path})
	if l.err == nil {
		l.err = l.buffer.Flush()
	}
}

// miss tells of a path that nothing could be read at.
func (l *lines) miss(path string) {
	if l.missed[path] {
		return
	}
	l.missed[path] = true
	l.write(struct {
		Missed string `json:"missed"`
	}{path})
	if l.err == nil {
		l.err = l.buffer.Flush()
	}
}

func (l *lines) flush() error {
	if l.err != nil {
		return l.err
	}
	return l.buffer.Flush()
}
