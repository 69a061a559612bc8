// This file holds the rules about what stands in a source file.

package layout

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// theClock is the one function of the library that reads the wall clock: what a nil itsm.Clock
// means.
const theClock = "./itsm.Clock.Now"

// wallClock says where a file of the package at folder reads the wall clock, other than in
// [theClock]. Naming the function without calling it counts: it would be called later.
func wallClock(fset *token.FileSet, folder string, file *ast.File) (violations []string) {
	name := ""
	for _, spec := range file.Imports {
		if imported, _ := strconv.Unquote(spec.Path.Value); imported != "time" {
			continue
		}
		name = "time"
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			violations = append(violations, fmt.Sprintf("%s: time is imported so that its use cannot be seen", fset.Position(spec.Pos())))
		}
	}
	for _, decl := range file.Decls {
		function, ok := decl.(*ast.FuncDecl)
		if ok && folder+"."+qualified(function) == theClock {
			continue
		}
		ast.Inspect(decl, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			from, ok := selector.X.(*ast.Ident)
			if ok && from.Name == name && slices.Contains([]string{"Now", "Since", "Until"}, selector.Sel.Name) {
				violations = append(violations, fmt.Sprintf("%s: time.%s reads the wall clock", fset.Position(n.Pos()), selector.Sel.Name))
			}
			return true
		})
	}
	return violations
}

// initialisers says where a file does something when its package is merely imported.
func initialisers(fset *token.FileSet, file *ast.File) (violations []string) {
	for _, decl := range file.Decls {
		if function, ok := decl.(*ast.FuncDecl); ok && function.Recv == nil && function.Name.Name == "init" {
			violations = append(violations, fmt.Sprintf("%s: func init", fset.Position(decl.Pos())))
		}
	}
	return violations
}

// qualified gives a function's name, behind its receiver's type where it is a method.
func qualified(function *ast.FuncDecl) string {
	if function.Recv == nil {
		return function.Name.Name
	}
	return receiver(function) + "." + function.Name.Name
}

// receiver gives the name of the type that a method belongs to.
func receiver(method *ast.FuncDecl) string {
	t := method.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// told are methods whose meaning the standard library gives, and that need no words of ours.
var told = []string{"Error", "String"}

// undocumented says which exported names of a file have no doc comment: types, functions,
// methods of exported types, constants and variables, fields of exported structs and methods of
// exported interfaces. In a block, and over lines that give one method to many types, a comment is
// for what follows it up to the next blank line or comment; that of a struct or interface is also
// for the members before the first of those, and that of a block of declarations for all of it.
func undocumented(fset *token.FileSet, file *ast.File) (violations []string) {
	report := func(name *ast.Ident, what string) {
		if name.IsExported() {
			violations = append(violations, fmt.Sprintf("%s: %s %s has no doc comment", fset.Position(name.Pos()), what, name.Name))
		}
	}
	run, runName := comments{fset: fset}, "" // of one method on many types
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil || decl.Name.Name != runName {
				run, runName = comments{fset: fset}, decl.Name.Name
			}
			covered := run.cover(decl, decl.Doc, nil)
			if decl.Recv != nil && (!ast.IsExported(receiver(decl)) || slices.Contains(told, decl.Name.Name)) {
				continue
			}
			if !covered {
				report(decl.Name, "func")
			}
		case *ast.GenDecl:
			group := comments{fset: fset, whole: decl.Doc != nil}
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if !group.cover(spec, spec.Doc, spec.Comment) {
						report(spec.Name, "type")
					}
					if spec.Name.IsExported() {
						for _, name := range undocumentedMembers(fset, spec.Type) {
							report(name, spec.Name.Name+"'s")
						}
					}
				case *ast.ValueSpec:
					if !group.cover(spec, spec.Doc, spec.Comment) {
						for _, name := range spec.Names {
							report(name, decl.Tok.String())
						}
					}
				}
			}
		}
	}
	return violations
}

// undocumentedMembers gives the fields of a struct, or the methods of an interface, for which no
// comment is. Embedded ones are told where they are declared.
func undocumentedMembers(fset *token.FileSet, t ast.Expr) (names []*ast.Ident) {
	var fields *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		fields = t.Fields
	case *ast.InterfaceType:
		fields = t.Methods
	default:
		return nil
	}
	group := comments{fset: fset, open: true}
	for _, field := range fields.List {
		if !group.cover(field, field.Doc, field.Comment) {
			names = append(names, field.Names...)
		}
	}
	return names
}

