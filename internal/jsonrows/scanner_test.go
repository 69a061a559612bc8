package jsonrows_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/jsonrows"
)

func all(t require.TestingT, text string) (rows []string, problems []string) {
	s := jsonrows.New(strings.NewReader(text))
	for {
		raw, _, problem, err := s.Next()
		switch {
		case problem != "":
			problems = append(problems, problem)
		case errors.Is(err, io.EOF):
			return rows, problems
		default:
			require.NoError(t, err)
			rows = append(rows, strings.TrimSpace(string(raw)))
		}
	}
}

func TestAStreamIsCutIntoRows(t *testing.T) {
	rows, problems := all(t, `[{"a": "],\\\"]"}, [1, [2]] , "x"]`)
	require.Equal(t, []string{`{"a": "],\\\"]"}`, `[1, [2]]`, `"x"`}, rows)
	require.Empty(t, problems)
	rows, problems = all(t, "{\n\n}\r\n1")
	require.Equal(t, []string{"{", "}", "1"}, rows)
	require.Empty(t, problems)
}

// The elements of an array that is good are those that the standard library finds.
func FuzzScanner(f *testing.F) {
	f.Add(`[{"a": "],\\"]"}, [1, [2]] , "x"]`)
	f.Add(`[}, {"`)
	f.Fuzz(func(t *testing.T, text string) {
		rows, problems := all(t, text)
		var want []json.RawMessage
		if !strings.HasPrefix(text, "[") || json.Unmarshal([]byte(text), &want) != nil {
			return
		}
		require.Empty(t, problems)
		require.Len(t, rows, len(want))
		for i, raw := range want {
			require.Equal(t, strings.TrimSpace(string(raw)), rows[i])
		}
	})
}
