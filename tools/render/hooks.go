package main

import (
	"slices"
	"strings"
)

const hookAnnotation = "helm.sh/hook"

// Hooks that only `helm test` runs; the last two are Helm 2's names.
var testEvents = []string{"test", "test-success", "test-failure"}

// manifestsRelease is whose hooks those of plain manifests and overlays are:
// no Helm release can have this name. Rendered charts are often kept as plain
// manifests, and what is a hook there must not be applied as an object: a
// pre-delete hook wipes data, a test is built to fail.
const manifestsRelease = "(manifests)"

// rendered writes an object as what it is: an ordinary one, a hook, or nothing
// at all for a test.
func (l *lines) rendered(object object, source, release string) {
	events, isHook := hookEvents(object)
	switch {
	case !isHook:
		l.object(object.raw, source)
	case slices.ContainsFunc(events, func(event string) bool { return !slices.Contains(testEvents, event) }):
		l.hook(hookLine{object.raw, source, release, events})
	}
}

func hookEvents(object object) ([]string, bool) {
	annotation, isHook := object.annotations[hookAnnotation]
	if !isHook {
		return nil, false
	}
	events := strings.Split(text(annotation), ",")
	for index, event := range events {
		events[index] = strings.ToLower(strings.TrimSpace(event))
	}
	return events, true
}
