// This file holds the rules about who depends on whom.

package layout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pkg is one package as the rules see it. A package of this repository is written relative to
// its root, as the go command does ("./storage/memory"), every other by its import path.
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
var practices = []string{"./incident", "./problem", "./change", "./catalog", "./knowledge", "./sla", "./cmdb"}

// rule says on which packages of this repository those that match a pattern may depend, internal
// ones apart, which anyone may: what those depend on counts for it too.
type rule struct {
	packages string
	mayUse   []string
}

// rules is the architecture. The first rule whose pattern matches a package holds for it; a
// pattern that ends in "/..." matches the package before it and all below.
var rules = slices.Concat(
	[]rule{
		// The contract knows neither ITSM nor its adapters, and an adapter knows no other.
		{"./storage", nil},
		{"./storage/memory/...", []string{"./storage", "./storage/memory/..."}},
		{"./storage/sqlstore/...", []string{"./storage", "./storage/sqlstore/..."}},
		{"./storage/sqlite/...", []string{"./storage", "./storage/sqlstore/...", "./storage/sqlite/..."}},
		{"./storage/portable/...", []string{"./storage", "./storage/portable/..."}},
		{"./storage/storagetest/...", []string{"./storage", "./storage/storagetest/..."}},

		{"./itsm", []string{"./storage"}},
		{"./itsm/engine", []string{"./itsm", "./storage"}},
		{"./itsm/approval", []string{"./itsm", "./storage"}}, // pure, but not package ballot below it
		{"./itsm/...", []string{"./itsm/...", "./storage"}},

		// Pure computations see the vocabulary, but no engine and no records.
		{"./sla/calendar/...", []string{"./sla/calendar/...", "./itsm", "./storage"}},
		{"./sla/timer/...", []string{"./sla/timer/...", "./sla/calendar", "./itsm", "./storage"}},
		{"./cmdb/impact/...", []string{"./cmdb/impact/...", "./itsm", "./storage"}},
		{"./change/calendar/...", []string{"./change/calendar/...", "./itsm", "./itsm/recurrence/rrule", "./storage"}},
		{"./cmdb/schema/...", []string{"./cmdb/schema/...", "./cmdb/impact", "./itsm", "./storage"}},
		{"./cmdb/reconcile/...", []string{"./cmdb/reconcile/...", "./cmdb/schema", "./cmdb/impact", "./itsm", "./storage"}},
		{"./cmdb/netbox/...", []string{"./cmdb/netbox/...", "./cmdb/reconcile", "./cmdb/schema", "./cmdb/impact", "./itsm", "./storage"}},
		{"./incident/auditlog/...", []string{"./incident/auditlog/...", "./itsm", "./storage"}},

		// These bring the practices together.
		{"./servicedesk/...", append([]string{"./servicedesk/...", "./itsm/...", "./storage", "./storage/portable"}, below(practices)...)},
		{"./examples/...", []string{"./..."}},
		{"./internal/enginetest/...", []string{"./..."}},
		// Suites that packages and the module of the engines share may use what they test.
		{"./internal/incidentsuite", []string{"./incident/...", "./itsm/...", "./storage"}},
		{"./internal/changesuite", []string{"./change/...", "./itsm/...", "./storage"}},
		{"./internal/problemsuite", []string{"./problem/...", "./itsm/...", "./storage"}},
		{"./internal/cmdbsuite", []string{"./cmdb/...", "./itsm/...", "./storage"}},
		{"./internal/changecalsuite", []string{"./change/...", "./itsm/...", "./storage"}},
		{"./internal/slasuite", []string{"./sla/...", "./incident/...", "./itsm/...", "./storage"}},

		{"./internal/...", []string{"./itsm/...", "./storage"}},
	},
	practiceRules(),
)

// practiceRules keeps each practice to itself, the shared packages and the contract.
func practiceRules() (all []rule) {
	for _, p := range below(practices) {
		all = append(all, rule{p, []string{p, "./itsm/...", "./storage"}})
	}
	return all
}

// below gives patterns that match the packages and all below them.
func below(packages []string) (patterns []string) {
	for _, p := range packages {
		patterns = append(patterns, p+"/...")
	}
	return patterns
}

// matches reports whether a pattern of [rules] matches a package.
func matches(pattern, path string) bool {
	root, ok := strings.CutSuffix(pattern, "/...")
	return path == root || ok && strings.HasPrefix(path, root+"/")
}

