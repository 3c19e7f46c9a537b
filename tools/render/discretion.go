package main

import (
	"encoding/base64"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/yaml"
)

// The libraries quote what they can't read: the rest of a password behind a `*`,
// a number where a text should be, a literal without a `=`. What a render is made
// of may be secret, and its errors reach logs, alerts and people. So an error is
// told by its place and its kind: of the words of a message, those that the
// sources hold as values are hidden, and a quotation is kept only where all of it
// is known to be no value.

const hidden = "***"

// shortestSecret is the length, in letters and digits, of a word that is hidden where it stands by itself.
const shortestSecret = 4

// longestWord of a sentence, in letters. What is longer is hidden unseen.
const longestWord = 100

// partsLooked is how many words are looked for within the values.
const partsLooked = 200

// evidenceBytes is how much is read of the sources to find out what of an error
// is a value. Where there is more, no quotation is kept.
const evidenceBytes = 32 << 20

// discretion knows which words of an error are values, and which are none.
type discretion struct {
	values map[string]bool
	names  map[string]bool
	// isPartial says that not all of the sources were looked at.
	isPartial bool
	left      int
	// all holds the values, each behind and before a blank, to find what is a part of one.
	all    string
	looked int
}

func newDiscretion() *discretion {
	return &discretion{values: map[string]bool{}, names: map[string]bool{}, left: evidenceBytes}
}

// reveal lets the words of a text be told, whatever the sources hold.
func (d *discretion) reveal(text string) {
	for _, word := range wordsOf(text) {
		d.names[word] = true
	}
}

func (d *discretion) learn(name string, data []byte) {
	d.reveal(name)
	if d.left -= len(data); d.left < 0 {
		d.isPartial = true
		return
	}
	content := string(data)
	switch {
	case strings.HasSuffix(name, ".schema.json"):
		d.reveal(content)
	case strings.Contains("/"+name, "/templates/"):
		d.learnActions(content)
		text := actions.ReplaceAllString(content, "")
		if !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml") {
			// What helpers say to people is put together of their text.
			for line := range strings.Lines(text) {
				d.revealSentence(line)
			}
		}
		d.learnLines(text)
	default:
		if slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(name)) {
			d.learnReferences(data)
		}
		d.learnLines(content)
	}
}

// What a Kustomization names files by.
var referring = map[string]bool{
	"resources": true, "bases": true, "components": true, "crds": true, "generators": true, "transformers": true, "validators": true,
	"configurations": true, "patchesStrategicMerge": true, "files": true, "envs": true, "env": true, "path": true,
	"fieldPath": true, "fieldPaths": true, "fieldpath": true,
}

// keyed is `key=file` of a generator; a value is taken for a file by whoever
// writes it below files instead of literals.
var keyed = regexp.MustCompile(`^([^=]*)=(.*)$`)

// withoutLiteral answers what stands there for a file: a name with a folder or an ending.
func withoutLiteral(reference string) string {
	if pair := keyed.FindStringSubmatch(reference); pair != nil && !filePath.MatchString(pair[2]) {
		return pair[1]
	}
	return reference
}

var filePath = regexp.MustCompile(`^(?:[\w.-]+/)*[\w-]*\.[A-Za-z]{1,12}$|^(?:[\w.-]+/)+[\w.-]+$`)

// What stands before the host of a URL may be a password.
var withUser = regexp.MustCompile(`\S*@\S*`)

// learnReferences reveals which files a Kustomization names. What is generated
// from a file is in that file.
func (d *discretion) learnReferences(kustomization []byte) {
	var read any
	// Of what does not parse, an error tells no more than where.
	if yaml.Unmarshal(kustomization, &read) == nil {
		d.learnReferencesBelow(read, false)
	}
}

func (d *discretion) learnReferencesBelow(value any, refers bool) {
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			d.learnReferencesBelow(child, referring[key])
		}
	case []any:
		for _, item := range value {
			d.learnReferencesBelow(item, refers)
		}
	case string:
		// Resources and patches may also stand there whole.
		if refers && !strings.Contains(value, "\n") {
			d.reveal(withUser.ReplaceAllString(withoutLiteral(value), " "))
		}
	}
}

var (
	actions  = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	literals = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
	// The literals of these are names of templates and objects, and what a chart wants to be told.
	naming  = regexp.MustCompile(`\b(?:define|include|template|block|required|fail|fail \(printf)\s+("(?:[^"\\]|\\.)*")`)
	looking = regexp.MustCompile(`\blookup((?:\s+(?:"[^"]*"|[\w.$]+|\([^)]*\))){1,4})`)
)

