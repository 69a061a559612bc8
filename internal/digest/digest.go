// This file holds the one digest that ids, keys and names of locks are made by.

package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// Of gives 40 hexadecimal digits (the first 160 bits of SHA-256) that are the same for the same parts, and others for other
// parts: "ab", "c" is not "a", "bc".
func Of(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}