// matchesAny reports whether one of the patterns matches a package.
func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, path) })
}

// dependencies says on what of this repository a package depends that it may not.
func dependencies(p pkg) (violations []string) {
	i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, p.path) })
	if i < 0 {
		return []string{p.path + " has no place in the architecture"}
	}
	mayUse := append([]string{p.path, "./internal/..."}, rules[i].mayUse...)
	for _, dep := range p.deps {
		if matches("./...", dep) && !matchesAny(mayUse, dep) {
			violations = append(violations, fmt.Sprintf("%s depends on %s", p.path, dep))
		}
	}
	// Tests also need a store to run on.
	mayUse = append(mayUse, "./storage/...")
	for _, dep := range p.testImports {
		if matches("./...", dep) && !matchesAny(mayUse, dep) {
			violations = append(violations, fmt.Sprintf("a test of %s imports %s", p.path, dep))
		}
	}
	return violations
}

// drivers are Go's database drivers that a host may use, as patterns of import paths.
var drivers = below([]string{
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
})

// databaseDrivers says which of these packages or modules are database drivers.
func databaseDrivers(paths []string) (violations []string) {
	for _, path := range paths {
		if matchesAny(drivers, path) {
			violations = append(violations, path+" is a database driver")
		}
	}
	return violations
}

// testCode are the packages that belong in tests, as patterns of import paths.
var testCode = below([]string{"testing", "github.com/stretchr/testify", "pgregory.net/rapid"})

// suites are the conformance suites, which a host's tests call.
var suites = []string{"./storage/storagetest", "./itsm/directory/directorytest"}

// forTests are the packages that are test code themselves: the conformance suites and what no
// host can import.
var forTests = append(below(suites), "./internal/...")

// linkedTestCode says what of testing would be linked into a program with the package.
func linkedTestCode(p pkg) (violations []string) {
	if matchesAny(forTests, p.path) {
		return nil
	}
	for _, dep := range p.deps {
		if matchesAny(testCode, dep) {
			violations = append(violations, fmt.Sprintf("%s brings %s into a program", p.path, dep))
		}
	}
	return violations
}

func TestDependencyRuleRefuses(t *testing.T) {
	deps := func(path string, deps ...string) pkg { return pkg{path: path, deps: deps} }
	tests := func(path string, imports ...string) pkg { return pkg{path: path, testImports: imports} }
	for _, c := range []struct {
		p    pkg
		want string
	}{
		{deps("./storage", "errors", "./itsm"), "./storage depends on ./itsm"},
		{deps("./storage", "./internal/x", "./incident"), "./storage depends on ./incident"},
		{deps("./storage", "./storage/memory"), "./storage depends on ./storage/memory"},
		{deps("./storage/memory", "./storage", "./storage/sqlstore"), "./storage/memory depends on ./storage/sqlstore"},
		{deps("./storage/memory", "./storage", "./itsm"), "./storage/memory depends on ./itsm"},
		{deps("./storage/sqlite", "./storage/sqlstore", "./storage/memory"), "./storage/sqlite depends on ./storage/memory"},
		{deps("./storage/cassandra", "./storage"), "./storage/cassandra has no place in the architecture"},
		{tests("./storage/storagetest", "./storage/memory", "./incident"), "a test of ./storage/storagetest imports ./incident"},
		{deps("./itsm", "./storage", "./itsm/engine"), "./itsm depends on ./itsm/engine"},
		{deps("./itsm", "./storage", "./storage/memory"), "./itsm depends on ./storage/memory"},
		{deps("./itsm", "./incident"), "./itsm depends on ./incident"},
		{deps("./itsm/engine", "./itsm", "./storage", "./itsm/directory"), "./itsm/engine depends on ./itsm/directory"},
		{deps("./itsm/engine", "./itsm", "./storage/sqlstore"), "./itsm/engine depends on ./storage/sqlstore"},
		{deps("./itsm/task", "./itsm/engine", "./change"), "./itsm/task depends on ./change"},
		{deps("./itsm/approval", "./itsm", "./itsm/engine"), "./itsm/approval depends on ./itsm/engine"},
		{deps("./itsm/approval/ballot", "./itsm/approval", "./itsm/engine", "./change"), "./itsm/approval/ballot depends on ./change"},
		{deps("./incident", "./itsm/engine", "./problem"), "./incident depends on ./problem"},
		{deps("./incident", "./storage", "./storage/memory"), "./incident depends on ./storage/memory"},
		{deps("./incident", "./storage", "./storage/sqlite"), "./incident depends on ./storage/sqlite"},
		{deps("./incident", "./servicedesk"), "./incident depends on ./servicedesk"},
		{tests("./problem", "./storage/memory", "./incident"), "a test of ./problem imports ./incident"},
		{tests("./incident", "./servicedesk"), "a test of ./incident imports ./servicedesk"},
		{deps("./sla/calendar", "./itsm", "./itsm/engine"), "./sla/calendar depends on ./itsm/engine"},
		{deps("./cmdb/impact", "./cmdb"), "./cmdb/impact depends on ./cmdb"},
		{deps("./change/calendar", "./itsm/recurrence/rrule", "./itsm/recurrence"), "./change/calendar depends on ./itsm/recurrence"},
		{deps("./cmdb/reconcile", "./cmdb/schema", "./cmdb"), "./cmdb/reconcile depends on ./cmdb"},
		{deps("./cmdb/netbox", "./cmdb/reconcile", "./itsm/engine"), "./cmdb/netbox depends on ./itsm/engine"},
		{deps("./incident/auditlog", "./incident"), "./incident/auditlog depends on ./incident"},
		{deps("./cmdb/asset", "./cmdb", "./catalog"), "./cmdb/asset depends on ./catalog"},
		{deps("./servicedesk", "./incident", "./problem", "./storage/memory"), "./servicedesk depends on ./storage/memory"},
		{deps("./internal/wiring", "./incident"), "./internal/wiring depends on ./incident"},
		{deps("./helpers"), "./helpers has no place in the architecture"},
		{deps("."), ". has no place in the architecture"},
	} {
		if got := dependencies(c.p); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%+v: got %q, want %q", c.p, got, c.want)
		}
	}
}

