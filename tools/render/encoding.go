package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// An encoding is UTF-16 or UTF-32: what Windows' tools write, and what the
// libraries split into documents as if it were UTF-8, so that all but the first
// document are lost.
type encoding struct {
	name  string
	width int
	order binary.ByteOrder
}

var (
	utf32BE = encoding{"UTF-32 (big endian)", 4, binary.BigEndian}
	utf32LE = encoding{"UTF-32 (little endian)", 4, binary.LittleEndian}
	utf16BE = encoding{"UTF-16 (big endian)", 2, binary.BigEndian}
	utf16LE = encoding{"UTF-16 (little endian)", 2, binary.LittleEndian}
)

// decodeText answers a text as UTF-8 without a byte order mark. It is told by its
// mark, and without one by the zeroes of its first character, as YAML 1.2.2,
// section 5.2, has it. Bytes that are neither are left to the parser, but for
// NUL, which no text holds.
func decodeText(data []byte) ([]byte, error) {
	found, marked := encodingOf(data)
	if found == nil {
		data = bytes.TrimPrefix(data, byteOrderMark)
		if at := bytes.IndexByte(data, 0); at >= 0 {
			return nil, fmt.Errorf("holds a NUL byte on line %d: it is no text in UTF-8, UTF-16 or UTF-32", lineAt(data, at))
		}
		return data, nil
	}
	if marked {
		data = data[found.width:]
	}
	return found.decode(data)
}

func encodingOf(data []byte) (found *encoding, marked bool) {
	switch {
	case bytes.HasPrefix(data, []byte{0, 0, 0xfe, 0xff}):
		return &utf32BE, true
	// Before UTF-16, whose mark it begins with.
	case bytes.HasPrefix(data, []byte{0xff, 0xfe, 0, 0}):
		return &utf32LE, true
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return &utf16BE, true
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return &utf16LE, true
	case len(data) >= 4 && data[0] == 0 && data[1] == 0 && data[2] == 0 && data[3] != 0:
		return &utf32BE, false
	case len(data) >= 4 && data[0] != 0 && data[1] == 0 && data[2] == 0 && data[3] == 0:
		return &utf32LE, false
	case len(data) >= 2 && data[0] == 0 && data[1] != 0:
		return &utf16BE, false
	case len(data) >= 2 && data[0] != 0 && data[1] == 0:
		return &utf16LE, false
	default:
		return nil, false
	}
}

func (e encoding) decode(data []byte) ([]byte, error) {
	text := make([]byte, 0, len(data))
	for at := 0; at < len(data); {
		character, width := e.character(data[at:])
		if character <= 0 {
			return nil, fmt.Errorf("is in %s, and broken at byte %d", e.name, at)
		}
		text = utf8.AppendRune(text, character)
		at += width
	}
	// A mark in front of a text that was told by its zeroes, or a second one.
	return bytes.TrimPrefix(text, byteOrderMark), nil
}

// character answers the first one and its bytes; -1 where there is none.
func (e encoding) character(data []byte) (rune, int) {
	if len(data) < e.width {
		return -1, 0
	}
	if e.width == 4 {
		if value := e.order.Uint32(data); value <= utf8.MaxRune && utf8.ValidRune(rune(value)) {
			return rune(value), 4
		}
		return -1, 0
	}
	first := rune(e.order.Uint16(data))
	if !utf16.IsSurrogate(first) {
		return first, 2
	}
	if len(data) >= 4 {
		if both := utf16.DecodeRune(first, rune(e.order.Uint16(data[2:]))); both != utf8.RuneError {
			return both, 4
		}
	}
	return -1, 0
}

// refuseNotUTF8 finds bytes that a JSON parser would silently replace.
func refuseNotUTF8(data []byte) error {
	if utf8.Valid(data) {
		return nil
	}
	for at := 0; at < len(data); {
		character, width := utf8.DecodeRune(data[at:])
		if character == utf8.RuneError && width == 1 {
			return fmt.Errorf("line %d holds bytes that are not UTF-8: save it as UTF-8", lineAt(data, at))
		}
		at += width
	}
	return nil
}

func lineAt(data []byte, at int) int { return bytes.Count(data[:at], []byte("\n")) + 1 }

var errLargeFile = errors.New("is stored with Git LFS, and the repository holds a pointer to it only: commit the file itself (git lfs migrate export), or take it out of .gitattributes and add it again")

// The specification of Git LFS has a pointer shorter than this.
const pointerBytes = 1024

// isPointer tells a pointer of Git LFS
// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md) from a file that
// speaks of one.
func isPointer(data []byte) bool {
	const first = "version https://git-lfs.github.com/spec/v1"
	if len(data) >= pointerBytes || !bytes.HasPrefix(data, []byte(first)) {
		return false
	}
	lines := bytes.Split(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), []byte("\n"))
	if string(lines[0]) != first {
		return false
	}
	for _, line := range lines[1:] {
		if bytes.HasPrefix(line, []byte("oid ")) {
			return true
		}
	}
	return false
}