// learnActions reveals the code of templates, but not its literals.
func (d *discretion) learnActions(template string) {
	for _, action := range actions.FindAllString(template, -1) {
		for _, told := range []*regexp.Regexp{naming, looking} {
			for _, found := range told.FindAllStringSubmatch(action, -1) {
				d.reveal(found[1])
			}
		}
		for _, literal := range literals.FindAllString(action, -1) {
			d.revealSentence(strings.Trim(strings.ReplaceAll(literal, `\n`, " "), "\"`"))
			d.hide(literal)
		}
		d.reveal(literals.ReplaceAllString(action, " "))
	}
}

// spoken is a word of a sentence, with the punctuation around it.
var spoken = regexp.MustCompile(`^[("']*(\p{L}+(?:['’-]\p{L}+)*)[)"'.,:;!?]*$`)

// revealSentence lets the words of a sentence be told: what charts say to people.
// A text is one where most of what stands between its blanks are plain words, three
// or more; what else stands there stays hidden.
func (d *discretion) revealSentence(text string) {
	parts := strings.Fields(text)
	var plain []string
	for _, part := range parts {
		if found := spoken.FindStringSubmatch(part); found != nil {
			plain = append(plain, found[1])
		}
	}
	if len(plain) >= 3 && 3*len(plain) >= 2*len(parts) {
		d.reveal(strings.Join(plain, " "))
	}
}

var (
	lineKey = regexp.MustCompile(`^[\s\-?]*(?:"([^"]*)"|'([^']*)'|([\w./$-]+))\s*:(?:\s+(.*)|$)`)
	flowKey = regexp.MustCompile(`[{,]\s*(?:"([^"]*)"|'([^']*)'|([\w./$-]+))\s*:\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^,{}\[\]]*)`)
	inFlow  = regexp.MustCompile(`^\s*(?:[&!]\S+\s+)*[{\[]`)
	// A text in lines begins behind this; what looks like keys in it is none, but for patches.
	blockText = regexp.MustCompile(`(?:^|\s)[|>][+-]?\d?[+-]?\s*(?:#.*)?$`)
	// What stands behind these says what an object is called, and what it is.
	namingKeys = map[string]bool{"name": true, "kind": true, "apiVersion": true, "namespace": true, "generateName": true, "version": true, "chart": true, "release": true, "group": true,
		"op": true, "path": true, "fieldPath": true, "fieldpath": true}
)

// learnLines tells keys from values, also in what does not parse.
func (d *discretion) learnLines(text string) {
	// The indentation of the key whose text goes on in lines, where it does.
	block := -1
	for line := range strings.Lines(text) {
		if indent := len(line) - len(strings.TrimLeft(line, " ")); block >= 0 && strings.TrimSpace(line) != "" {
			if indent > block {
				d.hide(line)
				continue
			}
			block = -1
		}
		rest := line
		found := lineKey.FindStringSubmatch(line)
		if found != nil {
			if blockText.MatchString(strings.TrimRight(found[4], "\r\n")) && found[3] != "patch" {
				block = len(line) - len(strings.TrimLeft(line, " -"))
				if block > 0 && strings.HasPrefix(strings.TrimLeft(line, " "), "-") {
					block = len(line) - len(strings.TrimLeft(line, " "))
				}
			}
			rest = d.learnPair(found)
		}
		if found == nil || inFlow.MatchString(rest) {
			rest = d.learnFlow(rest)
		}
		d.hide(rest)
	}
}

// learnFlow answers what is left of a line where its keys, and its values that are names, are taken out.
func (d *discretion) learnFlow(rest string) string {
	for _, found := range flowKey.FindAllStringSubmatch(rest, -1) {
		if value := d.learnPair(found); value == "" {
			rest = strings.Replace(rest, found[0], " ", 1)
		} else {
			rest = strings.Replace(rest, found[0], " "+value+" ", 1)
		}
	}
	return rest
}

// learnPair answers the value of a key, or nothing where the value is a name.
func (d *discretion) learnPair(found []string) string {
	key := found[1] + found[2] + found[3]
	d.reveal(key)
	value := found[4]
	if namingKeys[key] && !strings.ContainsAny(value, "{[") {
		d.reveal(value)
		return ""
	}
	return value
}