func TestDependencyRuleAllows(t *testing.T) {
	for _, p := range []pkg{
		{path: "./storage", deps: []string{"time", "internal/abi", "./internal/x"}, testImports: []string{"./storage/memory"}},
		{path: "./storage/sqlite", deps: []string{"./storage", "./storage/sqlstore", "modernc.org/sqlite"}},
		{path: "./itsm/task", deps: []string{"./itsm", "./itsm/engine", "./itsm/directory", "./storage"}},
		{path: "./incident", deps: []string{"./itsm", "./itsm/engine", "./itsm/task", "./storage"}, testImports: []string{"./storage/memory"}},
		{path: "./cmdb/asset", deps: []string{"./cmdb", "./cmdb/impact", "./itsm/engine", "./storage"}},
		{path: "./servicedesk", deps: []string{"./incident", "./sla/calendar", "./itsm/engine"}},
		{path: "./examples/replay", deps: []string{"./servicedesk", "./incident", "./problem", "./storage/sqlite"}},
	} {
		if got := dependencies(p); len(got) > 0 {
			t.Errorf("%s: got %q", p.path, got)
		}
	}
}

func TestDriverRuleRefuses(t *testing.T) {
	got := databaseDrivers([]string{"database/sql", "github.com/jackc/pgx/v5/stdlib", "modernc.org/sqlite", "modernc.org/sqliteutil"})
	want := []string{"github.com/jackc/pgx/v5/stdlib is a database driver", "modernc.org/sqlite is a database driver"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTestCodeRuleRefuses(t *testing.T) {
	for _, c := range []struct {
		p    pkg
		want []string
	}{
		{pkg{path: "./incident", deps: []string{"fmt", "testing"}}, []string{"./incident brings testing into a program"}},
		{pkg{path: "./storage/memory", deps: []string{"testing/quick"}}, []string{"./storage/memory brings testing/quick into a program"}},
		{pkg{path: "./itsm", deps: []string{"pgregory.net/rapid"}}, []string{"./itsm brings pgregory.net/rapid into a program"}},
		{pkg{path: "./itsm", testImports: []string{"testing"}}, nil},
		{pkg{path: "./storage/storagetest", deps: []string{"testing"}}, nil},
		{pkg{path: "./itsm/directory", deps: []string{"testing"}}, []string{"./itsm/directory brings testing into a program"}},
		{pkg{path: "./itsm/directory/directorytest", deps: []string{"testing"}}, nil},
		{pkg{path: "./internal/throwaway", deps: []string{"testing"}}, nil},
	} {
		if got := linkedTestCode(c.p); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.p.path, got, c.want)
		}
	}
}
