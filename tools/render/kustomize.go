package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// Kustomize wants absolute paths: the repository stands under this one. What
// climbs above it is seen to leave the repository.
const mount = "/repository"

func renderOverlay(folder string, files *tree, lines *lines) error {
	confined := &overlayFiles{files: files, named: namedFiles{}}
	options := krusty.MakeDefaultOptions()
	// Files of neighbouring folders may be used, as by kubectl with
	// --load-restrictor; the tree is the restriction.
	options.LoadRestrictions = types.LoadRestrictionsNone
	objects, err := krusty.MakeKustomizer(options).Run(confined, path.Join(mount, folder))
	if confined.refused != nil {
		return confined.refused
	}
	if err != nil {
		return errors.New(fromRoot(err.Error()))
	}
	source := path.Join(folder, confined.kustomization)
	for _, resource := range objects.Resources() {
		raw, err := resource.MarshalJSON()
		if err != nil {
			return fmt.Errorf("%s: %w", resource.CurId(), err)
		}
		expanded, err := expand(raw)
		if err != nil {
			return err
		}
		for _, object := range expanded {
			lines.rendered(object, source, manifestsRelease)
		}
	}
	return nil
}

func fromRoot(message string) string {
	return strings.NewReplacer(mount+"/", "", mount, "the repository").Replace(message)
}

// overlayFiles shows the tree to Kustomize, read only. Kustomize takes a file it
// can't read for one that isn't there and looks further: the first refusal is
// kept, and outranks whatever Kustomize made of it.
type overlayFiles struct {
	files   *tree
	refused error
	// kustomization is the name of the first kustomization file read: the overlay's own.
	kustomization string
	// named is what the kustomization files read so far name, by path.
	named namedFiles
}

var errReadOnly = errors.New("the repository is read-only")

func (o *overlayFiles) inside(name string) (string, error) {
	if name == mount {
		return ".", nil
	}
	if inside, ok := strings.CutPrefix(filepath.Clean(name), mount+"/"); ok {
		return inside, nil
	}
	return "", o.refuse(in(fromRoot(name), errLeaves))
}

func (o *overlayFiles) refuse(err error) error {
	if o.refused == nil {
		o.refused = err
	}
	return err
}

// note keeps an error unless it says that there is no such file.
func (o *overlayFiles) note(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errFolder) || errors.Is(err, syscall.ENOTDIR) {
		return err
	}
	return o.refuse(err)
}

func (o *overlayFiles) stat(name string) (fs.FileInfo, error) {
	inside, err := o.inside(name)
	if err != nil {
		return nil, err
	}
	info, err := o.files.stat(inside)
	return info, o.note(err)
}

func (o *overlayFiles) ReadFile(name string) ([]byte, error) {
	inside, err := o.inside(name)
	if err != nil {
		return nil, err
	}
	base := path.Base(inside)
	isKustomization := slices.Contains(konfig.RecognizedKustomizationFileNames(), base)
	data, err := o.files.readFile(inside)
	if errors.Is(err, errFolder) && isKustomization && path.Ext(base) != "" {
		return nil, o.refuse(err)
	}
	if err != nil {
		return nil, o.note(err)
	}
	if !isKustomization {
		data, err = o.named.contentOf(inside, data)
	} else {
		if o.kustomization == "" {
			o.kustomization = base
		}
		data, err = o.readKustomization(path.Dir(inside), data)
	}
	if err != nil {
		return nil, o.refuse(in(inside, err))
	}
	return data, nil
}

func (o *overlayFiles) readKustomization(folder string, data []byte) ([]byte, error) {
	data, err := decodeText(data)
	if err != nil {
		return nil, err
	}
	if holdsSeveral(data) {
		return nil, errors.New("holds several documents, of which Kustomize reads the first only")
	}
	if err := refuseDuplicateKeys(data); err != nil {
		return nil, err
	}
	if err := refuseUnsupported(data); err != nil {
		return nil, err
	}
	return data, o.named.add(folder, data)
}

func (o *overlayFiles) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	inside, err := o.inside(name)
	if err != nil {
		return "", "", err
	}
	real, err := o.files.resolve(inside)
	if err != nil {
		return "", "", o.note(err)
	}
	info, err := o.files.stat(real)
	if err != nil {
		return "", "", o.note(err)
	}
	real = path.Join(mount, real)
	if info.IsDir() {
		return filesys.ConfirmedDir(real), "", nil
	}
	return filesys.ConfirmedDir(path.Dir(real)), path.Base(real), nil
}

func (o *overlayFiles) IsDir(name string) bool {
	info, err := o.stat(name)
	return err == nil && info.IsDir()
}

func (o *overlayFiles) Exists(name string) bool {
	_, err := o.stat(name)
	return err == nil
}

func (o *overlayFiles) ReadDir(name string) ([]string, error) {
	inside, err := o.inside(name)
	if err != nil {
		return nil, err
	}
	names, err := o.files.list(inside)
	return names, o.note(err)
}

func (o *overlayFiles) Create(string) (filesys.File, error)  { return nil, errReadOnly }
func (o *overlayFiles) Mkdir(string) error                   { return errReadOnly }
func (o *overlayFiles) MkdirAll(string) error                { return errReadOnly }
func (o *overlayFiles) RemoveAll(string) error               { return errReadOnly }
func (o *overlayFiles) WriteFile(string, []byte) error       { return errReadOnly }
func (o *overlayFiles) Open(string) (filesys.File, error)    { return nil, errors.ErrUnsupported }
func (o *overlayFiles) Glob(string) ([]string, error)        { return nil, errors.ErrUnsupported }
func (o *overlayFiles) Walk(string, filepath.WalkFunc) error { return errors.ErrUnsupported }

// kustomizationFields are the fields that may name something this renderer
// refuses. Entries of lists may also be inline YAML.
type kustomizationFields struct {
	Resources                   []any `json:"resources"`
	Bases                       []any `json:"bases"`
	Components                  []any `json:"components"`
	Generators                  []any `json:"generators"`
	Transformers                []any `json:"transformers"`
	Validators                  []any `json:"validators"`
	HelmCharts                  []any `json:"helmCharts"`
	HelmChartInflationGenerator []any `json:"helmChartInflationGenerator"`
}

// The forms that Kustomize itself would fetch. One that slips through still
// finds neither network nor git.
var remote = regexp.MustCompile(`^(?i:[a-z][a-z0-9+.-]*://|git::|gh:|github\.com[/:]|[\w.-]+@[\w.-]+[:/])|^[^\n]*\?(ref|version)=`)

func refuseUnsupported(kustomization []byte) error {
	var fields kustomizationFields
	if err := yaml.Unmarshal(kustomization, &fields); err != nil {
		return fmt.Errorf("invalid Kustomization: %w", err)
	}
	if len(fields.HelmCharts)+len(fields.HelmChartInflationGenerator) > 0 {
		return errors.New("helmCharts is not supported: list the chart as a source of its own")
	}
	for _, entry := range slices.Concat(fields.Resources, fields.Bases, fields.Components, fields.Generators, fields.Transformers, fields.Validators) {
		if name, ok := entry.(string); ok && remote.MatchString(name) {
			return fmt.Errorf("remote resources are not supported: commit what %q holds, and refer to it by its path", name)
		}
	}
	return nil
}
