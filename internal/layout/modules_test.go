// This file holds what a host has to download.

package layout

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A host's program that runs a practice in memory: what it imports, and the modules that come
// with it besides the library's own. A module more is a decision, made here.
var (
	hostImports = []string{
		module + "/incident",
		module + "/itsm/engine",
		module + "/storage/memory",
	}

	// hostLinks are the modules whose code is in the program. Building it downloads no other.
	hostLinks = []string{
		"github.com/google/uuid",
		"github.com/qmuntal/stateless",
		"github.com/shopspring/decimal",
	}

	// hostTidies are those that "go mod tidy" downloads on top, to note the checksums by
	// which the host could also run the library's tests.
	hostTidies = []string{
		"github.com/stretchr/testify",
		"go.yaml.in/yaml/v3",
		"pgregory.net/rapid",
	}
)

func TestHostDownloadsExactlyTheseModules(t *testing.T) {
	library, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	host := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(host, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.com/host\n\ngo 1.24\n\nrequire "+module+" v0.0.0\n\nreplace "+module+" => "+library+"\n")
	imports := ""
	for _, path := range hostImports {
		imports += "import _ \"" + path + "\"\n"
	}
	write("main.go", "package main\n\n"+imports+"\nfunc main() {}\n")

	// An empty module cache that is filled from this machine's own, which stands in for the
	// network as far as it goes, shows what is asked for.
	settings := strings.Split(strings.TrimRight(string(goCommand(t, host, nil, "env", "GOMODCACHE", "GOPROXY")), "\n"), "\n")
	cache := t.TempDir()
	env := []string{
		"GOMODCACHE=" + cache,
		"GOPROXY=file://" + filepath.ToSlash(settings[0]) + "/cache/download," + settings[1],
		"GOSUMDB=off", // this machine has checked them
		"GOFLAGS=-mod=mod -modcacherw",
	}
	// Without paths in what is compiled, most of it is in the build cache.
	goCommand(t, host, env, "build", "-trimpath", "-o", os.DevNull, ".")
	if got := downloaded(t, cache); !slices.Equal(got, hostLinks) {
		t.Errorf("building the program downloads\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(hostLinks, "\n\t"))
	}
	linked := strings.Fields(string(goCommand(t, host, env, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".")))
	slices.Sort(linked)
	if got, want := slices.Compact(linked), insert(hostLinks, module); !slices.Equal(got, want) {
		t.Errorf("the program is linked from\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	goCommand(t, host, env, "mod", "tidy")
	if got, want := downloaded(t, cache), insert(hostLinks, hostTidies...); !slices.Equal(got, want) {
		t.Errorf("tidying downloads\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// downloaded lists the modules whose source is in a module cache, in order.
func downloaded(t *testing.T, cache string) (modules []string) {
	t.Helper()
	base := filepath.Join(cache, "cache", "download")
	err := filepath.WalkDir(base, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".zip" {
			return err
		}
		module, err := filepath.Rel(base, filepath.Dir(filepath.Dir(name)))
		modules = append(modules, filepath.ToSlash(module))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}

// insert gives a list with more in it, in order.
func insert(list []string, more ...string) []string {
	all := slices.Concat(list, more)
	slices.Sort(all)
	return all
}