func (d *discretion) hide(text string) {
	for _, word := range wordsOf(text) {
		d.values[word] = true
	}
	for _, field := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'`, r) }) {
		if decoded, err := base64.StdEncoding.DecodeString(field); err == nil && len(field) >= 8 && utf8.Valid(decoded) {
			for _, word := range wordsOf(string(decoded)) {
				d.values[word] = true
			}
		}
	}
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

var (
	quotations = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`|(?:^|[\\s(\\[:=,])'[^'\n]*'")
	chunks     = regexp.MustCompile(`[^\s"'` + "`" + `]+`)
	numbered   = regexp.MustCompile(`^[(\[]?(?:\d{1,5}[:,.)\]]*){1,3}$`)
	counting   = regexp.MustCompile(`(?i)\b(?:line|lines|column|document|item|byte|bytes|offset|character)\s*$`)
)

// tell answers a message without what may be a value.
func (d *discretion) tell(message string) string {
	var told strings.Builder
	at := 0
	for _, span := range quotations.FindAllStringIndex(message, -1) {
		start, end := span[0], span[1]
		// A single quote was found with what stands before it.
		for start < end && !strings.ContainsRune("\"`'", rune(message[start])) {
			start++
		}
		told.WriteString(d.tellPlain(message[at:start]))
		quote := message[start:end]
		if !d.isTellable(quote) {
			quote = quote[:1] + hidden + quote[len(quote)-1:]
		}
		told.WriteString(quote)
		at = end
	}
	told.WriteString(d.tellPlain(message[at:]))
	return told.String()
}

// isTellable says whether a quotation has no word that may be of a value, or too little of one.
func (d *discretion) isTellable(quote string) bool {
	unknown := 0
	for _, word := range wordsOf(quote) {
		if d.isPartial && !vocabulary[word] || !d.isKnown(word) {
			unknown += utf8.RuneCountInString(word)
		}
	}
	return unknown < shortestSecret
}

func (d *discretion) isKnown(word string) bool { return d.names[word] || vocabulary[word] }

func (d *discretion) tellPlain(text string) string {
	var told strings.Builder
	at := 0
	for _, span := range chunks.FindAllStringIndex(text, -1) {
		told.WriteString(text[at:span[0]])
		chunk := text[span[0]:span[1]]
		if numbered.MatchString(chunk) && counting.MatchString(text[:span[0]]) {
			told.WriteString(chunk)
		} else {
			told.WriteString(d.tellChunk(chunk))
		}
		at = span[1]
	}
	told.WriteString(text[at:])
	return told.String()
}

// tellChunk hides a word with all that hangs together with it, but for the
// punctuation of the sentence around it.
func (d *discretion) tellChunk(chunk string) string {
	inner := strings.TrimRight(strings.TrimLeft(chunk, "(<["), ".,:;)>]")
	if d.mayBeValue(inner) {
		return strings.Replace(chunk, inner, hidden, 1)
	}
	return chunk
}

var (
	padded    = regexp.MustCompile(`[A-Za-z0-9+/_-]{6,}={1,2}$`)
	printable = regexp.MustCompile(`^[\x20-\x7e\s]+$`)
)

// mayBeValue says whether a word holds a value, a part of one, or what is made of
// one: its encoding, its hash, it with something behind it.
func (d *discretion) mayBeValue(chunk string) bool {
	values := 0
	for _, word := range wordsOf(chunk) {
		if d.isKnown(word) {
			continue
		}
		length := utf8.RuneCountInString(word)
		switch {
		case d.values[word]:
			values += length
		case length > longestWord:
			return true
		case length >= 2*shortestSecret && isMixed(word), length >= shortestSecret && d.isPart(word), d.holdsValue(word):
			return true
		}
	}
	return values >= shortestSecret || d.isEncoded(chunk)
}

// isEncoded says whether a word is base64 of a text.
func (d *discretion) isEncoded(chunk string) bool {
	if words := wordsOf(chunk); len(chunk) < 2*shortestSecret || !slices.ContainsFunc(words, func(word string) bool { return !d.isKnown(word) }) {
		return false
	}
	decoded, err := base64.StdEncoding.DecodeString(chunk)
	return padded.MatchString(chunk) || err == nil && printable.Match(decoded)
}

func isMixed(word string) bool {
	return strings.ContainsFunc(word, unicode.IsDigit) && strings.ContainsFunc(word, unicode.IsLetter)
}

// isPart says whether a word is a part of a value.
func (d *discretion) isPart(word string) bool {
	if d.all == "" {
		var all strings.Builder
		for value := range d.values {
			all.WriteString(" " + value)
		}
		d.all = all.String() + " "
	}
	d.looked++
	return d.looked > partsLooked || strings.Contains(d.all, word)
}

