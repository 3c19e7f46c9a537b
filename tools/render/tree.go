package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

var (
	errLeaves   = errors.New("leaves the repository")
	errCircular = errors.New("is a circular symbolic link")
	errFolder   = errors.New("is a folder")
	errNoFile   = errors.New("is not a regular file")
	errNowhere  = errors.New("leads to nowhere")
	errUntold   = errors.New("cannot be asked for: a name in its path is not UTF-8; rename it")
)

// The kernel's own limit is 40 as well.
const maxLinks = 40

// tree is the repository: the only files a render can reach. Paths are given and
// told from its root, with slashes. Symbolic links are followed where they stay
// inside.
type tree struct {
	root *os.Root
	// absences are entries of the repository that could not be brought to disk.
	absences absences
	// here says what of a partial checkout is on disk.
	here *presence
	// maxBytes is the size of the largest file that is read.
	maxBytes int64
	// onRead is told of every file whose content is used, of every link passed
	// on the way to it, and of every folder that a link leads to and that was
	// listed: a change of the render implies a change of one of them, or of the
	// folder that the source names.
	onRead func(path string)
	// onMiss is told of every path that could not be read, for whatever reason. A
	// render that failed may end otherwise only by a change of what it read, of
	// what it missed, or of the folder that the source names.
	onMiss func(path string)
}

// resolve answers the path without links of what name leads to. Its errors, as
// those of all methods, name the file.
func (t *tree) resolve(name string) (string, error) {
	if path.IsAbs(name) {
		return "", in(name, errLeaves)
	}
	todo := strings.Split(name, "/")
	done, left := ".", errLeaves
	// A link that is being followed: its path, where it leads, and how many parts come after its target.
	var link, leads string
	after := math.MaxInt
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if done == "." {
				return "", in(name, left)
			}
			done = path.Dir(done)
			continue
		}
		if err := t.bring(done); err != nil {
			return "", in(name, err)
		}
		next := path.Join(done, part)
		if entry, ok := t.absences.at[next]; ok {
			t.onMiss(next)
			return "", in(name, &absentError{name, entry})
		}
		info, err := t.root.Lstat(next)
		if err != nil {
			t.onMiss(next)
		}
		if len(todo) >= after && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) {
			return "", in(name, fmt.Errorf("%w: the symbolic link %s names %s, which is not there", errNowhere, link, leads))
		}
		if err != nil {
			return "", plain(name, err)
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", in(name, errCircular)
		}
		target, err := t.root.Readlink(next)
		if err != nil {
			return "", plain(name, err)
		}
		left = fmt.Errorf("%w by the symbolic link %s", errLeaves, next)
		if path.IsAbs(target) {
			return "", in(name, left)
		}
		t.onRead(next)
		if len(todo) < after {
			link, leads, after = next, target, len(todo)
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return done, nil
}

// plain words an error of the file system without the path that it was asked
// for, which links may have changed.
func plain(name string, err error) error {
	var told *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return in(name, fs.ErrNotExist)
	case errors.As(err, &told):
		return in(name, told.Err)
	default:
		return in(name, err)
	}
}

func (t *tree) stat(name string) (fs.FileInfo, error) {
	real, err := t.resolve(name)
	if err != nil {
		return nil, err
	}
	info, err := t.root.Stat(real)
	if err != nil {
		return nil, plain(name, err)
	}
	return info, nil
}

func (t *tree) readFile(name string) ([]byte, error) {
	real, err := t.resolve(name)
	if err != nil {
		return nil, err
	}
	info, err := t.root.Stat(real)
	if err != nil {
		return nil, plain(name, err)
	}
	if info.IsDir() {
		t.onMiss(real)
		return nil, in(name, errFolder)
	}
	if !info.Mode().IsRegular() {
		t.onMiss(real)
		return nil, in(name, errNoFile)
	}
	if err := t.bring(real); err != nil {
		return nil, in(name, err)
	}
	if info, err = t.root.Stat(real); err != nil {
		return nil, plain(name, err)
	}
	if info.Size() > t.maxBytes {
		t.onMiss(real)
		return nil, in(name, fmt.Errorf("holds %d MiB, more than the %d MiB that fit the render's limit of memory", info.Size()>>20, t.maxBytes>>20))
	}
	data, err := t.root.ReadFile(real)
	if err != nil {
		return nil, plain(name, err)
	}
	t.onRead(real)
	if isPointer(data) {
		return nil, in(name, errLargeFile)
	}
	return data, nil
}

