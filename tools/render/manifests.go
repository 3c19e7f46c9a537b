package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
)

// renderManifests renders one file, or every manifest below a folder. Of those
// that the caller knows it writes no more than which they are.
func renderManifests(name string, known []string, files *tree, lines *lines) error {
	info, err := files.stat(name)
	if err != nil {
		return err
	}
	ids := make(map[string]bool, len(known))
	for _, id := range known {
		ids[id] = true
	}
	visit := func(file string, err error) error {
		if err != nil {
			return err
		}
		return renderManifest(file, ids, files, lines)
	}
	if !info.IsDir() {
		return visit(name, nil)
	}
	return files.walk(name, isNoManifest, visit)
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

func renderManifest(file string, known map[string]bool, files *tree, lines *lines) error {
	data, err := files.readText(file)
	if err != nil {
		return err
	}
	id := manifestID(file, data)
	lines.manifest(id)
	if known[id] {
		return nil
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

// manifestID names a manifest by all that its objects are a function of: its
// content, and the path that they are told to come from.
func manifestID(file string, data []byte) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\x00", file)
	hash.Write(data)
	return hex.EncodeToString(hash.Sum(nil)[:16])
}
