// This file holds substitutions: values of the record and the event in the texts of parameters.

package trigger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/storage"
)

// Substitutes says whether a text of parameters has a substitution, so that what it will be is not
// known before a trigger fires.
func Substitutes(text string) bool { return strings.Contains(text, "{{") }

// piece is a part of a text: what is written, or the name of what is put there.
type piece struct {
	text string
	name string
}

// pieces takes a text apart.
func pieces(text string) (all []piece, problem string) {
	for {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			all = append(all, piece{text: before})
		}
		if !found {
			return all, ""
		}
		name, after, closed := strings.Cut(rest, "}}")
		name = strings.TrimSpace(name)
		if !closed || name == "" || strings.ContainsAny(name, "{} \t\r\n") {
			return nil, `has "{{" without a name and "}}" behind it`
		}
		all = append(all, piece{name: name})
		text = after
	}
}

// eachText goes through the texts of JSON, keys apart, with the top-level member that each is in, and
// gives the JSON with what fn makes of them.
func eachText(with json.RawMessage, fn func(member, text string) (string, error)) (json.RawMessage, error) {
	if len(with) == 0 {
		return with, nil
	}
	dec := json.NewDecoder(bytes.NewReader(with))
	dec.UseNumber()
	var top any
	if err := dec.Decode(&top); err != nil {
		return nil, storage.Invalid("parameters", "", "cannot be read: "+err.Error())
	}
	members, ok := top.(map[string]any)
	if !ok {
		return nil, storage.Invalid("parameters", "", "must be an object")
	}
	var walk func(member string, v any) (any, error)
	walk = func(member string, v any) (_ any, err error) {
		switch x := v.(type) {
		case string:
			return fn(member, x)
		case []any:
			for i := range x {
				if x[i], err = walk(member, x[i]); err != nil {
					return nil, err
				}
			}
		case map[string]any:
			for k := range x {
				if x[k], err = walk(member, x[k]); err != nil {
					return nil, err
				}
			}
		}
		return v, nil
	}
	for member, v := range members {
		made, err := walk(member, v)
		if err != nil {
			return nil, err
		}
		members[member] = made
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(members); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// substitute puts the values in. What has no value leaves nothing. A value is put in as it is: what
// looks like a substitution in it is none.
func (s *speech) substitute(with json.RawMessage, public []string, f *facts) (json.RawMessage, error) {
	if !bytes.Contains(with, []byte("{{")) {
		return with, nil
	}
	hidden := map[string]bool{}
	for _, p := range public {
		hidden[p] = f.e.Internal
	}
	made, err := eachText(with, func(member, text string) (string, error) {
		all, problem := pieces(text)
		if problem != "" {
			return "", storage.Invalid("parameters", member, problem)
		}
		var b strings.Builder
		for _, p := range all {
			if p.name == "" {
				b.WriteString(p.text)
				continue
			}
			if hidden[member] && strings.HasPrefix(p.name, eventPrefix) {
				return "", storage.Invalid("parameters", member, fmt.Sprintf("is read by requesters, and %s is of an internal event", p.name))
			}
			b.WriteString(asText(f.get(p.name), s.kinds[p.name]))
		}
		return b.String(), nil
	})
	if err == nil && len(made) > MaxWith {
		return nil, storage.Invalid("parameters", "", fmt.Sprintf("are longer than %d bytes with what is substituted", MaxWith))
	}
	return made, err
}

// asText writes a value for people: a time as RFC 3339 in UTC.
func asText(v any, k storage.Kind) string {
	switch x := v.(type) {
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case int64:
		if k == storage.Time {
			return time.UnixMicro(x).UTC().Format(time.RFC3339)
		}
		return strconv.FormatInt(x, 10)
	}
	return ""
}

// quoted gives a short quoted form of text from outside for an error message.
func quoted(s string) string {
	if utf8.RuneCountInString(s) > 64 {
		s = string([]rune(s)[:64]) + "…"
	}
	return strconv.Quote(s)
}
