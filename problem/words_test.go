package problem_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/problem"
)

func TestP10AFingerprintIsOfWhatATextIsAbout(t *testing.T) {
	for text, want := range map[string]string{
		"Mail: relay 12 full!":              "full mail relay",
		"relay full MAIL 7":                 "full mail relay",
		"[INC0012] relay-04 mail... FULL":   "full mail relay",
		"Relay srv04 is full of mail, mail": "full mail relay",
		"Ärger mit der Überwachung":         "der mit ärger überwachung",
		"打印机无法工作":                           "印机 工作 打印 无法 机无 法工",
		"It is up":                          "",
		"printer":                           "",
		"12:30 2026-01-01":                  "",
		"":                                  "",
		strings.Repeat("x", 200) + " mail":  "",
	} {
		require.Equal(t, want, problem.Fingerprint(text), text)
	}
}

func FuzzWords(f *testing.F) {
	f.Add("Mail: relay 12 full!")
	f.Add("ไทย 打印机 x\xff y")
	f.Fuzz(func(t *testing.T, text string) {
		words := problem.Words(10, text)
		require.LessOrEqual(t, len(words), 10)
		for _, w := range words {
			require.NotEmpty(t, w)
			require.NotContains(t, w, " ")
		}
		require.Equal(t, problem.Fingerprint(text), problem.Fingerprint(text+" 42"), "numbers say nothing")
	})
}
