package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"
)

// loadedChart knows where in the repository each file of a chart came from.
type loadedChart struct {
	name  string
	chart *chart.Chart
	// origins is keyed by the first byte of a file's content: the loader passes
	// contents on without copying, while it renames files, and charts by their
	// alias. A file of a packaged chart is not in here.
	origins map[*byte]string
	// withoutCRDs says that the definitions in crds/ are left out.
	withoutCRDs bool
	buffered    []*archive.BufferedFile
	// unread are errors of files that only a template may ask for.
	unread []error
}

// skipCRDs, as a source's CRDs, leaves the definitions in crds/ out, as Helm's --skip-crds does.
const skipCRDs = "skip"

// origin answers the path of a file from the root of the repository; for one
// inside a package, its path in the chart as if it were unpacked.
func (l *loadedChart) origin(owner *chart.Chart, file *common.File) string {
	if origin, ok := l.originOf(file); ok {
		return origin
	}
	_, below, _ := strings.Cut(path.Join(owner.ChartFullPath(), file.Name), "/")
	return path.Join(l.name, below)
}

// originOf answers the file of the repository that a file of the chart is.
func (l *loadedChart) originOf(file *common.File) (string, bool) {
	if len(file.Data) == 0 {
		return "", false
	}
	origin, ok := l.origins[&file.Data[0]]
	return origin, ok
}

// loadChart reads a chart, without its definitions where they are left out.
func loadChart(src source, files *tree, lines *lines) (*loadedChart, error) {
	info, err := files.stat(src.Chart)
	if err != nil {
		return nil, err
	}
	loaded := &loadedChart{name: path.Clean(src.Chart), withoutCRDs: src.CRDs == skipCRDs, origins: map[*byte]string{}}
	if info.IsDir() {
		err = loaded.readFolder(files)
	} else {
		err = loaded.readPackage(files)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		for _, file := range loaded.buffered {
			lines.evidence[file.Name] = file.Data
		}
	}
	loaded.chart, err = loader.LoadFiles(loaded.buffered)
	if err != nil {
		return nil, in(src.Chart, err)
	}
	for _, c := range withDependencies(loaded.chart) {
		for _, file := range c.Raw {
			if _, isFile := loaded.originOf(file); !isFile {
				lines.evidence[path.Join(c.ChartFullPath(), file.Name)] = file.Data
			}
		}
	}
	return loaded, nil
}

var byteOrderMark = []byte{0xef, 0xbb, 0xbf}

func (l *loadedChart) readFolder(files *tree) error {
	rules, err := ignoreRules(path.Join(l.name, ignore.HelmIgnore), files)
	if err != nil {
		return err
	}
	inChart := func(file string) string { return strings.TrimPrefix(file, l.name+"/") }
	ignored := func(file string, info fs.FileInfo) bool {
		return rules.Ignore(inChart(file), info) || roleOf(inChart(file)) == passedOver
	}
	return files.walk(l.name, ignored, func(file string, err error) error {
		var data []byte
		if err == nil {
			data, err = files.readFile(file)
		}
		if err == nil {
			data, err = l.take(inChart(file), data)
		}
		if err != nil {
			return l.unreadable(inChart(file), err)
		}
		if len(data) > 0 {
			l.origins[&data[0]] = file
		}
		return nil
	})
}

func (l *loadedChart) readPackage(files *tree) error {
	data, err := files.readFile(l.name)
	if err != nil {
		return err
	}
	packed, err := unpack(data)
	if err != nil {
		return in(l.name, err)
	}
	for _, file := range packed {
		if roleOf(file.Name) == passedOver {
			continue
		}
		if isPointer(file.Data) {
			err = in(path.Join(l.name, file.Name), errLargeFile)
		} else {
			_, err = l.take(file.Name, file.Data)
		}
		if err == nil {
			continue
		}
		if err := l.unreadable(file.Name, err); err != nil {
			return err
		}
	}
	return nil
}

// take keeps a file, name being its path in the chart, and answers its content as
// it is kept: what is text to Helm is UTF-8. Other files are bytes.
func (l *loadedChart) take(name string, data []byte) ([]byte, error) {
	data, err := contentOf(name, data)
	if err != nil {
		return nil, in(path.Join(l.name, name), err)
	}
	l.buffered = append(l.buffered, &archive.BufferedFile{Name: name, Data: data})
	return data, nil
}

// unreadable answers the error of a file that Helm reads by itself, and remembers
// that of one that only a template may ask for.
func (l *loadedChart) unreadable(name string, err error) error {
	role := roleOf(name)
	if role == other || role == definition && l.withoutCRDs {
		l.unread = append(l.unread, err)
		return nil
	}
	return err
}

// A role is what a file of a chart is to Helm.
type role int

const (
	// other files are read by templates only (`.Files`).
	other role = iota
	// document is YAML or JSON of which Helm reads the first document only.
	document
	// plainText is a template, values, a schema.
	plainText
	definition
	packaged
	// passedOver is what Helm leaves out of charts/.
	passedOver
	// misplaced is a file where Helm looks for a folder, or the reverse: Helm would take it for any other file.
	misplaced
)

var documents = []string{"Chart.yaml", "Chart.lock", "requirements.yaml", "requirements.lock"}

// roleOf takes the path of a file in its chart, subcharts included, or of a link
// or folder there that can't be read.
func roleOf(name string) role {
	first, below, isBelow := strings.Cut(name, "/")
	switch {
	case slices.Contains([]string{"templates", "crds", "charts"}, name):
		return misplaced
	case first == "charts":
		return roleInCharts(below)
	case first == "templates":
		return plainText
	case first == "crds" && isManifestName(strings.ToLower(path.Base(name))):
		return definition
	case slices.Contains(documents, first) || first == "values.yaml" || first == "values.schema.json":
		if isBelow {
			return misplaced
		}
		if slices.Contains(documents, first) {
			return document
		}
		return plainText
	default:
		return other
	}
}

