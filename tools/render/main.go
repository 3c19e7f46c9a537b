// Render turns sources of a repository (Helm charts, Kustomize overlays, plain
// manifests) into Kubernetes objects, each read by the library that owns its
// format. It reads JSON requests from standard input, one after the other, and
// writes JSON lines for each:
//
//	{"object": {…}, "source": "charts/shop/templates/web.yaml"}
//	{"hook": {…}, "source": "…", "release": "shop", "events": ["pre-install"]}
//	{"read": "charts/shop/values.yaml"}
//	{"missed": "charts/base"}, where nothing could be read
//	{"manifest": "9f2c…"}, then its objects and hooks, unless the request says that it is known
//	{"at": {"source": "chart charts/shop"}}, then {"at": {"file": "charts/shop/templates/web.yaml"}} as it is executed
//	{"error": {"source": "chart charts/shop", "file": "…", "message": "…"}}
//	{"done": true}
//
// Where a template needs what only the cluster knows, it asks, and reads one JSON
// value as the answer from standard input:
//
//	{"seed": "randAlphaNum"}  {"seed": "<base64>", "time": "2026-11-21T01:02:03Z"}
//	{"lookup": {"apiVersion": "v1", "kind": "Secret", "namespace": "acme", "name": "db"}}  {"found": {…}}, null or a list; {"refused": "…"}
//
// Where the request says which paths are whole, the checkout is a partial one, and
// the render asks for each other file and folder before it reads it:
//
//	{"need": "bases/claims"}  {"absent": […]}; {"absent": [], "unknown": true}
//
// After an error line it exits with 1; after a done line it reads the next
// request, and exits with 0 where there is none, or where it holds much memory.
// It reads nothing outside the request's root, calls nobody, starts nothing, and
// lives within the request's limits.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"sigs.k8s.io/kustomize/kyaml/openapi"
	// A zone means the same wherever the program runs.
	_ "time/tzdata"
)

type request struct {
	Root string `json:"root"`
	// Absent is what the repository holds, and root does not.
	Absent []absent `json:"absent"`
	// Whole are the paths that a partial root holds; null where it holds all.
	Whole             []string `json:"whole"`
	Sources           []source `json:"sources"`
	Namespace         string   `json:"namespace"`
	KubernetesVersion string   `json:"kubernetesVersion"`
	APIVersions       []string `json:"apiVersions"`
	Lookup            bool     `json:"lookup"`
	// Known are manifests that the caller knows the objects of, as lines named them.
	Known  []string `json:"known"`
	Limits limits   `json:"limits"`
}

// A source is one of three kinds, told apart by Kind: helm (Chart, Release,
// Values, and "skip" as CRDs where those are left out), kustomize (Folder),
// manifests (Path).
type source struct {
	Kind    string   `json:"kind"`
	Chart   string   `json:"chart"`
	Release string   `json:"release"`
	Values  []string `json:"values"`
	CRDs    string   `json:"crds"`
	Folder  string   `json:"folder"`
	Path    string   `json:"path"`
}

func (s source) String() string {
	switch s.Kind {
	case "helm":
		return "chart " + s.Chart
	case "kustomize":
		return "overlay " + s.Folder
	default:
		return "manifests " + s.Path
	}
}

// memoryOfAByte is what parsing a byte of YAML takes at most where nobody means
// harm: a file that would not fit is refused by its size, before it is read.
const memoryOfAByte = 16

type limits struct {
	Seconds   uint64 `json:"seconds"`
	Mebibytes uint64 `json:"mebibytes"`
}

// fileError is an error that is known to lie in one file, whose path err leaves
// to it to tell.
type fileError struct {
	file string
	err  error
}

