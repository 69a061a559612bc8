// This file holds the scheme of Standard Webhooks 1.0.0: secrets, signatures and their verification.

package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
)

// The headers of a delivery.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// The length of a secret in bytes: at least and at most, and of those that are made here.
const (
	MinSecret = 24
	MaxSecret = 64
	newSecret = 32
)

// Tolerance is how far the time of a delivery may be from now when it is verified.
const Tolerance = 5 * time.Minute

const secretPrefix = "whsec_"

// Secret is the key with which deliveries are signed. However it is printed or written as JSON it does
// not show itself; [Secret.Reveal] does.
type Secret struct{ key []byte }

// ParseSecret reads a secret as [Secret.Reveal] gives it; the prefix may be left out.
func ParseSecret(s string) (Secret, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(s, secretPrefix))
	if err != nil || len(key) < MinSecret || len(key) > MaxSecret {
		return Secret{}, itsm.Invalid("webhook secret", "secret", fmt.Sprintf(`must be "whsec_" and the base64 form of %d to %d bytes`, MinSecret, MaxSecret))
	}
	return Secret{key}, nil
}

// Reveal gives the secret as its receiver configures it: "whsec_" and its base64 form. It is "" of the
// zero Secret.
func (s Secret) Reveal() string {
	if len(s.key) == 0 {
		return ""
	}
	return secretPrefix + base64.StdEncoding.EncodeToString(s.key)
}

// IsZero says that there is none.
func (s Secret) IsZero() bool { return len(s.key) == 0 }

const hidden = secretPrefix + "[hidden]"

// String does not give the secret.
func (Secret) String() string { return hidden }

// Format prints no secret, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalJSON does not give the secret.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// Sign gives the signature header of a delivery: a signature for each of the secrets, the first of which
// is the current one.
func Sign(id string, at time.Time, body []byte, secrets ...Secret) string {
	words := make([]string, len(secrets))
	for i, s := range secrets {
		words[i] = "v1," + base64.StdEncoding.EncodeToString(s.mac(id, strconv.FormatInt(at.Unix(), 10), body))
	}
	return strings.Join(words, " ")
}

func (s Secret) mac(id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	_, _ = h.Write(bytes.Join([][]byte{[]byte(id), []byte(timestamp), body}, []byte(".")))
	return h.Sum(nil)
}

// ErrNotVerified is what [Verify] wraps where a request is not from who has the secret, or not from now.
var ErrNotVerified = errors.New("webhook is not verified")

// Verify says by nil that a request is from who has one of the secrets, was made at most [Tolerance] from
// now, and has this body, byte by byte. It gives the webhook-id, by which a receiver tells a repetition.
// Everything else wraps [ErrNotVerified] and says why.
func Verify(h http.Header, body []byte, now time.Time, secrets ...Secret) (id string, err error) {
	no := func(why string) (string, error) { return "", fmt.Errorf("%w: %s", ErrNotVerified, why) }
	id = h.Get(HeaderID)
	timestamp, signature := h.Get(HeaderTimestamp), h.Get(HeaderSignature)
	if id == "" || timestamp == "" || signature == "" {
		return no("a header is missing")
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		return no("the timestamp is no number of seconds")
	}
	if seconds < now.Add(-Tolerance).Unix() || seconds > now.Add(Tolerance).Unix() {
		return no("the timestamp is too far from now")
	}
	for _, word := range strings.Fields(signature) {
		encoded, ok := strings.CutPrefix(word, "v1,")
		if !ok {
			continue // of a scheme that is not known here
		}
		given, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil {
			continue
		}
		for _, s := range secrets {
			if !s.IsZero() && hmac.Equal(given, s.mac(id, timestamp, body)) {
				return id, nil
			}
		}
	}
	return no("no signature matches")
}
