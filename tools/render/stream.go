package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"io"
)

// newStream is an endless stream of bytes that look random and are a function of
// the seed and of what they are for.
func newStream(seed []byte, purpose ...string) io.Reader {
	mac := hmac.New(sha256.New, seed)
	for _, part := range purpose {
		// The length before each part: ("ab", "c") is not ("a", "bc").
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		mac.Write(length[:])
		mac.Write([]byte(part))
	}
	// Neither fails for a key of 32 bytes. A key serves one stream: its counter may start at zero.
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		panic(err)
	}
	return cipher.StreamReader{S: cipher.NewCTR(block, make([]byte, aes.BlockSize)), R: zeroes{}}
}

type zeroes struct{}

func (zeroes) Read(buffer []byte) (int, error) {
	clear(buffer)
	return len(buffer), nil
}