// holdsValue says whether a word goes on before or behind a value.
func (d *discretion) holdsValue(word string) bool {
	runes := []rune(word)
	for cut := 2 * shortestSecret; cut < len(runes); cut++ {
		for _, part := range []string{string(runes[:cut]), string(runes[len(runes)-cut:])} {
			if d.values[part] && !d.isKnown(part) {
				return true
			}
		}
	}
	return false
}

// tellError answers an error as it may be told, by what was read on the way to it.
func tellError(failed errorLine, files *tree, lines *lines, dialog *dialog) errorLine {
	known := newDiscretion()
	known.reveal(failed.Source)
	known.reveal(failed.File)
	known.reveal(path.Join(mount, failed.File))
	for name := range lines.reads {
		// What is told here is no input: it was read before.
		data, err := files.readAgain(name)
		if err != nil {
			continue
		}
		// What is no text has no words to hide, or none that are known.
		if data, err = decodeText(data); err != nil {
			known.isPartial = true
			continue
		}
		known.learn(name, data)
	}
	for name, data := range lines.evidence {
		known.learn(name, data)
	}
	for _, query := range dialog.asked {
		known.reveal(query.String())
	}
	for _, found := range dialog.found {
		known.learnLines(strings.ReplaceAll(string(found), `",`, "\",\n"))
	}
	known.reveal(dialog.refused)
	failed.Message = known.tell(failed.Message)
	return failed
}

// vocabulary is what the libraries and this program say of whatever they read.
var vocabulary = wordSet(`
	a an and are as at be but by can cannot can't t s could did do does doesn don for from give given had has have
	holds if in into is isn it its itself last long may missing more must neither no none nor not nothing of on one only or other
	out outside over same set should so than that the their them then there they this times to too twice two under unexpected
	until up use used uses using want was were what where which while will with within without would yet you your
	action actual already anchor anchors another any anything apply argument arguments array assign assignable attempt
	bad base64 because begin block boolean bool build byte bytes call called calling chart charts character characters circular
	collect column commit committed complex component components config context control convert converting could cycle data decode decoding
	defined definition definitions dependency dependencies did directive directory document documents does duplicate
	element empty encode end endif entry eof error errors evaluating evaluate exceeded exceeds executing exist exists exit expand expected expecting
	expression failed fail false fatal field fields file files find first fit flag float float64 folder follow format found function functions
	generatename generator generators git got group helm hook hooks illegal implemented inclusion incomplete index inexact infinite input instance int int64 integer interface
	invalid item items json json2yaml key keys kind kubernetes kustomization kustomize label labels lfs limit line lines link list lists literal
	load loading location lookup lost make manifest manifests map mapping marker marshal match matches matching memory merge message metadata method
	minimum maximum mismatch multiple name named namespace nil node nodes null number numbers object objects offset operator option overlay overlays
	parse parsed parsing panic panicked pairs path paths patch patches pattern plugin pointer position properties property quote quoted random
	range reach read reader reading real recursion recursive refer reference referenced refers refuse refused regular reject remote render rendered renderer repository
	replace required resource resources result return root round run runtime safe schema schemas scalar section seed segment separator sequence serialize
	source sources start starts stored stream string strings strategic struct structure submodule subschema support supported symbolic syntax
	tab tag tags template templates time tls token tokens too top transformer transformers true type types uint8 undefined unexpected unknown unmarshal unmarshaling unmarshalling unresolved unsupported unterminated
	url utf utf8 utf16 valid validate validation validator validators value values variable version version wrong yaml yml
	additional additionalproperties enum const format minlength maxlength oneof anyof allof
	api apiversion nomatch spec slice reflect zone month day hour minute second layout extra text
	library installable lookup releases
	accumulating accumulation trouble configuring builtin pairs kv get err nobody http https
	strict known mark unicode escape hexadecimal digit control incorrect flow indentation alias aliases self referential excessive
	require requires constraint cluster loop depth size big large megabytes mib kib mebibytes seconds
	submodule submodules subtree copy migrate export gitattributes add again leads nowhere symbolic endian little broken nul utf utf32 lf save disk
	merging gotpl timestamp seq omap v1 configmap regexp
	helmignore speaks needs leave package packaged folders device several metadata follows items taken looks place misplaced charts crds unpack
`)

func wordSet(text string) map[string]bool {
	words := map[string]bool{}
	for _, word := range wordsOf(text) {
		words[word] = true
	}
	return words
}