// readText reads a file that is YAML or JSON, whatever encoding it is in.
func (t *tree) readText(name string) ([]byte, error) {
	data, err := t.readFile(name)
	if err != nil {
		return nil, err
	}
	decoded, err := decodeText(data)
	if err != nil {
		return nil, in(name, err)
	}
	return decoded, nil
}

// readAgain answers a file that was read before, by the name that onRead was told.
func (t *tree) readAgain(name string) ([]byte, error) {
	info, err := t.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > t.maxBytes {
		return nil, errNoFile
	}
	return t.root.ReadFile(name)
}

// list answers the names in a folder, sorted; of what is not on disk, too.
func (t *tree) list(folder string) ([]string, error) {
	real, err := t.resolve(folder)
	if err != nil {
		return nil, err
	}
	return t.listAt(folder, real)
}

// listAt is list of a folder of which resolve has answered the path without links.
func (t *tree) listAt(folder, real string) ([]string, error) {
	if err := t.bring(real); err != nil {
		return nil, in(folder, err)
	}
	opened, err := t.root.Open(real)
	if err != nil {
		return nil, plain(folder, err)
	}
	defer opened.Close()
	names, err := opened.Readdirnames(-1)
	if err != nil {
		return nil, plain(folder, err)
	}
	if real == "." {
		// A link to the repository itself; its own path is empty.
		t.onRead("")
	} else if real != path.Clean(folder) {
		t.onRead(real)
	}
	names = append(names, t.absences.names[real]...)
	slices.Sort(names)
	return names, nil
}

// walk visits the files below a folder, sorted by path at each level, and with an
// error what is there and can't be read. What skip wants left out is left out with
// all below it; of a link it is asked twice, for the link and for what it leads to.
func (t *tree) walk(folder string, skip func(path string, info fs.FileInfo) bool, visit func(path string, err error) error) error {
	real, err := t.resolve(folder)
	if err != nil {
		return err
	}
	return t.walkBelow(folder, real, nil, skip, visit)
}

// walkBelow resolves links only: to resolve a path takes as long as the square of its parts.
func (t *tree) walkBelow(folder, real string, above []string, skip func(string, fs.FileInfo) bool, visit func(string, error) error) error {
	if slices.Contains(above, real) {
		return visit(folder, in(folder, errCircular))
	}
	names, err := t.listAt(folder, real)
	if err != nil {
		return err
	}
	for _, name := range names {
		child, realChild := path.Join(folder, name), path.Join(real, name)
		info, err := t.lstat(realChild)
		if err != nil {
			return plain(child, err)
		}
		if skip(child, info) {
			continue
		}
		if entry, isAbsent := info.(absent); isAbsent {
			err = in(child, &absentError{child, entry})
		} else if info.Mode()&fs.ModeSymlink != 0 {
			realChild, info, err = t.follow(child)
			if err == nil && skip(child, info) {
				continue
			}
		}
		if err == nil && info.IsDir() {
			err = t.walkBelow(child, realChild, append(above, real), skip, visit)
		} else {
			err = visit(child, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) follow(name string) (string, fs.FileInfo, error) {
	real, err := t.resolve(name)
	if err != nil {
		return "", nil, err
	}
	info, err := t.root.Lstat(real)
	if err != nil {
		return "", nil, plain(name, err)
	}
	return real, info, nil
}

func (t *tree) lstat(real string) (fs.FileInfo, error) {
	if entry, ok := t.absences.at[real]; ok {
		return entry, nil
	}
	return t.root.Lstat(real)
}
