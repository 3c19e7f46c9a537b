package main

import (
	"crypto"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/google/uuid"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// seeded replaces the template functions that differ from run to run: random
// ones draw from the environment's seed, the clock stands at the time recorded
// with it, and what Go's maps shuffle is sorted. A value depends on the seed, the
// release, the template, the function, its arguments, and on how many equal
// calls that template made before: other templates and other calls don't matter.
type seeded struct {
	dialog  *dialog
	release string
	// entered is told of every template as it is executed.
	entered func(template string)
	// executing are the templates being executed, the innermost last.
	executing []execution
}

type execution struct {
	template string
	calls    map[string]int
}

func (s *seeded) functions() template.FuncMap {
	functions := template.FuncMap{
		enterFunction:   s.enter,
		leaveFunction:   s.leave,
		"randInt":       s.randInt,
		"shuffle":       s.shuffle,
		"uuidv4":        s.uuidv4,
		"genPrivateKey": s.genPrivateKey,
		"now":           s.now,
		"ago":           s.ago,
		"keys":          sortedKeys,
		"values":        valuesByKey,
	}
	s.addDates(functions)
	s.addCertificates(functions)
	s.addRandomText(functions)
	return functions
}

// The functions that surround every template. The parser knows where a template
// begins; a function that it calls does not.
const (
	enterFunction = "_enterTemplate"
	leaveFunction = "_leaveTemplate"
)

// mark surrounds the templates of a chart and of its dependencies by what tells
// which of them is executing, and answers how to undo it. A template that is
// included by its path tells its own name, so that a checksum of a Secret's
// template is that Secret's.
func (s *seeded) mark(c *chart.Chart) (unmark func()) {
	var undo []func()
	for _, owner := range withDependencies(c) {
		for _, file := range owner.Templates {
			original := file.Data
			name := strconv.Quote(owner.ChartFullPath() + "/" + file.Name)
			file.Data = slices.Concat([]byte("{{"+enterFunction+" "+name+"}}"), original, []byte("{{"+leaveFunction+"}}"))
			undo = append(undo, func() { file.Data = original })
		}
	}
	return func() {
		s.executing = nil
		for _, restore := range undo {
			restore()
		}
	}
}

func (s *seeded) enter(template string) string {
	s.executing = append(s.executing, execution{template, map[string]int{}})
	s.entered(template)
	return ""
}

func (s *seeded) leave() string {
	s.executing = s.executing[:len(s.executing)-1]
	if last := len(s.executing) - 1; last >= 0 {
		s.entered(s.executing[last].template)
	}
	return ""
}

// streamFor answers the stream of one call, and the time recorded with the seed.
func (s *seeded) streamFor(function string, arguments ...any) (io.Reader, time.Time, error) {
	seed, err := s.dialog.askSeed(function)
	if err != nil {
		return nil, time.Time{}, err
	}
	call := fmt.Sprintf("%s %#v", function, arguments)
	template, count := "", 0
	if last := len(s.executing) - 1; last >= 0 {
		template = s.executing[last].template
		count = s.executing[last].calls[call]
		s.executing[last].calls[call]++
	}
	return newStream(seed.Bytes, s.release, template, call, strconv.Itoa(count)), seed.Time.UTC().Truncate(time.Second), nil
}

// addRandomText takes the functions over that draw from crypto/rand's reader:
// while one of them runs, that reader is the stream.
func (s *seeded) addRandomText(functions template.FuncMap) {
	original := sprig.TxtFuncMap()
	for _, name := range []string{"randAlphaNum", "randAlpha", "randAscii", "randNumeric"} {
		draw := original[name].(func(int) string)
		functions[name] = func(count int) (string, error) {
			return s.drawing(func() (string, error) { return draw(count), nil }, name, count)
		}
	}
	randBytes := original["randBytes"].(func(int) (string, error))
	functions["randBytes"] = func(count int) (string, error) {
		return s.drawing(func() (string, error) { return randBytes(count) }, "randBytes", count)
	}
	bcrypt := original["bcrypt"].(func(string) string)
	functions["bcrypt"] = func(input string) (string, error) {
		return s.drawing(func() (string, error) { return bcrypt(input), nil }, "bcrypt", input)
	}
	htpasswd := original["htpasswd"].(func(string, string) string)
	functions["htpasswd"] = func(username, password string) (string, error) {
		return s.drawing(func() (string, error) { return htpasswd(username, password), nil }, "htpasswd", username, password)
	}
	encryptAES := original["encryptAES"].(func(string, string) (string, error))
	functions["encryptAES"] = func(password, plaintext string) (string, error) {
		return s.drawing(func() (string, error) { return encryptAES(password, plaintext) }, "encryptAES", password, plaintext)
	}
}

func (s *seeded) drawing(draw func() (string, error), function string, arguments ...any) (string, error) {
	stream, _, err := s.streamFor(function, arguments...)
	if err != nil {
		return "", err
	}
	defer func(reader io.Reader) { rand.Reader = reader }(rand.Reader)
	rand.Reader = stream
	return draw()
}

func (s *seeded) randInt(low, high int) (int, error) {
	if low >= high {
		return 0, fmt.Errorf("randInt needs a range: %d is not below %d", low, high)
	}
	stream, _, err := s.streamFor("randInt", low, high)
	if err != nil {
		return 0, err
	}
	drawn, err := below(stream, high-low)
	return low + drawn, err
}

func (s *seeded) shuffle(text string) (string, error) {
	stream, _, err := s.streamFor("shuffle", text)
	if err != nil {
		return "", err
	}
	runes := []rune(text)
	for i := len(runes) - 1; i > 0; i-- {
		other, err := below(stream, i+1)
		if err != nil {
			return "", err
		}
		runes[i], runes[other] = runes[other], runes[i]
	}
	return string(runes), nil
}

func below(stream io.Reader, limit int) (int, error) {
	drawn, err := rand.Int(stream, big.NewInt(int64(limit)))
	if err != nil {
		return 0, err
	}
	return int(drawn.Int64()), nil
}

func (s *seeded) uuidv4() (string, error) {
	stream, _, err := s.streamFor("uuidv4")
	if err != nil {
		return "", err
	}
	drawn, err := uuid.NewRandomFromReader(stream)
	return drawn.String(), err
}

func (s *seeded) genPrivateKey(kind string) (string, error) {
	stream, _, err := s.streamFor("genPrivateKey", kind)
	if err != nil {
		return "", err
	}
	key, err := newKey(kind, stream)
	if err != nil {
		return "", err
	}
	return encodeKey(key)
}

// rsaBits is the size of the keys that Helm's certificate functions make.
const rsaBits = 2048

func (s *seeded) addCertificates(functions template.FuncMap) {
	functions["genCA"] = func(name string, days int) (certificate, error) {
		return s.issue("genCA", subject{name: name, days: days, authority: true}, nil, nil)
	}
	functions["genCAWithKey"] = func(name string, days int, key string) (certificate, error) {
		return s.issue("genCAWithKey", subject{name: name, days: days, authority: true}, &key, nil)
	}
	functions["genSelfSignedCert"] = func(name string, addresses, hosts []any, days int) (certificate, error) {
		return s.issue("genSelfSignedCert", subject{name: name, addresses: addresses, hosts: hosts, days: days}, nil, nil)
	}
	functions["genSelfSignedCertWithKey"] = func(name string, addresses, hosts []any, days int, key string) (certificate, error) {
		return s.issue("genSelfSignedCertWithKey", subject{name: name, addresses: addresses, hosts: hosts, days: days}, &key, nil)
	}
	functions["genSignedCert"] = func(name string, addresses, hosts []any, days int, ca any) (certificate, error) {
		signer, err := authorityOf(ca)
		if err != nil {
			return certificate{}, err
		}
		return s.issue("genSignedCert", subject{name: name, addresses: addresses, hosts: hosts, days: days}, nil, signer)
	}
	functions["genSignedCertWithKey"] = func(name string, addresses, hosts []any, days int, ca any, key string) (certificate, error) {
		signer, err := authorityOf(ca)
		if err != nil {
			return certificate{}, err
		}
		return s.issue("genSignedCertWithKey", subject{name: name, addresses: addresses, hosts: hosts, days: days}, &key, signer)
	}
}

// issue makes a certificate, for a key that is given or for one that it makes,
// signed by an authority or by itself.
func (s *seeded) issue(function string, of subject, key *string, signer *authority) (certificate, error) {
	var given, signedBy string
	if key != nil {
		given = *key
	}
	if signer != nil {
		signedBy = string(signer.certificate.Raw)
	}
	stream, from, err := s.streamFor(function, of, given, signedBy)
	if err != nil {
		return certificate{}, err
	}
	var private crypto.Signer
	if key == nil {
		private, err = newRSAKey(stream, rsaBits)
	} else if private, err = decodeKey(*key); err != nil {
		err = fmt.Errorf("parsing private key: %w", err)
	}
	if err != nil {
		return certificate{}, err
	}
	return newCertificate(of, private, signer, from, stream)
}

func (s *seeded) now() (time.Time, error) {
	seed, err := s.dialog.askSeed("now")
	return seed.Time.UTC(), err
}

func (s *seeded) ago(date any) (string, error) {
	now, err := s.now()
	if err != nil {
		return "", err
	}
	since := now
	switch date := date.(type) {
	case time.Time:
		since = date
	case int64:
		since = time.Unix(date, 0)
	case int:
		since = time.Unix(int64(date), 0)
	}
	return now.Sub(since).Round(time.Second).String(), nil
}

// addDates takes the functions over that take the present for what they are given
// where it is no date.
func (s *seeded) addDates(functions template.FuncMap) {
	original := sprig.TxtFuncMap()
	inZone := original["dateInZone"].(func(string, any, string) string)
	format := func(layout string, date any, zone string) (string, error) {
		switch date.(type) {
		case time.Time, *time.Time, int64, int, int32:
			return inZone(layout, date, zone), nil
		}
		now, err := s.now()
		return inZone(layout, now, zone), err
	}
	functions["dateInZone"], functions["date_in_zone"] = format, format
	functions["date"] = func(layout string, date any) (string, error) { return format(layout, date, "Local") }
	functions["htmlDateInZone"] = func(date any, zone string) (string, error) { return format(time.DateOnly, date, zone) }
	functions["htmlDate"] = func(date any) (string, error) { return format(time.DateOnly, date, "Local") }
}

func sortedKeys(maps ...map[string]any) []string {
	keys := []string{}
	for _, values := range maps {
		for key := range values {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func valuesByKey(from map[string]any) []any {
	values := []any{}
	for _, key := range sortedKeys(from) {
		values = append(values, from[key])
	}
	return values
}
