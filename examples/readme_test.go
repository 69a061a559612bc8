package examples_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each code block of the README and of these pages that stands under the name of a file is in
// that file, which is compiled and run: the whole of it, or the part between its README marks; the
// part of a name, where the block asks for one (file.go#name). Run with UPDATE_README=1 to write the
// blocks anew.
func TestTheReadmeShowsCodeThatRuns(t *testing.T) {
	for page, blocks := range map[string]int{
		"../README.md": 5, "../docs/configuration.md": 1, "../docs/extending.md": 4, "../docs/settings.md": 1, "../docs/sla.md": 6, "../docs/tenants.md": 4,
	} {
		holdBlocks(t, page, blocks)
	}
}

// What a page says a program prints is what its test holds it to.
func TestThePagesShowWhatTheProgramsPrint(t *testing.T) {
	holdOutput(t, "../docs/sla.md", "examples/sla/main_test.go", printedBy(t, "sla/main_test.go"))
	holdOutput(t, "../docs/configuration.md", "examples/inventory/main_test.go", printedBy(t, "inventory/main_test.go"))
	holdOutput(t, "../docs/impact.md", "examples/impact/testdata/default.txt", read(t, "impact/testdata/default.txt"))
}

// printedBy is what the test of a program says that it prints.
func printedBy(t *testing.T, path string) string {
	_, comment, ok := strings.Cut(read(t, path), "\t// Output:\n")
	if !ok {
		t.Fatal("the example is held to nothing")
	}
	var printed strings.Builder
	for line := range strings.Lines(strings.TrimSuffix(comment, "}\n")) {
		printed.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "\t//"), " "))
	}
	return printed.String()
}

func holdOutput(t *testing.T, page, file, printed string) {
	const end = "```\n"
	begin := "<!-- output: " + file + " -->\n```\n"
	before, rest, ok := strings.Cut(read(t, page), begin)
	if !ok {
		t.Fatalf("%s has no place for what %s has", page, file)
	}
	shown, after, _ := strings.Cut(rest, end)
	switch {
	case os.Getenv("UPDATE_README") != "":
		if err := os.WriteFile(page, []byte(before+begin+printed+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case shown != printed:
		t.Errorf("%s shows another output than %s has", page, file)
	}
}

func holdBlocks(t *testing.T, page string, blocks int) {
	block := regexp.MustCompile("(?s)(<!-- ([a-z/_]+\\.go)(?:#([a-z]+))? -->\n```go\n)(.*?)(```\n)")
	seen := 0
	text := block.ReplaceAllStringFunc(read(t, page), func(found string) string {
		m := block.FindStringSubmatch(found)
		seen++
		want := shown(t, "../"+m[2], m[3])
		if m[4] != want && os.Getenv("UPDATE_README") == "" {
			t.Errorf("the block of %s %s in %s is not what the file has", m[2], m[3], page)
		}
		return m[1] + want + m[5]
	})
	if seen != blocks {
		t.Errorf("%s shows %d files", page, seen)
	}
	if os.Getenv("UPDATE_README") != "" {
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// shown gives the part of a file that a page shows.
func shown(t *testing.T, path, name string) string {
	text := read(t, path)
	if _, after, ok := strings.Cut(text, "// README:"+name); ok {
		_, after, _ = strings.Cut(after, "\n")
		text, _, _ = strings.Cut(after, "// README:")
		text = strings.TrimLeft(strings.TrimRight(text, " \t\n"), "\n") + "\n"
	} else if name != "" {
		t.Errorf("%s has no part %s", path, name)
	}
	if indent := strings.TrimLeft(text, "\t"); len(indent) < len(text) {
		depth := text[:len(text)-len(indent)]
		text = strings.ReplaceAll("\n"+text, "\n"+depth, "\n")[1:]
	}
	return strings.ReplaceAll(text, "\t", "    ")
}
