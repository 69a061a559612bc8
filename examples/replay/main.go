package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/incident/auditlog"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

// settings are what the command line says.
type settings struct {
	file     string
	store    string
	db       string
	dsn      string
	mapping  auditlog.Mapping
	sla      []string
	system   string
	tenant   string
	batch    int
	json     bool
	generate int
	seed     uint64
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	var mapping string
	f := flag.NewFlagSet("replay", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, "usage: replay [flags] [file.csv[.gz]]\n\n"+
			"Imports an incident log and reports what the store then holds.\n\n")
		f.PrintDefaults()
	}
	f.StringVar(&s.store, "store", "sqlite", "where to import to: `sqlite, memory or postgres`")
	f.StringVar(&s.db, "db", "", "SQLite `file`, made where there is none and kept; without it a temporary one")
	f.StringVar(&s.dsn, "dsn", "", "`address` of the PostgreSQL database, as postgres://user@host/name")
	f.StringVar(&mapping, "mapping", "", "JSON `file` that says what the log's columns and values mean; without it ServiceNow's")
	f.Func("sla", "JSON `file` with calendars and policies of service levels, which are attached to the log; may be repeated", func(file string) error {
		s.sla = append(s.sla, file)
		return nil
	})
	f.StringVar(&s.system, "system", "servicenow", "`name` of the system that the log is of")
	f.StringVar(&s.tenant, "tenant", "replay", "`name` of the tenant to import into")
	f.IntVar(&s.batch, "batch", 0, "incidents in one transaction (default 50)")
	f.BoolVar(&s.json, "json", false, "print the figures as JSON")
	f.IntVar(&s.generate, "generate", 0, "invent a log of `n` incidents: written to the file, or imported where there is none")
	f.Uint64Var(&s.seed, "seed", 1, "seed of the invented log: the same gives the same")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	switch {
	case f.NArg() > 1:
		return s, fmt.Errorf("%d files are named; name one", f.NArg())
	case f.NArg() == 0 && s.generate == 0:
		f.Usage()
		return s, errors.New("name a file, or have a log invented by -generate 2000")
	case s.generate < 0:
		return s, errors.New("-generate must not be negative")
	}
	s.file = f.Arg(0)
	if mapping != "" {
		raw, err := os.ReadFile(mapping)
		if err != nil {
			return s, err
		}
		if s.mapping, err = auditlog.ParseMapping(raw); err != nil {
			return s, fmt.Errorf("%s: %w", mapping, err)
		}
	}
	return s, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if s.generate > 0 && s.file != "" {
		return writeLog(s)
	}
	policies, err := readPolicies(s.sla)
	if err != nil {
		return err
	}
	log, err := openLog(s)
	if err != nil {
		return err
	}
	defer log.Close()
	store, where, err := openStore(ctx, s)
	if err != nil {
		return err
	}
	defer store.Close()
	d, err := newDesk(ctx, store, s.tenant, nil)
	if err != nil {
		return err
	}

	bar := newBar(stderr, log.size, log.read)
	began := time.Now()
	imported, err := d.incidents.Import(ctx, d.actor, s.system, log.rows(), incident.ImportOptions{Batch: s.batch, Progress: bar.show})
	took := time.Since(began)
	bar.done()
	if err != nil {
		if ctx.Err() != nil && s.store != "memory" && (s.db != "" || s.store == "postgres") {
			err = fmt.Errorf("stopped after %d rows; the same command goes on from there", imported.Rows)
		}
		return err
	}
	r, err := d.report(ctx, newLevels(policies), nil)
	if err != nil {
		return err
	}
	r.Log, r.Store, r.Seconds, r.Import = log.name, where, took.Seconds(), imported
	if s.json {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(r)
	}
	return r.print(stdout)
}

// report is what the program prints.
type report struct {
	Log     string                `json:"log"`
	Store   string                `json:"store"`
	Seconds float64               `json:"import_seconds"`
	Import  incident.ImportReport `json:"import"`
	// Records counts the incidents here by the state in which they are now.
	Records map[incident.State]int `json:"records"`
	Figures figures                `json:"figures"`
	// Levels are the targets of the policies, each of all incidents and of those of each priority.
	Levels []attainment `json:"service_levels,omitempty"`
}
