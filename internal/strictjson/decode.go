// This file holds the reading of one object.

package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
)

// Decode reads one JSON object of at most so many bytes, and of fields that into has alone. Anything else is ErrInvalid of the
// subject: of its field where that has a value of another type, and else of "json". What a type's own UnmarshalJSON
// refuses as ErrInvalid stays as it says.
func Decode(subject string, raw []byte, most int, into any) error {
	fault := func(field, problem string) error { return storage.Invalid(subject, field, problem) }
	if len(raw) > most {
		return fault("json", fmt.Sprintf("is longer than %d bytes", most))
	}
	if b := bytes.TrimLeft(raw, " \t\r\n"); len(b) == 0 || b[0] != '{' {
		return fault("json", "is not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		var kind *json.UnmarshalTypeError
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &kind) && kind.Field != "":
			return fault(kind.Field, "must not be a JSON "+kind.Value)
		case errors.Is(err, storage.ErrInvalid):
			return err
		case errors.As(err, &syntax), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return fault("json", "is not a JSON object")
		}
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return fault("json", "has a field that is not known: "+clip(name))
		}
		return fault("json", "cannot be read: "+clip(err.Error()))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault("json", "goes on after its end")
	}
	return nil
}

// clip keeps what a fault repeats short.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
