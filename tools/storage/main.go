// The local Cloud Storage service: fake-gcs-server's own handler on a free port.
// It prints its URL on one line and lives as long as its standard input.
//
// It adds the one limit of the real service that programs trip over: an object
// takes about one write a second, and 429 beyond a short burst.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
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
	go http.Serve(listener, limitWrites(server.HTTPHandler()))
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
