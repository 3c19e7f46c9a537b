package main

import (
	"path"
	"unicode/utf8"
)

// presence is what a partial checkout holds: a file that is not ready is empty
// in it, and a folder that is not has no entries. Whoever started the render
// brings what it asks for.
type presence struct {
	// whole are paths that are ready with all below them.
	whole map[string]bool
	// ready are files with their content, and folders with their entries.
	ready map[string]bool
	ask   func(need string) (brought, error)
}

// brought answers a need: all that the checkout cannot hold by now, or that the
// repository has nothing at that path.
type brought struct {
	Absent  []absent `json:"absent"`
	Unknown bool     `json:"unknown"`
}

// newPresence answers nil for a checkout that is not partial. The folders above
// a whole path are ready.
func newPresence(whole []string, ask func(string) (brought, error)) *presence {
	if whole == nil {
		return nil
	}
	p := &presence{map[string]bool{}, map[string]bool{}, ask}
	for _, name := range whole {
		name = path.Clean(name)
		p.whole[name] = true
		for above := path.Dir(name); !p.ready[above]; above = path.Dir(above) {
			p.ready[above] = true
		}
	}
	return p
}

func (p *presence) has(real string) bool {
	if p.ready[real] {
		return true
	}
	for at := real; ; at = path.Dir(at) {
		if p.whole[at] {
			return true
		}
		if at == "." {
			return false
		}
	}
}

// bring has a file or folder on disk, of which the path has no links.
func (t *tree) bring(real string) error {
	if t.here == nil || t.here.has(real) {
		return nil
	}
	// JSON would change it, and another file might be brought.
	if !utf8.ValidString(real) {
		return errUntold
	}
	answer, err := t.here.ask(real)
	if err != nil {
		return err
	}
	if answer.Unknown {
		return errUntold
	}
	t.absences.add(answer.Absent)
	t.here.ready[real] = true
	return nil
}
