package examples_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	linkInText = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)`)
	headingOf  = regexp.MustCompile(`(?m)^#{1,6}\s+(.*?)\s*#*\s*$`)
	codeBlock  = regexp.MustCompile("(?ms)^```.*?^```[ \t]*$")
	codeSpan   = regexp.MustCompile("`[^`\n]*`")
)

// Every relative link of the documentation leads to a file or folder that is there and, where it
// names one, to a heading in it.
func TestLinksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, "../README.md", "../CONTRIBUTING.md", "../CHANGELOG.md")
	seen := 0
	for _, page := range pages {
		for _, link := range linksOf(t, page) {
			seen++
			if problem := broken(t, page, link); problem != "" {
				t.Errorf("%s links to %s, %s", strings.TrimPrefix(page, "../"), link, problem)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d links were found in %d pages", seen, len(pages))
	}
}

// The test above can fail.
func TestABrokenLinkIsFound(t *testing.T) {
	for link, sound := range map[string]bool{
		"README.md": true, "README.md#packages": true, "incident": true, "#a-first-program": true,
		"README.md#nothing": false, "NOTHING.md": false, "#nothing": false, "nothing/": false, "incident#heading": false,
	} {
		if got := broken(t, "../README.md", link) == ""; got != sound {
			t.Errorf("%s: sound is %v", link, got)
		}
	}
}

// linksOf gives the relative links of a page, but for what looks like one in code.
func linksOf(t *testing.T, page string) (links []string) {
	text := codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(read(t, page), ""), "code")
	for _, m := range linkInText.FindAllStringSubmatch(text, -1) {
		if u, err := url.Parse(m[1]); err != nil || u.Scheme == "" && u.Host == "" {
			links = append(links, m[1])
		}
	}
	return links
}

// broken says why a link of a page leads nowhere, or "".
func broken(t *testing.T, page, link string) string {
	target, anchor, _ := strings.Cut(link, "#")
	target, err := url.PathUnescape(target)
	if err != nil {
		return "which cannot be read"
	}
	path := page
	if target != "" {
		path = filepath.Join(filepath.Dir(page), filepath.FromSlash(target))
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "which is not there"
	case anchor == "":
		return ""
	case info.IsDir() || filepath.Ext(path) != ".md":
		return "which has no headings"
	}
	for _, m := range headingOf.FindAllStringSubmatch(codeBlock.ReplaceAllString(read(t, path), ""), -1) {
		if anchorOf(m[1]) == anchor {
			return ""
		}
	}
	return "which has no such heading"
}

// anchorOf makes a heading into the name by which links find it: lower case, spaces as hyphens,
// and no punctuation.
func anchorOf(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

func read(t *testing.T, path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
