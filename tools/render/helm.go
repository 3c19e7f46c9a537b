package main

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// renderChart renders a chart as a first install of its release would, for the
// cluster that the request describes: CRDs of `crds/` first, unless they are
// left out, then the templates in the order of their names.
func renderChart(src source, req request, files *tree, lines *lines, dialog *dialog) error {
	loaded, err := loadChart(src, files, lines)
	if err != nil {
		return err
	}
	values, err := loadValues(src.Values, files)
	if err != nil {
		return err
	}
	capabilities, err := capabilities(req)
	if err != nil {
		return err
	}
	if err := checkChart(loaded.chart, capabilities); err != nil {
		return in(path.Join(src.Chart, "Chart.yaml"), err)
	}
	if err := loaded.refuseInexactValues(); err != nil {
		return err
	}
	if err := loaded.refuseUnreadFiles(src.Values, files); err != nil {
		return err
	}
	if err := chartutil.ProcessDependencies(loaded.chart, values); err != nil {
		return err
	}
	if err := loaded.refuseTwins(loaded.chart); err != nil {
		return err
	}
	release := common.ReleaseOptions{Name: src.Release, Namespace: req.Namespace, Revision: 1, IsInstall: true}
	// Helm's own check of the schema would fetch what a $ref names.
	top, err := commonutil.ToRenderValuesWithSchemaValidation(loaded.chart, values, release, capabilities, true)
	if err != nil {
		return err
	}
	coalesced, err := top.Table("Values")
	if err != nil {
		return err
	}
	if err := loaded.checkSchemas(coalesced); err != nil {
		return err
	}
	if !loaded.withoutCRDs {
		if err := loaded.renderCRDs(lines); err != nil {
			return err
		}
	}
	origins := loaded.templateOrigins()
	entered := func(template string) { lines.at(place{File: origins[template]}) }
	rendered, err := loaded.execute(top, &seeded{dialog: dialog, release: src.Release, entered: entered})
	if err != nil {
		return err
	}
	return loaded.renderTemplates(src.Release, rendered, lines)
}

// loadValues merges values files, later ones over earlier ones.
func loadValues(names []string, files *tree) (map[string]any, error) {
	values := map[string]any{}
	for _, name := range names {
		data, err := files.readText(name)
		if err != nil {
			return nil, err
		}
		read, err := loader.LoadValues(bytes.NewReader(data))
		if err == nil {
			err = refuseInexact(data)
		}
		if err != nil {
			return nil, in(name, err)
		}
		values = loader.MergeMaps(values, read)
	}
	return values, nil
}

// capabilities are the cluster's, with nothing of Helm's own list of APIs.
func capabilities(req request) (*common.Capabilities, error) {
	version, err := common.ParseKubeVersion(req.KubernetesVersion)
	if err != nil {
		return nil, fmt.Errorf("Kubernetes version %q: %w", req.KubernetesVersion, err)
	}
	return &common.Capabilities{
		KubeVersion: *version,
		APIVersions: req.APIVersions,
		HelmVersion: common.DefaultCapabilities.HelmVersion,
	}, nil
}

// checkChart refuses what Helm's install action refuses before it renders.
func checkChart(c *chart.Chart, capabilities *common.Capabilities) error {
	metadata := c.Metadata
	if metadata.APIVersion != chart.APIVersionV1 && metadata.APIVersion != chart.APIVersionV2 {
		return fmt.Errorf("charts of apiVersion %q are not supported", metadata.APIVersion)
	}
	if metadata.Type == "library" {
		return errors.New("library charts are not installable")
	}
	if constraint := metadata.KubeVersion; constraint != "" {
		if version := capabilities.KubeVersion.String(); !chartutil.IsCompatibleRange(constraint, version) {
			return fmt.Errorf("the chart requires kubeVersion %s, the cluster has %s", constraint, version)
		}
	}
	for _, dependency := range metadata.Dependencies {
		if !slices.ContainsFunc(c.Dependencies(), func(d *chart.Chart) bool { return d.Name() == dependency.Name }) {
			return fmt.Errorf("the dependency %s is missing in charts/: commit it there (helm dependency build)", dependency.Name)
		}
	}
	return nil
}

// renderCRDs answers the objects of `crds/`, which Helm never templates, of the
// chart and of its enabled dependencies.
func (l *loadedChart) renderCRDs(lines *lines) error {
	type crdFile struct {
		origin string
		data   []byte
	}
	var found []crdFile
	for _, c := range withDependencies(l.chart) {
		for _, file := range c.Files {
			if strings.HasPrefix(file.Name, "crds/") && isManifestName(strings.ToLower(path.Base(file.Name))) {
				found = append(found, crdFile{l.origin(c, file), file.Data})
			}
		}
	}
	// The loader keeps dependencies in a map: their order differs from run to run.
	slices.SortStableFunc(found, func(a, b crdFile) int { return strings.Compare(a.origin, b.origin) })
	for _, file := range found {
		objects, err := readDocuments(file.data, 1)
		if err != nil {
			return in(file.origin, err)
		}
		for _, object := range objects {
			lines.object(object.raw, file.origin)
		}
	}
	return nil
}

