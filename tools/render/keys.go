package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
)

// Go's own generators ignore the source of randomness that they are given, or
// read a byte more of it at a whim (https://go.dev/doc/go1.26#cryptopkgcryptorand):
// the keys of a seed are made here.

// newKey makes a private key of one of the types of genPrivateKey.
func newKey(kind string, stream io.Reader) (crypto.Signer, error) {
	switch kind {
	case "", "rsa":
		return newRSAKey(stream, 4096)
	case "ecdsa":
		return newECDSAKey(stream)
	case "ed25519":
		seed := make([]byte, ed25519.SeedSize)
		if _, err := io.ReadFull(stream, seed); err != nil {
			return nil, err
		}
		return ed25519.NewKeyFromSeed(seed), nil
	default:
		return nil, fmt.Errorf("a private key of type %q is not supported, but rsa, ecdsa and ed25519 are", kind)
	}
}

func newECDSAKey(stream io.Reader) (*ecdsa.PrivateKey, error) {
	scalar := make([]byte, 32)
	for {
		if _, err := io.ReadFull(stream, scalar); err != nil {
			return nil, err
		}
		// Only zero and what exceeds the order of the curve are no keys: next to never.
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar); err == nil {
			return key, nil
		}
	}
}

const publicExponent = 65537

func newRSAKey(stream io.Reader, bits int) (*rsa.PrivateKey, error) {
	for {
		p, err := newPrime(stream, bits/2)
		if err != nil {
			return nil, err
		}
		q, err := newPrime(stream, bits/2)
		if err != nil {
			return nil, err
		}
		if p.Cmp(q) == 0 {
			continue
		}
		one := big.NewInt(1)
		p1, q1 := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
		lambda := new(big.Int).Div(new(big.Int).Mul(p1, q1), new(big.Int).GCD(nil, nil, p1, q1))
		private := new(big.Int).ModInverse(big.NewInt(publicExponent), lambda)
		if private == nil {
			continue
		}
		key := &rsa.PrivateKey{
			PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: publicExponent},
			D:         private,
			Primes:    []*big.Int{p, q},
		}
		key.Precompute()
		return key, key.Validate()
	}
}

// newPrime answers the first prime above a random number whose two highest bits
// are set, so that the product of two has exactly twice the bits.
func newPrime(stream io.Reader, bits int) (*big.Int, error) {
	buffer := make([]byte, bits/8)
	for {
		if _, err := io.ReadFull(stream, buffer); err != nil {
			return nil, err
		}
		buffer[0] |= 0xc0
		buffer[len(buffer)-1] |= 1
		start := new(big.Int).SetBytes(buffer)
		remainders := make([]uint64, len(smallPrimes))
		for i, prime := range smallPrimes {
			remainders[i] = new(big.Int).Mod(start, new(big.Int).SetUint64(prime)).Uint64()
		}
		for delta := uint64(0); delta < 1<<20; delta += 2 {
			if hasSmallFactor(remainders, delta) {
				continue
			}
			candidate := new(big.Int).Add(start, new(big.Int).SetUint64(delta))
			if candidate.BitLen() != bits {
				break
			}
			// The cheap test first: nearly every candidate fails it.
			if candidate.ProbablyPrime(0) && candidate.ProbablyPrime(20) {
				return candidate, nil
			}
		}
	}
}

func hasSmallFactor(remainders []uint64, delta uint64) bool {
	for i, prime := range smallPrimes {
		if (remainders[i]+delta)%prime == 0 {
			return true
		}
	}
	return false
}

var smallPrimes = primesBelow(8192)

func primesBelow(limit uint64) []uint64 {
	var primes []uint64
	composite := make([]bool, limit)
	for n := uint64(3); n < limit; n += 2 {
		if composite[n] {
			continue
		}
		primes = append(primes, n)
		for multiple := n * n; multiple < limit; multiple += n {
			composite[multiple] = true
		}
	}
	return primes
}

// encodeKey writes a key in the PEM that Helm's functions write it in.
func encodeKey(key crypto.Signer) (string, error) {
	kind, data, err := "PRIVATE KEY", []byte(nil), error(nil)
	switch key := key.(type) {
	case *rsa.PrivateKey:
		kind, data = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)
	case *ecdsa.PrivateKey:
		kind = "EC PRIVATE KEY"
		data, err = x509.MarshalECPrivateKey(key)
	default:
		data, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})), nil
}

func decodeKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("no PEM data in input")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("invalid private key type %s", strings.TrimSuffix(block.Type, " PRIVATE KEY"))
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a private key of type %T can't sign", key)
	}
	return signer, nil
}
