package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// The most objects that Cloud Storage lists in one answer: https://cloud.google.com/storage/docs/json_api/v1/objects/list.
const largestPage = 1000

// listByGlob answers a list with matchGlob, which the server behind it ignores, and no list with more than a page of
// objects. Of glob patterns it knows `*` (anything but `/`), `**` (anything) and `?` (one character but `/`).
func listByGlob(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !isList(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		query := r.URL.Query()
		limit, err := strconv.Atoi(query.Get("maxResults"))
		if err != nil || limit < 1 || limit > largestPage {
			limit = largestPage
		}
		glob := query.Get("matchGlob")
		if glob == "" {
			query.Set("maxResults", strconv.Itoa(limit))
			next.ServeHTTP(w, withQuery(r, query.Encode()))
			return
		}
		for _, handledHere := range []string{"matchGlob", "maxResults"} {
			query.Del(handledHere)
		}
		answer := &recorded{header: http.Header{}, status: http.StatusOK}
		next.ServeHTTP(answer, withQuery(r, query.Encode()))
		writeMatching(w, answer, expressionOf(glob), limit)
	})
}

// writeMatching passes on the objects of an answer whose names match, a page of them: the token is the name that the
// next page begins with, as it is to the server behind.
func writeMatching(w http.ResponseWriter, answer *recorded, names *regexp.Regexp, limit int) {
	var list struct {
		Kind          string            `json:"kind"`
		Items         []json.RawMessage `json:"items,omitempty"`
		NextPageToken string            `json:"nextPageToken,omitempty"`
	}
	if answer.status != http.StatusOK || json.Unmarshal(answer.body.Bytes(), &list) != nil {
		w.WriteHeader(answer.status)
		w.Write(answer.body.Bytes())
		return
	}
	var matching []json.RawMessage
	for _, item := range list.Items {
		var object struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(item, &object) != nil || !names.MatchString(object.Name) {
			continue
		}
		if len(matching) == limit {
			list.NextPageToken = object.Name
			break
		}
		matching = append(matching, item)
	}
	list.Items = matching
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(list)
}

func isList(path string) bool {
	_, after, found := strings.Cut(path, "/storage/v1/b/")
	_, rest, isObjects := strings.Cut(after, "/")
	return found && isObjects && strings.TrimSuffix(rest, "/") == "o"
}

func withQuery(r *http.Request, query string) *http.Request {
	changed := r.Clone(r.Context())
	changed.URL.RawQuery = query
	changed.RequestURI = changed.URL.RequestURI()
	return changed
}

func expressionOf(glob string) *regexp.Regexp {
	expression := regexp.QuoteMeta(glob)
	for _, translated := range [][2]string{{`\*\*`, `.{0,}`}, {`\*`, `[^/]{0,}`}, {`\?`, `[^/]`}} {
		expression = strings.ReplaceAll(expression, translated[0], translated[1])
	}
	return regexp.MustCompile("^" + expression + "$")
}
