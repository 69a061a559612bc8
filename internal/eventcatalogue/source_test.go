// This file holds how the types of events are found in the code.

package eventcatalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "github.com/itsmkit/itsmkit"
	root   = "../.."
)

// code is the library's packages, as the compiler and as a reader sees them.
type code struct {
	t        *testing.T
	imported types.Importer
	packages []*pkg
	docs     map[string]string // of a type, and of a field behind a dot, behind the import path and a dot
}

type pkg struct {
	path  string // below the module's
	files []*ast.File
}

// event is one type of event.
type event struct {
	name, goName string
	pkg          *pkg
	doc          string
	is           types.Type
}

func read(t *testing.T) *code {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles", "./...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	require.NoError(t, err, problems.String())
	fset := token.NewFileSet()
	exports := map[string]string{}
	c := &code{t: t, docs: map[string]string{}}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var listed struct {
			ImportPath, Export, Dir string
			GoFiles                 []string
		}
		err := dec.Decode(&listed)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		exports[listed.ImportPath] = listed.Export
		path, ours := strings.CutPrefix(listed.ImportPath, module+"/")
		if !ours || strings.HasPrefix(path, "internal/") {
			continue
		}
		p := &pkg{path: path}
		for _, name := range listed.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(listed.Dir, name), nil, parser.ParseComments)
			require.NoError(t, err)
			p.files = append(p.files, f)
		}
		c.packages = append(c.packages, p)
	}
	c.imported = importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("%s is not among what was listed", path)
		}
		return os.Open(exports[path])
	})
	for _, p := range c.packages {
		for _, f := range p.files {
			c.comments(p, f)
		}
	}
	return c
}

// comments notes what is written on types and their fields.
func (c *code) comments(p *pkg, f *ast.File) {
	for _, decl := range f.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range group.Specs {
			is, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			name := module + "/" + p.path + "." + is.Name.Name
			c.docs[name] = text(is.Doc, group.Doc)
			if s, ok := is.Type.(*ast.StructType); ok {
				for _, field := range s.Fields.List {
					doc := text(field.Doc, field.Comment)
					for _, n := range field.Names {
						c.docs[name+"."+n.Name] = doc
					}
				}
			}
		}
	}
}

func text(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if s := strings.Join(strings.Fields(g.Text()), " "); s != "" {
			return s
		}
	}
	return ""
}

// events finds every type of event: those whose method EventType returns a text that stands there, and
// the aliases of generic ones.
func (c *code) events() (all []event) {
	generic, sets, aliases := 0, 0, 0
	for _, p := range c.packages {
		for _, f := range p.files {
			for _, decl := range f.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if ok && fn.Recv != nil && fn.Name.Name == "VersionKind" {
					sets++
				}
				if !ok || fn.Recv == nil || fn.Name.Name != "EventType" {
					continue
				}
				if _, ok := fn.Recv.List[0].Type.(*ast.IndexExpr); ok {
					generic++ // its aliases are the types of events
					continue
				}
				receiver, ok := fn.Recv.List[0].Type.(*ast.Ident)
				if p.path == "itsm" && ok && receiver.Name == "UnknownPayload" {
					continue // which stands for any type
				}
				require.True(c.t, ok, "%s: the receiver of EventType must be a value", p.path)
				literal, ok := returned(fn).(*ast.BasicLit)
				require.True(c.t, ok, "%s.%s: EventType must return a text that stands there", p.path, receiver.Name)
				all = append(all, c.event(p, receiver.Name, c.quoted(literal)))
			}
		}
		for goName, name := range c.aliases(p) {
			all = append(all, c.event(p, goName, name))
			aliases++
		}
	}
	require.Equal(c.t, generic*sets, aliases, "every set that is kept in versions must have an alias for each event of them")
	slices.SortFunc(all, func(a, b event) int { return strings.Compare(a.name, b.name) })
	return all
}

func (c *code) event(p *pkg, goName, name string) event {
	object := c.scope(p.path).Lookup(goName)
	require.NotNil(c.t, object, "%s.%s", p.path, goName)
	return event{name: name, goName: goName, pkg: p, is: object.Type(), doc: c.docs[module+"/"+p.path+"."+goName]}
}

