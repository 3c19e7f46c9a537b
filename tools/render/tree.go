package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

var (
	errLeaves   = errors.New("leaves the repository")
	errCircular = errors.New("is a circular symbolic link")
	errFolder   = errors.New("is a folder")
	errNoFile   = errors.New("is not a regular file")
)

// The kernel's own limit is 40 as well.
const maxLinks = 40

// tree is the repository: the only files a render can reach. Paths are given and
// told from its root, with slashes. Symbolic links are followed where they stay
// inside.
type tree struct {
	root *os.Root
	// maxBytes is the size of the largest file that is read.
	maxBytes int64
	// onRead is told of every file whose content is used, of every link passed
	// on the way to it, and of every folder that a link leads to and that was
	// listed: a change of the render implies a change of one of them, or of the
	// folder that the source names.
	onRead func(path string)
}

// resolve answers the path without links of what name leads to. Its errors, as
// those of all methods, name the file.
func (t *tree) resolve(name string) (string, error) {
	if path.IsAbs(name) {
		return "", in(name, errLeaves)
	}
	todo := strings.Split(name, "/")
	done, left := ".", errLeaves
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
		next := path.Join(done, part)
		info, err := t.root.Lstat(next)
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
		return nil, in(name, errFolder)
	}
	if !info.Mode().IsRegular() {
		return nil, in(name, errNoFile)
	}
	if info.Size() > t.maxBytes {
		return nil, in(name, fmt.Errorf("holds %d MiB, more than the %d MiB that fit the render's limit of memory", info.Size()>>20, t.maxBytes>>20))
	}
	data, err := t.root.ReadFile(real)
	if err != nil {
		return nil, plain(name, err)
	}
	t.onRead(real)
	return data, nil
}

// readAgain answers a file that was read before, by the name that onRead was told.
func (t *tree) readAgain(name string) ([]byte, error) {
	info, err := t.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > t.maxBytes {
		return nil, errNoFile
	}
	return t.root.ReadFile(name)
}

// list answers the names in a folder, sorted.
func (t *tree) list(folder string) ([]string, error) {
	real, err := t.resolve(folder)
	if err != nil {
		return nil, err
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
	if real != path.Clean(folder) {
		t.onRead(real)
	}
	slices.Sort(names)
	return names, nil
}

// walk visits the files below a folder, sorted by path at each level. What skip
// wants left out is left out with all below it; of a link it is asked twice, for
// the link and for what it leads to.
func (t *tree) walk(folder string, skip func(path string, info fs.FileInfo) bool, visit func(path string) error) error {
	return t.walkBelow(folder, nil, skip, visit)
}

func (t *tree) walkBelow(folder string, above []string, skip func(string, fs.FileInfo) bool, visit func(string) error) error {
	real, err := t.resolve(folder)
	if err != nil {
		return err
	}
	if slices.Contains(above, real) {
		return in(folder, errCircular)
	}
	names, err := t.list(folder)
	if err != nil {
		return err
	}
	for _, name := range names {
		child := path.Join(folder, name)
		unfollowed, err := t.root.Lstat(path.Join(real, name))
		if err != nil {
			return plain(child, err)
		}
		if skip(child, unfollowed) {
			continue
		}
		info, err := t.stat(child)
		if err != nil {
			return err
		}
		if unfollowed.Mode()&fs.ModeSymlink != 0 && skip(child, info) {
			continue
		}
		if info.IsDir() {
			err = t.walkBelow(child, append(above, real), skip, visit)
		} else {
			err = visit(child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
