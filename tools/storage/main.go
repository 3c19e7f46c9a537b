// The local Cloud Storage service: fake-gcs-server's own handler on a free port.
// It prints its URL on one line and lives as long as its standard input.
//
// It adds what programs trip over in the real service: an object takes about one
// write a second, and 429 beyond a short burst; a deletion heeds its generation;
// a list has pages, and heeds a glob.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

const (
	writesPerSecond = 1.0
	burst           = 20.0
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	address := listener.Addr().String()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener:  true,
		Scheme:      "http",
		PublicHost:  address,
		ExternalURL: "http://" + address,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go http.Serve(listener, limitWrites(heedPreconditions(listByGlob(server.HTTPHandler()))))
	fmt.Println("http://" + address)
	io.Copy(io.Discard, os.Stdin)
}

type bucket struct {
	tokens float64
	seen   time.Time
}

func limitWrites(next http.Handler) http.Handler {
	var mutex sync.Mutex
	buckets := map[string]*bucket{}
	allow := func(object string) bool {
		mutex.Lock()
		defer mutex.Unlock()
		now := time.Now()
		b := buckets[object]
		if b == nil {
			b = &bucket{tokens: burst, seen: now}
			buckets[object] = b
		}
		b.tokens = min(burst, b.tokens+now.Sub(b.seen).Seconds()*writesPerSecond)
		b.seen = now
		if b.tokens < 1 {
			return false
		}
		b.tokens--
		return true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if r.Method == http.MethodPost && name != "" && strings.HasPrefix(r.URL.Path, "/upload/") && !allow(r.URL.Path+"/"+name) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprintf(w, `{"error":{"code":429,"message":"The object %s exceeded the rate limit for object mutation operations","errors":[{"reason":"rateLimitExceeded"}]}}`, name)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// heedPreconditions lets a DELETE with ifGenerationMatch delete that generation alone, as Cloud Storage does and the
// server behind it does not: https://cloud.google.com/storage/docs/request-preconditions. Writes of the object wait
// meanwhile.
func heedPreconditions(next http.Handler) http.Handler {
	var objects sync.Map
	lock := func(object string) func() {
		found, _ := objects.LoadOrStore(object, &sync.Mutex{})
		mutex := found.(*sync.Mutex)
		mutex.Lock()
		return mutex.Unlock
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		object, ok := objectOf(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		defer lock(object)()
		wanted := r.URL.Query().Get("ifGenerationMatch")
		if r.Method == http.MethodDelete && wanted != "" {
			if live, found := generationOf(next, r); found && live != wanted {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusPreconditionFailed)
				fmt.Fprint(w, `{"error":{"code":412,"message":"At least one of the pre-conditions you specified did not hold.","errors":[{"reason":"conditionNotMet"}]}}`)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// objectOf tells which object a request writes or deletes, where it does either.
func objectOf(r *http.Request) (string, bool) {
	_, after, found := strings.Cut(r.URL.EscapedPath(), "/b/")
	bucket, rest, isObject := strings.Cut(after, "/o")
	if !found || !isObject {
		return "", false
	}
	switch r.Method {
	case http.MethodPost:
		name := r.URL.Query().Get("name")
		return bucket + "/" + name, name != ""
	case http.MethodDelete:
		name, err := url.PathUnescape(strings.TrimPrefix(rest, "/"))
		return bucket + "/" + name, err == nil && name != ""
	default:
		return "", false
	}
}

// generationOf asks for the live generation of the object that a DELETE is about.
func generationOf(next http.Handler, deletion *http.Request) (string, bool) {
	read := deletion.Clone(deletion.Context())
	read.Method = http.MethodGet
	read.URL.RawQuery = ""
	read.Body = http.NoBody
	answer := &recorded{header: http.Header{}}
	next.ServeHTTP(answer, read)
	var metadata struct {
		Generation string `json:"generation"`
	}
	if answer.status >= 300 || json.Unmarshal(answer.body.Bytes(), &metadata) != nil {
		return "", false
	}
	return metadata.Generation, true
}

type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header             { return r.header }
func (r *recorded) WriteHeader(status int)          { r.status = status }
func (r *recorded) Write(part []byte) (int, error) { return r.body.Write(part) }
