package main

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"reflect"
	"time"
)

// certificate is what the certificate functions answer: templates read its
// fields by these names.
type certificate struct {
	Cert string
	Key  string
}

// subject is what a certificate is asked for with.
type subject struct {
	name      string
	addresses []any
	hosts     []any
	days      int
	authority bool
}

// newCertificate makes a certificate that is a function of its arguments: signed
// by the key itself, or by an authority. It is valid from a time that is given.
func newCertificate(of subject, key crypto.Signer, signer *authority, from time.Time, stream io.Reader) (certificate, error) {
	template, err := certificateTemplate(of, from, stream)
	if err != nil {
		return certificate{}, err
	}
	if signer == nil {
		signer = &authority{template, key}
	}
	// Without a source of randomness an ECDSA signature is a function of what it signs (RFC 6979).
	signed, err := x509.CreateCertificate(nil, template, signer.certificate, key.Public(), signer.key)
	if err != nil {
		return certificate{}, fmt.Errorf("error creating certificate: %w", err)
	}
	encoded, err := encodeKey(key)
	if err != nil {
		return certificate{}, err
	}
	return certificate{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})), encoded}, nil
}

func certificateTemplate(of subject, from time.Time, stream io.Reader) (*x509.Certificate, error) {
	serial, err := rand.Int(stream, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, err
	}
	hosts := make([]string, len(of.hosts))
	for i, host := range of.hosts {
		name, ok := host.(string)
		if !ok {
			return nil, fmt.Errorf("error processing alternate dns name: %v is not a string", host)
		}
		hosts[i] = name
	}
	addresses := make([]net.IP, len(of.addresses))
	for i, address := range of.addresses {
		text, ok := address.(string)
		if !ok {
			return nil, fmt.Errorf("error parsing ip: %v is not a string", address)
		}
		if addresses[i] = net.ParseIP(text); addresses[i] == nil {
			return nil, fmt.Errorf("error parsing ip: %s", text)
		}
	}
	usage := x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature
	if of.authority {
		usage |= x509.KeyUsageCertSign
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: of.name},
		IPAddresses:           addresses,
		DNSNames:              hosts,
		NotBefore:             from,
		NotAfter:              from.Add(24 * time.Hour * time.Duration(of.days)),
		KeyUsage:              usage,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  of.authority,
	}, nil
}

// authority signs the certificates of others.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// authorityOf reads what genCA or buildCustomCert answered. The latter's type is
// not exported: its fields are found by their names.
func authorityOf(given any) (*authority, error) {
	fields := reflect.Indirect(reflect.ValueOf(given))
	if fields.Kind() != reflect.Struct || !fields.FieldByName("Cert").IsValid() || !fields.FieldByName("Key").IsValid() {
		return nil, fmt.Errorf("%T is no certificate of genCA or buildCustomCert", given)
	}
	block, _ := pem.Decode([]byte(fields.FieldByName("Cert").String()))
	if block == nil {
		return nil, errors.New("unable to decode certificate")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("error parsing certificate: %w", err)
	}
	key, err := decodeKey(fields.FieldByName("Key").String())
	if err != nil {
		return nil, fmt.Errorf("error parsing private key: %w", err)
	}
	return &authority{parsed, key}, nil
}