func roleInCharts(below string) role {
	subchart, inSubchart, isFolder := strings.Cut(below, "/")
	switch {
	case strings.IndexAny(subchart, "_.") == 0:
		return passedOver
	case path.Ext(below) == ".prov":
		return other
	case !isFolder:
		return packaged
	default:
		return roleOf(inSubchart)
	}
}

func contentOf(name string, data []byte) ([]byte, error) {
	switch roleOf(name) {
	case document:
		decoded, err := decodeText(data)
		if err == nil && holdsSeveral(decoded) {
			err = errors.New("holds several documents, of which Helm reads the first only")
		}
		return decoded, err
	case plainText, definition:
		return decodeText(data)
	case packaged:
		return data, refuseUnreadPackage(name, data)
	case misplaced:
		return nil, errMisplaced
	default:
		return bytes.TrimPrefix(data, byteOrderMark), nil
	}
}

var errMisplaced = errors.New("is where Helm looks for something else: templates, crds and charts are folders, and the others are files")

// refuseUnreadPackage looks into a packaged subchart, which Helm unpacks by itself.
func refuseUnreadPackage(name string, data []byte) error {
	if path.Ext(name) != ".tgz" {
		return errors.New("is no chart: charts/ holds folders and packages that end in .tgz")
	}
	packed, err := unpack(data)
	if err != nil {
		return err
	}
	for _, file := range packed {
		if isPointer(file.Data) {
			return fmt.Errorf("%s in this package %w", file.Name, errLargeFile)
		}
		content, err := contentOf(file.Name, file.Data)
		if err == nil && len(content) != len(file.Data) && roleOf(file.Name) != other {
			err = errors.New("is not in UTF-8: unpack the chart, or save it as UTF-8")
		}
		if err != nil {
			return fmt.Errorf("%s in this package: %w", file.Name, err)
		}
	}
	return nil
}

// unpack answers the files of a packaged chart. Helm would take a link in it for
// an empty file.
func unpack(data []byte) ([]*archive.BufferedFile, error) {
	packed, err := archive.LoadArchiveFiles(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("is not a packaged chart: %w", err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	for entries := tar.NewReader(unzipped); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return packed, nil
		}
		if err != nil {
			return nil, err
		}
		switch entry.Typeflag {
		case tar.TypeReg, tar.TypeDir, tar.TypeXHeader, tar.TypeXGlobalHeader:
		default:
			return nil, fmt.Errorf("holds %s, which is neither a file nor a folder: package the chart with helm package", entry.Name)
		}
	}
}

// refuseTwins refuses two charts of one name in charts/, whose templates would
// replace each other in an order that differs from run to run. Two that are the
// same do no harm: a package beside the folder that it was unpacked to.
func (l *loadedChart) refuseTwins(c *chart.Chart) error {
	byName := map[string]*chart.Chart{}
	for _, dependency := range c.Dependencies() {
		if other, twice := byName[dependency.Name()]; twice && !sameFiles(other, dependency) {
			versions := []string{other.Metadata.Version, dependency.Metadata.Version}
			slices.Sort(versions)
			return in(path.Join(l.origin(c, &common.File{Name: "charts"})), fmt.Errorf("holds two charts named %s (versions %s): remove one of them", dependency.Name(), strings.Join(versions, " and ")))
		}
		byName[dependency.Name()] = dependency
		if err := l.refuseTwins(dependency); err != nil {
			return err
		}
	}
	return nil
}

func sameFiles(a, b *chart.Chart) bool {
	contents := func(c *chart.Chart) map[string]string {
		found := make(map[string]string, len(c.Raw))
		for _, file := range c.Raw {
			found[file.Name] = string(file.Data)
		}
		return found
	}
	return maps.Equal(contents(a), contents(b))
}

// speaksOfFiles is how a template, or values that are a template, reach a file.
var speaksOfFiles = regexp.MustCompile(`\bFiles\b`)

// refuseUnreadFiles refuses what could not be read where a template might ask for
// it: Helm would answer that there is no such file.
func (l *loadedChart) refuseUnreadFiles(values []string, files *tree) error {
	if len(l.unread) == 0 {
		return nil
	}
	for _, c := range withDependencies(l.chart) {
		for _, file := range c.Raw {
			if role := roleOf(file.Name); role == plainText && speaksOfFiles.Match(file.Data) {
				return l.unreadFile()
			}
		}
	}
	for _, name := range values {
		if data, err := files.readText(name); err != nil || speaksOfFiles.Match(data) {
			return l.unreadFile()
		}
	}
	return nil
}

func (l *loadedChart) unreadFile() error {
	const reached = "a template of the chart speaks of .Files; what none needs, .helmignore can leave out"
	var at *fileError
	if err := l.unread[0]; !errors.As(err, &at) {
		return fmt.Errorf("%w (%s)", err, reached)
	}
	return in(at.file, fmt.Errorf("%w (%s)", at.err, reached))
}

func ignoreRules(file string, files *tree) (*ignore.Rules, error) {
	rules := ignore.Empty()
	data, err := files.readText(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		if rules, err = ignore.Parse(bytes.NewReader(data)); err != nil {
			return nil, in(file, err)
		}
	}
	rules.AddDefaults()
	return rules, nil
}