func withDependencies(c *chart.Chart) []*chart.Chart {
	charts := []*chart.Chart{c}
	for _, dependency := range c.Dependencies() {
		charts = append(charts, withDependencies(dependency)...)
	}
	return charts
}

// execute executes the templates, and answers their output by name.
func (l *loadedChart) execute(values common.Values, seeded *seeded) (map[string]string, error) {
	functions := seeded.functions()
	functions["lookup"] = seeded.dialog.lookup
	templates := engine.Engine{CustomTemplateFuncs: functions}
	unmark := seeded.mark(l.chart)
	rendered, err := templates.Render(l.chart, values)
	unmark()
	if err == nil {
		return rendered, nil
	}
	// The marks stand in the first and the last line, and move what an error says of them: let Helm say it of the templates as they are.
	if rendered, err = templates.Render(l.chart, values); err != nil {
		return nil, in(templateOf(err, l.templateOrigins()), err)
	}
	return rendered, nil
}

func (l *loadedChart) templateOrigins() map[string]string {
	origins := map[string]string{}
	for _, c := range withDependencies(l.chart) {
		for _, template := range c.Templates {
			origins[path.Join(c.ChartFullPath(), template.Name)] = l.origin(c, template)
		}
	}
	return origins
}

func (l *loadedChart) renderTemplates(release string, rendered map[string]string, lines *lines) error {
	origins := l.templateOrigins()
	names := make([]string, 0, len(rendered))
	for name := range rendered {
		if !strings.HasSuffix(name, "NOTES.txt") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if strings.TrimSpace(rendered[name]) == "" {
			continue
		}
		lines.at(place{File: origins[name]})
		lines.evidence = map[string][]byte{name: []byte(rendered[name])}
		if err := renderTemplate(release, rendered[name], origins[name], lines); err != nil {
			return in(origins[name], err)
		}
	}
	return nil
}

// lookup answers what the cluster holds where the environment allows to ask, as
// Helm's own function does: an empty map for what is not there.
func (d *dialog) lookup(apiVersion, kind, namespace, name string) (map[string]any, error) {
	query := lookupQuery{apiVersion, kind, namespace, name}
	d.asked = append(d.asked, query)
	if !d.lookups {
		return nil, fmt.Errorf(
			"lookup of %s is not allowed: it makes a render depend on the cluster, and an empty answer would change what is desired; spec.lookup: true in the environment's file allows it",
			query,
		)
	}
	answer, err := d.askLookup(query)
	if err != nil {
		return nil, fmt.Errorf("lookup of %s: %w", query, err)
	}
	found := map[string]any{}
	// As in Helm, whole numbers are int64 here, and others float64.
	if err := utiljson.Unmarshal(answer, &found); err != nil {
		return nil, fmt.Errorf("lookup of %s: %w", query, err)
	}
	if found == nil {
		return map[string]any{}, nil
	}
	return found, nil
}

func (q lookupQuery) String() string {
	return fmt.Sprintf("%s %s %s", q.APIVersion, q.Kind, path.Join(q.Namespace, q.Name))
}

// templateOf finds the file that an error of the engine speaks of; the engine
// tells it in its words only.
func templateOf(err error, origins map[string]string) string {
	message, first, file := err.Error(), -1, ""
	for name, origin := range origins {
		at := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `(:\d+)?`).FindStringSubmatchIndex(message)
		if at == nil || first >= 0 && at[0] >= first {
			continue
		}
		first, file = at[0], origin
		if at[2] >= 0 {
			file += message[at[2]:at[3]]
		}
	}
	return file
}

// renderTemplate tells hooks from objects. Helm's SortManifests is not used for
// it: a hook with an event it doesn't know it drops without a word.
func renderTemplate(release, content, origin string, lines *lines) error {
	documents := releaseutil.SplitManifests(content)
	keys := make([]string, 0, len(documents))
	for key := range documents {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if releaseutil.BySplitManifestsOrder([]string{a, b}).Less(0, 1) {
			return -1
		}
		return 1
	})
	for index, key := range keys {
		objects, err := readDocuments([]byte(documents[key]), index+1)
		if err != nil {
			return err
		}
		for _, object := range objects {
			lines.rendered(object, origin, release)
		}
	}
	return nil
}
