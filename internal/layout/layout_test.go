// This file holds the repository to the rules.

package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/itsmkit/itsmkit"
	root   = "../.."
)

// published are the folders of the modules that a host's program links.
var published = []string{".", "storage/sqlite", "sla/calendar/holidays"}

// goCommand runs the go command in a folder as someone does who has only the module there, and
// gives what it prints.
func goCommand(t *testing.T, folder string, env []string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	cmd.Env = append(cmd.Env, env...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, problems.Bytes())
	}
	return out
}

// relative writes import paths as the rules do.
func relative(paths []string) (written []string) {
	for _, p := range paths {
		if p == module || strings.HasPrefix(p, module+"/") {
			p = "." + strings.TrimPrefix(p, module)
		}
		written = append(written, p)
	}
	return written
}

// publishedPackages lists the packages of the published modules as the go command sees them.
func publishedPackages(t *testing.T) (all []pkg) {
	t.Helper()
	for _, folder := range published {
		out := goCommand(t, filepath.Join(root, folder), nil,
			"list", "-json=ImportPath,Deps,TestImports,XTestImports", "./...")
		for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
			var listed struct {
				ImportPath                      string
				Deps, TestImports, XTestImports []string
			}
			err := decoder.Decode(&listed)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, pkg{
				path:        relative([]string{listed.ImportPath})[0],
				deps:        relative(listed.Deps),
				testImports: relative(slices.Concat(listed.TestImports, listed.XTestImports)),
			})
		}
	}
	for _, known := range []string{"./storage", "./storage/sqlite", "./itsm"} {
		if !slices.ContainsFunc(all, func(p pkg) bool { return p.path == known }) {
			t.Fatalf("%s is not among the packages found", known)
		}
	}
	return all
}

// folder is the parsed source of one package, tests apart.
type folder struct {
	path         string // as pkg.path
	fset         *token.FileSet
	files, tests map[string]*ast.File
}

// publishedSource parses the published modules, including what is not for this system.
func publishedSource(t *testing.T) (all []*folder) {
	t.Helper()
	found := map[string]*folder{}
	for _, start := range published {
		err := filepath.WalkDir(filepath.Join(root, start), func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			local, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			local = filepath.ToSlash(local)
			if entry.IsDir() {
				if local != start && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || isModule(name)) {
					return fs.SkipDir
				}
				return nil
			}
			if path.Ext(local) != ".go" {
				return nil
			}
			where := "./" + path.Dir(local)
			f, ok := found[where]
			if !ok {
				f = &folder{path: where, fset: token.NewFileSet(), files: map[string]*ast.File{}, tests: map[string]*ast.File{}}
				found[where] = f
				all = append(all, f)
			}
			parsed, err := parser.ParseFile(f.fset, name, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			if strings.HasSuffix(local, "_test.go") {
				f.tests[path.Base(local)] = parsed
			} else {
				f.files[path.Base(local)] = parsed
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, known := range []string{"./storage", "./storage/sqlite", "./itsm"} {
		if found[known] == nil || len(found[known].files) == 0 {
			t.Fatalf("%s is not among the packages parsed", known)
		}
	}
	return all
}

func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

func report(t *testing.T, violations []string) {
	t.Helper()
	for _, v := range violations {
		t.Error(v)
	}
}

func TestPackagesDependOnlyOnWhatTheArchitectureAllows(t *testing.T) {
	for _, p := range publishedPackages(t) {
		report(t, dependencies(p))
	}
}

func TestProgramsAreLinkedWithoutTestCode(t *testing.T) {
	for _, p := range publishedPackages(t) {
		report(t, linkedTestCode(p))
	}
}

func TestRootModuleHasNoDatabaseDriver(t *testing.T) {
	linked := goCommand(t, root, nil, "list", "-deps", "-test", "./...")
	report(t, databaseDrivers(strings.Fields(string(linked))))

	var file struct {
		Require []struct{ Path string }
	}
	if err := json.Unmarshal(goCommand(t, root, nil, "mod", "edit", "-json"), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Require) == 0 {
		t.Fatal("the module's requirements were not found")
	}
	for _, required := range file.Require {
		report(t, databaseDrivers([]string{required.Path}))
	}
}

func TestX3WallClockIsReadInOnePlace(t *testing.T) {
	for _, f := range publishedSource(t) {
		for _, file := range f.files {
			if !matchesAny(forTests, f.path) {
				report(t, wallClock(f.fset, f.path, file))
			}
		}
	}
}

func TestImportingAPackageDoesNothing(t *testing.T) {
	for _, f := range publishedSource(t) {
		for _, file := range f.files {
			report(t, initialisers(f.fset, file))
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range publishedSource(t) {
		for _, file := range f.files {
			report(t, undocumented(f.fset, file))
		}
	}
}

func TestPackagesTellTheirStoryAndShowAnExample(t *testing.T) {
	for _, f := range publishedSource(t) {
		if len(f.files) > 0 {
			report(t, story(f.path, f.files, f.tests))
		}
	}
}
