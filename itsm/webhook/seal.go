// This file holds how secrets are kept.

package webhook

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// Sealer encrypts secrets before they are stored. What it gives is opened under the same name alone, so
// that a sealed secret cannot be moved from one endpoint to another. A host with a key service of its own
// implements it.
type Sealer interface {
	// Seal encrypts a secret of an endpoint, which the name tells.
	Seal(plain []byte, name string) ([]byte, error)
	// Open is the inverse.
	Open(sealed []byte, name string) ([]byte, error)
}

// NewSealer gives a sealer by AES in Galois/counter mode, with a key of 16, 24 or 32 bytes.
func NewSealer(key []byte) (Sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, itsm.Invalid("sealer", "key", "must be 16, 24 or 32 bytes")
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("sealer: %w", err)
	}
	return gcm{aead}, nil
}

type gcm struct{ cipher.AEAD }

// Seal implements [Sealer].
func (g gcm) Seal(plain []byte, name string) ([]byte, error) {
	nonce := make([]byte, g.NonceSize())
	if _, err := io.ReadFull(rand.Reader, nonce); err != nil {
		return nil, fmt.Errorf("sealer: %w", err)
	}
	return g.AEAD.Seal(nonce, nonce, plain, []byte(name)), nil
}

// Open implements [Sealer].
func (g gcm) Open(sealed []byte, name string) ([]byte, error) {
	n := g.NonceSize()
	if len(sealed) < n {
		return nil, errSealed
	}
	plain, err := g.AEAD.Open(nil, sealed[:n], sealed[n:], []byte(name))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

var errSealed = storage.Invalid("sealer", "secret", "cannot be opened: it was sealed with another key, or under another name")

// asItIs keeps secrets in their own table without encryption, where the host gives no sealer.
type asItIs struct{}

func (asItIs) Seal(plain []byte, _ string) ([]byte, error)  { return plain, nil }
func (asItIs) Open(sealed []byte, _ string) ([]byte, error) { return sealed, nil }