func (c *code) scope(path string) *types.Scope {
	seen, err := c.imported.Import(module + "/" + path)
	require.NoError(c.t, err)
	return seen.Scope()
}

// aliases gives the names of events, by the names of the package's aliases of generic payloads: the kind
// that the type argument's method VersionKind returns, and the text that stands in EventType behind it.
func (c *code) aliases(p *pkg) map[string]string {
	found := map[string]string{}
	scope := c.scope(p.path)
	for _, goName := range scope.Names() {
		object, ok := scope.Lookup(goName).(*types.TypeName)
		if !ok || !object.IsAlias() || !object.Exported() {
			continue
		}
		named, ok := types.Unalias(object.Type()).(*types.Named)
		if !ok || named.TypeArgs().Len() != 1 {
			continue
		}
		fn := c.method(named, "EventType")
		if fn == nil {
			continue
		}
		sum, ok := returned(fn).(*ast.BinaryExpr)
		require.True(c.t, ok, "%s: EventType must return the kind and a text", named)
		literal, ok := sum.Y.(*ast.BasicLit)
		require.True(c.t, ok, "%s: EventType must return the kind and a text", named)
		set, ok := named.TypeArgs().At(0).(*types.Named)
		require.True(c.t, ok, "%s", named)
		of := c.method(set, "VersionKind")
		require.NotNil(c.t, of, "%s", set)
		kind, ok := returned(of).(*ast.Ident)
		require.True(c.t, ok, "%s: VersionKind must return a constant", set)
		is, ok := set.Obj().Pkg().Scope().Lookup(kind.Name).(*types.Const)
		require.True(c.t, ok, "%s: VersionKind must return a constant", set)
		found[goName] = constant.StringVal(is.Val()) + c.quoted(literal)
	}
	return found
}

// method gives a method of a type of ours, as it is written.
func (c *code) method(of *types.Named, name string) *ast.FuncDecl {
	for _, p := range c.packages {
		if of.Obj().Pkg() == nil || of.Obj().Pkg().Path() != module+"/"+p.path {
			continue
		}
		for _, f := range p.files {
			for _, decl := range f.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok || fn.Recv == nil || fn.Name.Name != name {
					continue
				}
				receiver := fn.Recv.List[0].Type
				if generic, ok := receiver.(*ast.IndexExpr); ok {
					receiver = generic.X
				}
				if is, ok := receiver.(*ast.Ident); ok && is.Name == of.Obj().Name() {
					return fn
				}
			}
		}
	}
	return nil
}

// returned gives what a method returns that does nothing else.
func returned(fn *ast.FuncDecl) ast.Expr {
	if len(fn.Body.List) == 1 {
		if r, ok := fn.Body.List[0].(*ast.ReturnStmt); ok && len(r.Results) == 1 {
			return r.Results[0]
		}
	}
	return nil
}

func (c *code) quoted(literal *ast.BasicLit) string {
	s, err := strconv.Unquote(literal.Value)
	require.NoError(c.t, err)
	return s
}

// field is one member of an object in JSON.
type field struct {
	name     string
	required bool
	doc      string
	is       types.Type
}

