package main

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
)

// renderManifests renders one file, or every manifest below a folder.
func renderManifests(name string, files *tree, lines *lines) error {
	info, err := files.stat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return renderManifest(name, files, lines)
	}
	return files.walk(name, isNoManifest, func(file string) error {
		return renderManifest(file, files, lines)
	})
}

func isNoManifest(name string, info fs.FileInfo) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, ".") {
		return true
	}
	if !info.Mode().IsRegular() {
		return false
	}
	return !isManifestName(base) || slices.Contains(konfig.RecognizedKustomizationFileNames(), base)
}

func isManifestName(base string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(base))
}

func renderManifest(file string, files *tree, lines *lines) error {
	data, err := files.readFile(file)
	if err != nil {
		return err
	}
	if err := refuseDuplicateKeys(data); err != nil {
		return in(file, err)
	}
	objects, err := readDocuments(data, 1)
	if err != nil {
		return in(file, err)
	}
	for _, object := range objects {
		lines.rendered(object, file, manifestsRelease)
	}
	return nil
}
