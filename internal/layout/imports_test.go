// This file holds the rules about who depends on whom.

package layout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pkg is one package as the rules see it. Paths of ours are relative to the repository's root,
// "" for the root itself; all others are full.
type pkg struct {
	path string
	// deps is everything that is linked with the package, not only what it imports itself: a
	// rule cannot be walked around through a package between.
	deps []string
	// testImports is what the package's own tests import.
	testImports []string
}

// practices are the packages of ITIL practices, each with its own records. Those that are not
// written yet are held to the rule from their first file on.
var practices = []string{"incident", "problem", "change", "catalog", "knowledge", "sla", "cmdb"}

// pure packages compute on what they are given: they see the vocabulary, but no engine.
var pure = []string{"sla/calendar", "cmdb/impact"}

// under reports whether path is root or lies below it.
func under(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

// topOf gives the first element of a path.
func topOf(path string) string {
	top, _, _ := strings.Cut(path, "/")
	return top
}

// ours reports whether a path is one of this repository: those of the standard library are in a
// list, and those of other modules have a dot in their first element.
func ours(path string) bool {
	switch topOf(path) {
	case "storage", "itsm", "servicedesk", "examples", "internal":
		// "internal" is also a folder of the standard library, whose packages are told
		// apart where the list is read.
		return true
	}
	return slices.Contains(practices, topOf(path))
}

// dependencies says which packages of ours stand where they may not.
func dependencies(p pkg) (violations []string) {
	allowed, known := mayDependOn(p.path)
	if !known {
		return []string{fmt.Sprintf("%s has no place in the architecture: say here what it may depend on", p.path)}
	}
	seen := []string{}
	for _, dep := range p.deps {
		if !ours(dep) || under(dep, p.path) {
			continue
		}
		if !allowed(dep) {
			violations = append(violations, fmt.Sprintf("%s depends on %s", p.path, dep))
		}
		if slices.Contains(practices, topOf(dep)) && !slices.Contains(seen, topOf(dep)) {
			seen = append(seen, topOf(dep))
		}
	}
	if len(seen) > 1 && !seesPractices(p.path) {
		violations = append(violations, fmt.Sprintf("%s sees the practices %s", p.path, strings.Join(seen, " and ")))
	}
	for _, dep := range p.testImports {
		if ours(dep) && !under(dep, p.path) && !allowed(dep) && !mayTestWith(p.path, dep) {
			violations = append(violations, fmt.Sprintf("a test of %s imports %s", p.path, dep))
		}
	}
	return violations
}

// seesPractices reports whether a package is there to bring practices together. Tests on real
// engines run those of every practice.
func seesPractices(path string) bool {
	return path == "servicedesk" || under(path, "examples") || under(path, "internal/enginetest")
}

// mayDependOn gives the dependency rule of a package, and whether there is one. Every package
// may have packages below itself, and internal ones: what those depend on counts for it too.
func mayDependOn(path string) (allowed func(dep string) bool, known bool) {
	among := func(roots ...string) func(string) bool {
		return func(dep string) bool {
			return under(dep, "internal") || slices.ContainsFunc(roots, func(root string) bool {
				// A root that ends in a slash stands for what is below it.
				if below, ok := strings.CutSuffix(root, "/"); ok {
					return under(dep, below)
				}
				return dep == root
			})
		}
	}
	top := topOf(path)
	switch {
	case path == "storage/sqlite":
		return among("storage", "storage/sqlstore"), true
	case top == "storage":
		return func(dep string) bool {
			// The contract does not know its adapters, and an adapter no other.
			return path != "storage" && dep == "storage" || under(dep, "internal")
		}, true
	case path == "itsm":
		return among("storage"), true
	case path == "itsm/engine":
		return among("itsm", "storage"), true
	case top == "itsm", slices.Contains(practices, path):
		return among("itsm/", "storage"), true
	case slices.Contains(pure, path):
		return among("itsm", "storage"), true
	case slices.Contains(practices, top):
		return among(top+"/", "itsm/", "storage"), true
	case path == "servicedesk":
		roots := []string{"itsm/", "storage"}
		for _, p := range practices {
			roots = append(roots, p+"/")
		}
		return among(roots...), true
	case under(path, "examples"), under(path, "internal/enginetest"):
		return func(string) bool { return true }, true
	case top == "internal":
		return among("itsm", "storage"), true
	}
	return nil, false
}

// mayTestWith reports what the tests of a package may import beyond what it may depend on: the
// adapters, to have a store to run on. The tests of storage know no more of ITSM than it does.
func mayTestWith(path, dep string) bool {
	return topOf(dep) == "storage" || topOf(path) == "internal"
}

// drivers are the database drivers of Go that a host may use, by their import paths' beginning.
var drivers = []string{
	"modernc.org/sqlite",
	"github.com/mattn/go-sqlite3",
	"github.com/ncruces/go-sqlite3",
	"github.com/glebarez/go-sqlite",
	"zombiezen.com/go/sqlite",
	"crawshaw.io/sqlite",
	"github.com/jackc/pgx",
	"github.com/lib/pq",
	"github.com/go-sql-driver/mysql",
	"github.com/microsoft/go-mssqldb",
	"github.com/sijms/go-ora",
}

// driversIn says which database drivers are among the imports or modules given.
func driversIn(paths []string) (violations []string) {
	for _, path := range paths {
		for _, driver := range drivers {
			if under(path, driver) {
				violations = append(violations, fmt.Sprintf("%s is a database driver", path))
			}
		}
	}
	return violations
}

// testCode are packages that belong in tests.
var testCode = []string{"testing", "github.com/stretchr/testify", "pgregory.net/rapid"}

// linksTestCode says what of testing would be linked into a program with the package. The
// conformance suite is test code by its nature, and internal packages are not linked by a host.
func linksTestCode(p pkg) (violations []string) {
	if under(p.path, "storage/storagetest") || under(p.path, "internal") {
		return nil
	}
	for _, dep := range p.deps {
		for _, code := range testCode {
			if under(dep, code) {
				violations = append(violations, fmt.Sprintf("%s brings %s into a program", p.path, dep))
			}
		}
	}
	return violations
}

func TestDependencyRuleRefuses(t *testing.T) {
	for _, c := range []struct {
		p    pkg
		want string
	}{
		{pkg{path: "storage", deps: []string{"errors", "itsm"}}, "storage depends on itsm"},
		{pkg{path: "storage", deps: []string{"internal/x", "incident"}}, "storage depends on incident"},
		{pkg{path: "storage", deps: []string{"storage/memory"}}, ""}, // below: the next line refuses it
		{pkg{path: "storage/memory", deps: []string{"storage", "storage/sqlstore"}}, "storage/memory depends on storage/sqlstore"},
		{pkg{path: "storage/memory", deps: []string{"storage", "itsm"}}, "storage/memory depends on itsm"},
		{pkg{path: "storage/sqlite", deps: []string{"storage", "storage/memory"}}, "storage/sqlite depends on storage/memory"},
		{pkg{path: "storage/storagetest", testImports: []string{"incident"}}, "a test of storage/storagetest imports incident"},
		{pkg{path: "itsm", deps: []string{"storage", "itsm/engine"}}, ""},
		{pkg{path: "itsm", deps: []string{"storage", "storage/memory"}}, "itsm depends on storage/memory"},
		{pkg{path: "itsm", deps: []string{"incident"}}, "itsm depends on incident"},
		{pkg{path: "itsm/engine", deps: []string{"itsm", "storage", "itsm/directory"}}, "itsm/engine depends on itsm/directory"},
		{pkg{path: "itsm/engine", deps: []string{"storage/sqlstore"}}, "itsm/engine depends on storage/sqlstore"},
		{pkg{path: "itsm/approval", deps: []string{"itsm/engine", "change"}}, "itsm/approval depends on change"},
		{pkg{path: "incident", deps: []string{"itsm/engine", "problem"}}, "incident depends on problem"},
		{pkg{path: "incident", deps: []string{"storage", "storage/memory"}}, "incident depends on storage/memory"},
		{pkg{path: "incident", deps: []string{"servicedesk"}}, "incident depends on servicedesk"},
		{pkg{path: "problem", testImports: []string{"incident"}}, "a test of problem imports incident"},
		{pkg{path: "incident", testImports: []string{"servicedesk"}}, "a test of incident imports servicedesk"},
		{pkg{path: "sla/calendar", deps: []string{"itsm", "itsm/engine"}}, "sla/calendar depends on itsm/engine"},
		{pkg{path: "cmdb/impact", deps: []string{"cmdb"}}, "cmdb/impact depends on cmdb"},
		{pkg{path: "cmdb/asset", deps: []string{"cmdb", "catalog"}}, "cmdb/asset depends on catalog"},
		{pkg{path: "servicedesk", deps: []string{"incident", "problem", "storage/memory"}}, "servicedesk depends on storage/memory"},
		{pkg{path: "internal/wiring", deps: []string{"incident"}}, "internal/wiring depends on incident"},
		{pkg{path: "internal/wiring", deps: []string{"incident", "problem"}}, "internal/wiring sees the practices incident and problem"},
		{pkg{path: "helpers"}, "helpers has no place in the architecture: say here what it may depend on"},
		{pkg{path: ""}, " has no place in the architecture: say here what it may depend on"},
	} {
		got := dependencies(c.p)
		if c.want != "" && !slices.Contains(got, c.want) {
			t.Errorf("%+v: got %q, want %q", c.p, got, c.want)
		}
	}
}