// comments walks the members of a block and tells for which a comment is.
type comments struct {
	fset *token.FileSet
	// open says that the last comment is for what stands here.
	open bool
	// whole says that one comment is for the whole block, blank lines or not.
	whole bool
	last  int // the last line of the member before, 0 at the first
}

func (c *comments) cover(n ast.Node, doc, comment *ast.CommentGroup) bool {
	first, last := c.fset.Position(n.Pos()).Line, c.fset.Position(n.End()).Line
	if c.last != 0 && first > c.last+1 {
		c.open = false
	}
	c.last = last
	if doc != nil {
		c.open = true
	}
	return c.open || c.whole || comment != nil
}

// story says what is wrong with how a package presents itself: its doc.go and its examples, of
// which one must be run and checked. The suites' own examples need a *testing.T and are only
// compiled.
func story(folder string, files, tests map[string]*ast.File) (violations []string) {
	for name, file := range files {
		if name != "doc.go" && file.Doc != nil {
			violations = append(violations, fmt.Sprintf("%s: %s has a package comment, which belongs in doc.go", folder, name))
		}
	}
	slices.Sort(violations)
	file, ok := files["doc.go"]
	switch {
	case !ok:
		violations = append(violations, folder+": no doc.go")
	case !strings.HasPrefix(file.Doc.Text(), "Package "+file.Name.Name+" "):
		violations = append(violations, folder+": doc.go has no comment that begins with Package "+file.Name.Name)
	}
	if matches("./internal/...", folder) {
		return violations
	}
	all := []*ast.File{}
	for _, test := range tests {
		all = append(all, test)
	}
	examples := doc.Examples(all...)
	if slices.Contains(suites, folder) && len(examples) > 0 {
		return violations
	}
	if !slices.ContainsFunc(examples, func(e *doc.Example) bool { return e.Output != "" || e.EmptyOutput }) {
		violations = append(violations, folder+": no example whose output is checked")
	}
	return violations
}

// parse reads made-up source.
func parse(t *testing.T, name, source string) (*token.FileSet, *ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return fset, file
}

func TestClockRuleRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		folder, source string
		want           []string
	}{
		"a call": {"./incident", `package incident
import "time"
func f() time.Time { return time.Now() }`, []string{"f.go:3:29: time.Now reads the wall clock"}},
		"the function itself": {"./incident", `package incident
import "time"
var clock = time.Now`, []string{"f.go:3:13: time.Now reads the wall clock"}},
		"another name": {"./sla", `package sla
import wall "time"
func f(t wall.Time) (a, b wall.Duration) { return wall.Since(t), wall.Until(t) }`, []string{
			"f.go:3:51: time.Since reads the wall clock", "f.go:3:66: time.Until reads the wall clock"}},
		"a dot import": {"./sla", `package sla
import . "time"
var t = Now()`, []string{"f.go:2:8: time is imported so that its use cannot be seen"}},
		"in itsm, but not its clock": {"./itsm", `package itsm
import "time"
func (c Clock) Later() time.Time { return time.Now() }
func Now() time.Time { return time.Now() }`, []string{
			"f.go:3:43: time.Now reads the wall clock", "f.go:4:31: time.Now reads the wall clock"}},
		"a clock elsewhere": {"./sla", `package sla
import "time"
func (c Clock) Now() time.Time { return time.Now() }`, []string{"f.go:3:41: time.Now reads the wall clock"}},
		"the clock": {"./itsm", `package itsm
import "time"
func (c Clock) Now() time.Time { if c == nil { return time.Now() }; return c() }`, nil},
		"timers": {"./itsm/engine", `package engine
import "time"
var a, b = time.After(time.Second), time.NewTimer(time.Second)`, nil},
		"something else named Now": {"./sla", `package sla
func f(u unit) time { return u.Now() }`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			fset, file := parse(t, "f.go", c.source)
			if got := wallClock(fset, c.folder, file); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestInitRuleRefuses(t *testing.T) {
	fset, file := parse(t, "f.go", `package p
func init() {}
func (t T) init() {}
func initialise() {}`)
	if got, want := initialisers(fset, file), []string{"f.go:2:1: func init"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDocumentationRuleRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		want   []string
	}{
		"a function":        {"package p\n\nfunc F() {}", []string{"f.go:3:6: func F has no doc comment"}},
		"a detached remark": {"package p\n\n// F does it.\n\nfunc F() {}", []string{"f.go:5:6: func F has no doc comment"}},
		"methods": {`package p

func (t *T[K, V]) M() {}
func (t *T) Error() string { return "" }
func (t T) String() string { return "" }
func (t *hidden[K]) M() {}`, []string{"f.go:3:19: func M has no doc comment"}},
		"one method of many types": {`package p

// M is one.
func (A) M() {}
func (B) M() {}
func (B) N() {}

func (C) M() {}`, []string{"f.go:6:10: func N has no doc comment", "f.go:8:10: func M has no doc comment"}},
		"functions in a run": {"package p\n\n// F is one.\nfunc F() {}\nfunc G() {}", []string{"f.go:5:6: func G has no doc comment"}},
		"a type":             {"package p\n\ntype T int", []string{"f.go:3:6: type T has no doc comment"}},
		"a type in a group":  {"package p\n\ntype (\n\tT int\n\t// U is one.\n\tU int\n)", []string{"f.go:4:2: type T has no doc comment"}},
		"a variable":         {"package p\n\nvar V = 1", []string{"f.go:3:5: var V has no doc comment"}},
		"a group's comment":  {"package p\n\n// States.\nconst (\n\tA = 1\n\n\tB = 2\n)\n\n// T and U are.\ntype (\n\tT int\n\tU int\n)", nil},
		"a comment's own":    {"package p\n\nconst (\n\tA = 1 // one\n\t// B and C.\n\tB = 2\n\tC = 3\n\n\tD = 4\n\te = 5\n)", []string{"f.go:9:2: const D has no doc comment"}},
		"a constant, before": {"package p\n\nconst (\n\tA = 1\n\t// B is two.\n\tB = 2\n)", []string{"f.go:4:2: const A has no doc comment"}},
		"a struct's fields": {`package p

// T is one.
type T struct {
	A int
	// B and C.
	B int
	C int

	D, e int
	F int // is told here

	Embedded
	g int
}`, []string{"f.go:10:2: T's D has no doc comment"}},
		"an interface's methods": {`package p

// T is one.
type T interface {
	// A does.
	A()

	B()
}

type hidden interface {
	a()

	B()
}`, []string{"f.go:8:2: T's B has no doc comment"}},
		"all of it": {"package p\n\n// F does.\nfunc F() {}\n\n// T is.\ntype T struct{ A int }\n\n// V is.\nvar V = 1\n\nfunc f() {}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			fset, file := parse(t, "f.go", c.source)
			if got := undocumented(fset, file); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestStoryRuleRefuses(t *testing.T) {
	const (
		told    = "// Package p is one.\npackage p"
		example = "package p_test\nfunc Example() {\n\t// Output: 1\n}"
	)
	for name, c := range map[string]struct {
		folder       string
		files, tests map[string]string
		want         []string
	}{
		"nothing": {"./p", map[string]string{"p.go": "package p"}, nil,
			[]string{"./p: no doc.go", "./p: no example whose output is checked"}},
		"a silent doc.go": {"./p", map[string]string{"doc.go": "// All rights.\n\npackage p"}, map[string]string{"p_test.go": example},
			[]string{"./p: doc.go has no comment that begins with Package p"}},
		"another package's": {"./p", map[string]string{"doc.go": "// Package pq is one.\npackage p"}, map[string]string{"p_test.go": example},
			[]string{"./p: doc.go has no comment that begins with Package p"}},
		"a second story": {"./p", map[string]string{"doc.go": told, "p.go": "// This is p.\npackage p"}, map[string]string{"p_test.go": example},
			[]string{"./p: p.go has a package comment, which belongs in doc.go"}},
		"an example that is not run": {"./p", map[string]string{"doc.go": told}, map[string]string{"p_test.go": "package p_test\nfunc Example() {}"},
			[]string{"./p: no example whose output is checked"}},
		"the suite without one": {"./storage/storagetest", map[string]string{"doc.go": told}, nil,
			[]string{"./storage/storagetest: no example whose output is checked"}},
		"the suite": {"./storage/storagetest", map[string]string{"doc.go": told}, map[string]string{"p_test.go": "package p_test\nfunc Example() {}"}, nil},
		"internal":  {"./internal/p", map[string]string{"doc.go": told}, nil, nil},
		"all of it": {"./p", map[string]string{"doc.go": told, "p.go": "// This file is p.\n\npackage p"}, map[string]string{"p_test.go": example}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			parsed := func(sources map[string]string) map[string]*ast.File {
				files := map[string]*ast.File{}
				for name, source := range sources {
					_, files[name] = parse(t, path.Join(c.folder, name), source)
				}
				return files
			}
			if got := story(c.folder, parsed(c.files), parsed(c.tests)); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
