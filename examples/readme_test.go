package examples_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each code block of the README that stands under the name of a file is in that file, which is
// compiled and run: the whole of it, or the part between its README marks. Run with
// UPDATE_README=1 to write the blocks anew.
func TestTheReadmeShowsCodeThatRuns(t *testing.T) {
	raw, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)(<!-- (examples/[a-z/_]+\\.go) -->\n```go\n)(.*?)(```\n)")
	seen := 0
	readme := block.ReplaceAllStringFunc(string(raw), func(found string) string {
		m := block.FindStringSubmatch(found)
		seen++
		want := shown(t, "../"+m[2])
		if m[3] != want && os.Getenv("UPDATE_README") == "" {
			t.Errorf("the README's block of %s is not what the file has", m[2])
		}
		return m[1] + want + m[4]
	})
	if seen != 5 {
		t.Errorf("the README shows %d files", seen)
	}
	if os.Getenv("UPDATE_README") != "" {
		if err := os.WriteFile("../README.md", []byte(readme), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// shown gives the part of a file that the README shows.
func shown(t *testing.T, path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if _, after, ok := strings.Cut(text, "// README:"); ok {
		_, after, _ = strings.Cut(after, "\n")
		text, _, _ = strings.Cut(after, "// README:end")
		text = strings.TrimRight(text, " \t\n") + "\n"
	}
	if indent := strings.TrimLeft(text, "\t"); len(indent) < len(text) {
		depth := text[:len(text)-len(indent)]
		text = strings.ReplaceAll("\n"+text, "\n"+depth, "\n")[1:]
	}
	return strings.ReplaceAll(text, "\t", "    ")
}
