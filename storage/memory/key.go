package memory

import (
	"encoding/binary"

	"github.com/itsmkit/itsmkit/storage"
)

// This file makes keys: byte strings that compare as the values in them do. Text in a key
// never holds a NUL, so a NUL ends it; numbers are eight bytes with the sign turned; a column
// that may be NULL has one byte before its value. A descending part has all its bits turned.

func appendText(b []byte, s string) []byte {
	return append(append(b, s...), 0)
}

func appendInt(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(v)^(1<<63))
}

// appendPart adds a column's value; v is of the column's kind or nil.
func appendPart(b []byte, nullable, descending bool, v any) []byte {
	start := len(b)
	if nullable {
		if v == nil {
			b = append(b, 0)
		} else {
			b = append(b, 1)
		}
	}
	switch v := v.(type) {
	case string:
		b = appendText(b, v)
	case int64:
		b = appendInt(b, v)
	case bool:
		if v {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	if descending {
		turn(b[start:])
	}
	return b
}

func turn(b []byte) {
	for i := range b {
		b[i] = ^b[i]
	}
}

// after is the least key above all that begin with the prefix, "" where there is none.
func after(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}

// under is the span of the keys that begin with the prefix.
func under(prefix string) span { return span{lo: prefix, hi: after(prefix)} }

// room is what most keys fit into. Buffers of it stay on the stack.
const room = 192

func eventKey(kind string, record storage.ID, version int64, n int) string {
	b := make([]byte, 0, room)
	b = appendText(b, kind)
	b = appendText(b, string(record))
	b = appendInt(b, version)
	return string(appendInt(b, int64(n)))
}

func jobKey(kind, key string) string {
	b := make([]byte, 0, room)
	return string(appendText(appendText(b, kind), key))
}

// textKey is the beginning of the keys whose first part is this text.
func textKey(s string) string {
	b := make([]byte, 0, room)
	return string(appendText(b, s))
}