func (e *fileError) Error() string { return e.file + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

func in(file string, err error) error { return &fileError{file, err} }

func main() {
	closeOff()
	input := json.NewDecoder(os.Stdin)
	input.DisallowUnknownFields()
	for isFirst := true; ; isFirst = false {
		var req request
		err := input.Decode(&req)
		if errors.Is(err, io.EOF) && !isFirst {
			return
		}
		lines := newLines(os.Stdout)
		var failed *errorLine
		if err != nil {
			failed = &errorLine{Source: "request", Message: err.Error()}
		} else {
			failed = run(req, input, lines)
		}
		if failed != nil {
			lines.error(*failed)
		} else {
			lines.done()
		}
		if err := lines.flush(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if failed != nil {
			os.Exit(1)
		}
		if !makeRoom() {
			return
		}
	}
}

// keptMemory is what a process may hold between two requests: the limits of the
// next one are those of the whole process.
const keptMemory = 64 << 20

// makeRoom says whether there is room for another request.
func makeRoom() bool {
	held := func() uint64 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapSys - stats.HeapReleased
	}
	if held() <= keptMemory {
		return true
	}
	debug.FreeOSMemory()
	return held() <= keptMemory
}

func run(req request, answers *json.Decoder, lines *lines) *errorLine {
	if err := confine(req.Limits); err != nil {
		return &errorLine{Source: "request", Message: "limits: " + err.Error()}
	}
	root, err := os.OpenRoot(req.Root)
	if err != nil {
		return &errorLine{Source: "request", Message: "root: " + err.Error()}
	}
	defer root.Close()
	dialog := newDialog(lines, answers, req.Lookup)
	files := &tree{root: root, absences: newAbsences(req.Absent), here: newPresence(req.Whole, dialog.askNeed), maxBytes: int64(req.Limits.Mebibytes<<20) / memoryOfAByte, onRead: lines.read, onMiss: lines.miss}
	for _, src := range req.Sources {
		lines.at(place{Source: src.String()})
		if err := render(src, req, files, lines, dialog); err != nil {
			line := errorLine{Source: src.String(), Message: err.Error()}
			var at *fileError
			if errors.As(err, &at) {
				line.File, line.Message = at.file, at.err.Error()
			}
			told := tellError(line, files, lines, dialog)
			return &told
		}
	}
	return nil
}

// render answers a panic of a library as an error: one bad chart is no crash.
func render(src source, req request, files *tree, lines *lines, dialog *dialog) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("the library panicked: %v", problem)
		}
	}()
	switch src.Kind {
	case "helm":
		return renderChart(src, req, files, lines, dialog)
	case "kustomize":
		// An overlay may bring a schema of its own, which kyaml keeps for the process.
		defer openapi.ResetOpenAPI()
		return renderOverlay(src.Folder, files, lines)
	case "manifests":
		return renderManifests(src.Path, req.Known, files, lines)
	default:
		return fmt.Errorf("unknown kind of source %q", src.Kind)
	}
}

// closeOff takes away what a library could reach the world with. Kustomize
// fetches over Go's default transport and by a git found on PATH.
func closeOff() {
	os.Clearenv()
	http.DefaultTransport = noNetwork{}
	time.Local = time.UTC
	log.SetOutput(io.Discard)
	slog.SetDefault(slog.New(slog.DiscardHandler))
}

type noNetwork struct{}

func (noNetwork) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("remote files are not supported, a render calls nobody: %s", req.URL)
}

// confine lets the kernel hold the limits: the runtime's own memory limit is
// advice to its collector. RLIMIT_DATA counts what is writable, unlike
// RLIMIT_AS, which the address space that Go only reserves would exhaust. Wall
// time is the caller's to hold; the processor time here stops an orphan.
func confine(limits limits) error {
	if limits.Seconds == 0 || limits.Mebibytes == 0 {
		return errors.New("seconds and mebibytes must be given")
	}
	memory := limits.Mebibytes << 20
	debug.SetMemoryLimit(int64(memory / 10 * 9))
	// A render is over in a moment: collecting less often took a quarter off it.
	debug.SetGCPercent(400)
	// A self-referring alias recurses without end in Kustomize, and a stack
	// overflow can't be caught: die of it early.
	debug.SetMaxStack(min(64<<20, int(memory/4)))
	debug.SetTraceback("none")
	data := syscall.Rlimit{Cur: memory, Max: memory}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &data); err != nil {
		return err
	}
	if err := confineSpace(memory); err != nil {
		return err
	}
	return confineProcessor(limits.Seconds)
}

// confineProcessor counts from now on: the next request has its own time. So the
// limit above it stays where it is, as nobody may raise that again.
func confineProcessor(seconds uint64) error {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return err
	}
	var processor syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CPU, &processor); err != nil {
		return err
	}
	before := uint64(used.Utime.Sec + used.Stime.Sec + 2)
	processor.Cur = min(processor.Max, before+(seconds+1)*uint64(runtime.NumCPU()))
	return syscall.Setrlimit(syscall.RLIMIT_CPU, &processor)
}
