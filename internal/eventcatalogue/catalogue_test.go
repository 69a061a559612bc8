package eventcatalogue

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the catalogue and its page")

var eventName = regexp.MustCompile(`^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\.v[1-9][0-9]*$`)

// The page and the schemas are those of the code. Run with -update to write them anew.
func TestTheCatalogueIsThatOfTheCode(t *testing.T) {
	c := read(t)
	all := c.events()
	require.NotEmpty(t, all)
	data, err := c.imported.Import(module + "/itsm/cloudevents")
	require.NoError(t, err)
	type entry struct {
		Name        string `json:"name"`
		Package     string `json:"package"`
		Description string `json:"description"`
		Payload     schema `json:"payload"`
	}
	catalogue := struct {
		Data  schema  `json:"data"`
		Types []entry `json:"types"`
	}{Data: c.schema(data.Scope().Lookup("Data").Type())}
	var page, group bytes.Buffer
	last := ""
	seen := map[string]string{}
	for _, e := range all {
		require.Regexp(t, eventName, e.name, "%s.%s", e.pkg.path, e.goName)
		require.Empty(t, seen[e.name], "%s is the type of two payloads", e.name)
		seen[e.name] = e.goName
		require.NotEmpty(t, e.doc, "%s.%s has no comment", e.pkg.path, e.goName)
		s := c.schema(e.is)
		catalogue.Types = append(catalogue.Types, entry{e.name, e.pkg.path, e.doc, s})
		if kind, _, _ := strings.Cut(e.name, "."); kind != last {
			last = kind
			fmt.Fprintf(&group, "\n## %s\nPackage `%s`.\n", kind, e.pkg.path)
		}
		name, version, _ := cutLast(e.name, ".v")
		fmt.Fprintf(&group, "\n### %s\nVersion %s. %s\n", name, version, cell(e.doc))
		c.table(&group, s, e)
	}
	fmt.Fprintf(&page, "%s%s", begin, group.Bytes())
	raw, err := json.MarshalIndent(catalogue, "", "\t")
	require.NoError(t, err)
	held(t, "itsm/cloudevents/catalogue.json", func(string) string { return string(raw) + "\n" })
	held(t, "docs/events.md", func(was string) string {
		before, _, ok := strings.Cut(was, begin)
		require.True(t, ok, "the page has no place for the catalogue")
		return before + page.String()
	})
}

const begin = "<!-- generated: events -->\n"

// table writes the fields of a payload.
func (c *code) table(b *bytes.Buffer, s schema, e event) {
	fields := c.fields(e.is)
	if len(fields) == 0 {
		b.WriteString("\nIt has no fields.\n")
		return
	}
	b.WriteString("\n| Field | Type | |\n|---|---|---|\n")
	for _, f := range fields {
		p := s["properties"].(schema)[f.name].(schema)
		words := cell(f.doc)
		if !f.required {
			words = strings.TrimSpace("May be absent. " + words)
		}
		if examples, ok := p["examples"].([]any); ok {
			var values []string
			for _, v := range examples {
				values = append(values, fmt.Sprintf("`%v`", v))
			}
			words = strings.TrimSpace(words + " Values: " + strings.Join(values, ", ") + ".")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.name, kind(p), words)
	}
}

// kind says a schema's type in words.
func kind(s schema) string {
	name := "any JSON"
	switch t := s["type"].(type) {
	case string:
		name = t
	case []any:
		name = fmt.Sprint(t[0])
	}
	switch {
	case s["format"] == "date-time":
		return "time (RFC 3339)"
	case name == "array":
		return "list of " + kind(s["items"].(schema))
	case name == "object" && s["properties"] != nil:
		var names []string
		for _, n := range sorted(s["properties"].(schema)) {
			names = append(names, "`"+n+"`")
		}
		return "object of " + strings.Join(names, ", ")
	case name == "object" && s["additionalProperties"] != nil:
		return "object of " + kind(s["additionalProperties"].(schema))
	}
	return name
}

func sorted(s schema) []string {
	raw, _ := json.Marshal(s) // whose keys are in order
	dec := json.NewDecoder(bytes.NewReader(raw))
	_, _ = dec.Token()
	var names []string
	for dec.More() {
		key, _ := dec.Token()
		names = append(names, key.(string))
		var skip json.RawMessage
		_ = dec.Decode(&skip)
	}
	return names
}

// cell makes a comment fit a line of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "[", "", "]", "").Replace(s)
}

func cutLast(s, separator string) (before, after string, ok bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

func held(t *testing.T, name string, want func(was string) string) {
	t.Helper()
	path := filepath.Join(root, name)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	generated := want(string(raw))
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(generated), 0o644))
		return
	}
	require.True(t, generated == string(raw), "%s is not that of the code: run go test ./internal/eventcatalogue -update", name)
}
