package main

import (
	"fmt"
	"io/fs"
	"path"
	"time"
)

// absent is an entry of the Git tree that is not on disk, and why: a submodule,
// say. It is there all the same: what asks for it is told, and never that
// nothing is there.
type absent struct {
	Path string `json:"path"`
	// Kind is the entry's in Git: file, executable, symlink, folder, submodule.
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// absences are what a tree lacks, by path and by folder.
type absences struct {
	at    map[string]absent
	names map[string][]string
}

func newAbsences(entries []absent) absences {
	found := absences{map[string]absent{}, map[string][]string{}}
	found.add(entries)
	return found
}

// add leaves out those that are known.
func (a absences) add(entries []absent) {
	added := map[string]bool{}
	for _, entry := range entries {
		entry.Path = path.Clean(entry.Path)
		if _, known := a.at[entry.Path]; known && !added[entry.Path] {
			continue
		}
		added[entry.Path] = true
		a.at[entry.Path] = entry
		folder := path.Dir(entry.Path)
		a.names[folder] = append(a.names[folder], path.Base(entry.Path))
	}
}

// absentError tells what of name can't be read: the entry itself, or one above it.
type absentError struct {
	name  string
	entry absent
}

func (e *absentError) Error() string {
	if path.Clean(e.name) == e.entry.Path {
		return e.entry.Reason
	}
	return fmt.Sprintf("%s %s", e.entry.Path, e.entry.Reason)
}

// Name, Size, Mode, ModTime, IsDir and Sys make it the fs.FileInfo of what is not there.
func (a absent) Name() string       { return path.Base(a.Path) }
func (a absent) Size() int64        { return 0 }
func (a absent) ModTime() time.Time { return time.Time{} }
func (a absent) IsDir() bool        { return a.Mode().IsDir() }
func (a absent) Sys() any           { return nil }
func (a absent) Mode() fs.FileMode {
	switch a.Kind {
	case "folder", "submodule":
		return fs.ModeDir
	case "symlink":
		return fs.ModeSymlink
	default:
		return 0
	}
}
