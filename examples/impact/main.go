package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/itsmkit/itsmkit/cmdb/impact"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "impact:", err)
		os.Exit(1)
	}
}

// settings are what the command line says.
type settings struct {
	debian, netbox            string
	generate                  int
	seed                      uint64
	fail, why, single, causes string
	list                      bool
	picture                   string
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("impact", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, "usage: impact [flags]\n\n"+
			"Says what a failure brings about. Without a question it asks some of its own.\n\n")
		f.PrintDefaults()
	}
	f.StringVar(&s.debian, "debian", "", "`folder` with the dependencies of packages: nodes.tsv.gz and edges.tsv.gz")
	f.StringVar(&s.netbox, "netbox", "", "`file` of NetBox's dumpdata: JSON, plain or gzipped")
	f.IntVar(&s.generate, "generate", 60, "make up a company of about `n` CIs")
	f.Uint64Var(&s.seed, "seed", 1, "seed of that company: the same gives the same")
	f.StringVar(&s.fail, "fail", "", "what if these fail: `names`, with commas between them")
	f.StringVar(&s.why, "why", "", "why is it in the state that -fail brings it into, or why not in a worse one: a `name`")
	f.StringVar(&s.single, "single", "", "what alone brings it down: a `name`")
	f.StringVar(&s.causes, "causes", "", "what could have brought these down: `names`, with commas between them")
	f.BoolVar(&s.list, "list", false, "list everything, and not just the first few")
	f.StringVar(&s.picture, "picture", "", "draw the answer into a `file`: .svg, .mmd (Mermaid) or .dot (Graphviz)")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	sources := 0
	f.Visit(func(f *flag.Flag) {
		if f.Name == "debian" || f.Name == "netbox" || f.Name == "generate" {
			sources++
		}
	})
	switch {
	case f.NArg() > 0:
		return s, fmt.Errorf("%q is not a flag", f.Arg(0))
	case sources > 1:
		return s, errors.New("-debian, -netbox and -generate are three sources; name one")
	case s.generate < 1:
		return s, errors.New("-generate must be at least 1")
	case s.why != "" && s.fail == "":
		return s, errors.New("-why asks about what fails: name it by -fail")
	case s.picture != "" && drawings[filepath.Ext(s.picture)] == nil:
		return s, fmt.Errorf("-picture %s: the name must end in .svg, .mmd or .dot", s.picture)
	}
	return s, nil
}

// drawings are the forms of a picture by the ending of its file.
var drawings = map[string]func(impact.Picture) string{
	".svg": impact.Picture.SVG, ".mmd": impact.Picture.Mermaid, ".dot": impact.Picture.DOT,
}

func load(s settings) (*inventory, error) {
	switch {
	case s.debian != "":
		return loadDebian(s.debian)
	case s.netbox != "":
		return loadNetBox(s.netbox)
	}
	return makeCompany(s.generate, s.seed)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	inv, err := load(s)
	if err != nil {
		return err
	}
	if inv.graph.Len() == 0 {
		return fmt.Errorf("%s has no CIs", inv.title)
	}
	out := bufio.NewWriter(stdout)
	r := report{Writer: out, inventory: inv, all: s.list}
	picture, err := r.answer(ctx, s)
	if err != nil {
		return err
	}
	if s.picture != "" {
		if err := os.WriteFile(s.picture, []byte(drawings[filepath.Ext(s.picture)](picture)), 0o644); err != nil {
			return err
		}
		r.section("%s", s.picture)
		r.line("%s, in %d boxes", picture.Title, len(picture.Boxes))
	}
	return out.Flush()
}