// fields gives the members of a struct's JSON form, those of embedded structs among them.
func (c *code) fields(named types.Type) (all []field) {
	s, ok := named.Underlying().(*types.Struct)
	require.True(c.t, ok, "%s is no struct", named)
	owner := types.TypeString(types.Unalias(named), nil)
	if generic, ok := types.Unalias(named).(*types.Named); ok && generic.TypeArgs().Len() > 0 {
		owner = generic.Obj().Pkg().Path() + "." + generic.Obj().Name()
	}
	for i := range s.NumFields() {
		f := s.Field(i)
		tag := reflect.StructTag(s.Tag(i)).Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-" || !f.Exported() && !f.Embedded():
			continue
		case f.Embedded() && name == "":
			all = append(all, c.fields(f.Type())...)
			continue
		case name == "":
			name = f.Name()
		}
		all = append(all, field{name, !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero"), c.docs[owner+"."+f.Name()], f.Type()})
	}
	return all
}

// schema is a JSON Schema as it is written.
type schema map[string]any

// known are types whose JSON form is their own.
var known = map[string]schema{
	"time.Time":                             {"type": "string", "format": "date-time"},
	"encoding/json.RawMessage":              {},
	"github.com/shopspring/decimal.Decimal": {"type": "string"},
	module + "/itsm.Money":                  {"type": "object", "properties": schema{"amount": schema{"type": "string"}, "currency": schema{"type": "string"}}},
	module + "/storage.Condition":           {"type": "object"},
}

func (c *code) schema(of types.Type) schema {
	of = types.Unalias(of)
	if s, ok := known[types.TypeString(of, nil)]; ok {
		out := schema{}
		for key, value := range s {
			out[key] = value
		}
		return out
	}
	for _, method := range []string{"MarshalJSON", "MarshalText"} {
		if object, _, _ := types.LookupFieldOrMethod(of, true, nil, method); object != nil {
			require.Fail(c.t, "the JSON form of a type is its own: say it in known", "%s", of)
		}
	}
	switch u := of.Underlying().(type) {
	case *types.Basic:
		s := schema{"type": map[bool]string{true: "string"}[u.Info()&types.IsString != 0]}
		switch {
		case u.Info()&types.IsInteger != 0:
			s["type"] = "integer"
		case u.Info()&types.IsBoolean != 0:
			s["type"] = "boolean"
		case u.Info()&types.IsFloat != 0:
			s["type"] = "number"
		}
		if values := c.constants(of); len(values) > 0 {
			s["examples"] = values
		}
		return s
	case *types.Pointer:
		return c.schema(u.Elem())
	case *types.Slice:
		if b, ok := u.Elem().Underlying().(*types.Basic); ok && b.Kind() == types.Byte {
			return schema{"type": "string", "contentEncoding": "base64"}
		}
		return schema{"type": "array", "items": c.schema(u.Elem())}
	case *types.Map:
		return schema{"type": "object", "additionalProperties": c.schema(u.Elem())}
	case *types.Interface:
		return schema{}
	case *types.Struct:
		properties, required := schema{}, []string{}
		for _, f := range c.fields(of) {
			s := c.schema(f.is)
			if f.doc != "" {
				s["description"] = f.doc
			}
			if nullable(f.is) && f.required && s["type"] != nil {
				s["type"] = []any{s["type"], "null"}
			}
			properties[f.name] = s
			if f.required {
				required = append(required, f.name)
			}
		}
		s := schema{"type": "object", "properties": properties}
		if len(required) > 0 {
			s["required"] = required
		}
		return s
	}
	require.Fail(c.t, "a type has no JSON form that is known", "%s", of)
	return nil
}

// nullable says whether a nil value of the type is written as null.
func nullable(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Pointer, *types.Slice, *types.Map:
		return types.TypeString(t, nil) != "encoding/json.RawMessage"
	}
	return false
}

// constants gives the values that a package of ours has for a type of its own.
func (c *code) constants(of types.Type) (values []any) {
	named, ok := of.(*types.Named)
	if !ok || named.Obj().Pkg() == nil || !strings.HasPrefix(named.Obj().Pkg().Path(), module) {
		return nil
	}
	// What another package needed of it may not be all.
	whole, err := c.imported.Import(named.Obj().Pkg().Path())
	require.NoError(c.t, err)
	scope := whole.Scope()
	for _, name := range scope.Names() {
		k, ok := scope.Lookup(name).(*types.Const)
		if !ok || !k.Exported() || !types.Identical(k.Type(), of) {
			continue
		}
		if k.Val().Kind() == constant.String {
			values = append(values, constant.StringVal(k.Val()))
		} else if n, exact := constant.Int64Val(k.Val()); exact {
			values = append(values, n)
		}
	}
	slices.SortFunc(values, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return values
}
