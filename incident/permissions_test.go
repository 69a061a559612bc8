// This file holds which permissions there are: the table of roles has a row for each.

package incident

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
)

// A permission that a package exports and that roles have by "*" alone, as "sla.*", is in the table too.
func TestTheTableOfRolesHasEveryPermissionThatThereIs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(docs, "roles.md"))
	require.NoError(t, err)
	all := exported(t)
	require.Subset(t, all, []itsm.Permission{"sla.rebase", "sla.rebuild", "settings.place", "incident.import", "incident_template.define"})
	for _, p := range all {
		require.True(t, strings.Contains(string(page), fmt.Sprintf("\n| `%s` |", p)), "%s is no row; run go test ./incident -update", p)
	}
}

// exported are the values of the constants of the type itsm.Permission that the module's packages export.
func exported(t *testing.T) (all []itsm.Permission) {
	t.Helper()
	const root = ".."
	packages := map[string][]*ast.File{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"internal", "examples", "testdata"}, d.Name())):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], file)
		return err
	}))
	for folder, files := range packages {
		values := map[string]ast.Expr{}
		var names []string
		for _, f := range files {
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.CONST {
					continue
				}
				for _, s := range g.Specs {
					v := s.(*ast.ValueSpec)
					for i, name := range v.Names {
						if i < len(v.Values) {
							values[name.Name] = v.Values[i]
						}
						if name.IsExported() && isPermission(v.Type) {
							names = append(names, name.Name)
						}
					}
				}
			}
		}
		for _, name := range names {
			text, ok := constant(values, values[name])
			require.True(t, ok, "%s.%s is written in a way that this test does not read", folder, name)
			all = append(all, itsm.Permission(text))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func isPermission(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "Permission"
	case *ast.SelectorExpr:
		return e.Sel.Name == "Permission"
	}
	return false
}

// constant works out text that is made of literals, constants of the same package, sums and conversions.
func constant(values map[string]ast.Expr, e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.Ident:
		return constant(values, values[e.Name])
	case *ast.BinaryExpr:
		x, known := constant(values, e.X)
		y, too := constant(values, e.Y)
		return x + y, known && too && e.Op == token.ADD
	case *ast.CallExpr:
		return constant(values, e.Args[0])
	}
	return "", false
}
