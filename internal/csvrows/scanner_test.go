package csvrows_test

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/csvrows"
)

// all gives the rows of a text and, for those that are none, the line and why.
func all(t require.TestingT, text string) (rows [][]string, problems map[int]string) {
	s, last := csvrows.New(strings.NewReader(text), ','), 0
	problems = map[int]string{}
	for {
		fields, line, problem, err := s.Next()
		if errors.Is(err, io.EOF) && problem == "" {
			return rows, problems
		}
		require.NoError(t, err)
		require.Greater(t, line, last)
		last = line
		if problem != "" {
			problems[line] = problem
			continue
		}
		rows = append(rows, append([]string(nil), fields...))
	}
}

func TestAFaultyRowCostsItselfAlone(t *testing.T) {
	rows, problems := all(t, "a,\"b\nc\"\r\n\nx,\"y\nz\n1,\"2\"3\n4,5")
	require.Equal(t, [][]string{{"a", "b\nc"}, {"z"}, {"4", "5"}}, rows)
	require.Len(t, problems, 2)
	require.Contains(t, problems, 4)
	require.Contains(t, problems, 6)

	rows, problems = all(t, strings.Repeat("x", csvrows.MaxRow+1)+"\nshort")
	require.Equal(t, [][]string{{"short"}}, rows)
	require.Equal(t, map[int]string{1: "is longer than 1 MiB, or has a quotation mark that is never closed"}, problems)
}

// Where the standard library reads a text without a fault, it reads the same.
func FuzzScanner(f *testing.F) {
	f.Add("a,b\nc,\"d\"\"e\"\n")
	f.Add("a,\"b\nc\",\r\n\n,")
	f.Add("\"a\n\"b\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, problems := all(t, text)
		standard := csv.NewReader(strings.NewReader(text))
		standard.FieldsPerRecord = -1
		want, err := standard.ReadAll()
		// The standard library reads a carriage return before a line's end inside of quotation marks as no part of the field.
		if err != nil || len(problems) > 0 || strings.Contains(text, "\r") {
			return
		}
		// A row of one empty field is blank, in quotation marks too.
		want = slices.DeleteFunc(want, func(row []string) bool { return len(row) == 1 && row[0] == "" })
		require.Equal(t, len(want), len(rows))
		for i := range want {
			require.Equal(t, want[i], rows[i])
		}
	})
}
