// This file turns what others keep into a graph.

package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/netbox"
	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
)

// inventory is a graph whose ids are names for people.
type inventory struct {
	title    string
	graph    *impact.Snapshot
	class    map[string]string // of each CI
	services []impact.Service  // what the business is about
	// ask is the CI whose failure is asked about where nothing is asked.
	ask string
}

// builder gathers an inventory.
type builder struct {
	inventory
	*impact.Loader
}

func newBuilder(title string, kinds []impact.Kind) (*builder, error) {
	l, err := impact.NewLoader(kinds)
	if err != nil {
		return nil, err
	}
	return &builder{inventory{title: title, class: map[string]string{}}, l}, nil
}

func (b *builder) add(name, class string) {
	b.CI(name)
	b.class[name] = class
}

func (b *builder) service(name, class string, criticality int) {
	b.add(name, class)
	b.services = append(b.services, impact.Service{ID: name, Criticality: criticality})
}

func (b *builder) finish() (*inventory, error) {
	var err error
	b.graph, err = b.Snapshot(1)
	return &b.inventory, err
}

// loadDebian reads packages and what they depend on. The tasks, which people choose from when they install, stand for
// the services.
func loadDebian(folder string) (*inventory, error) {
	b, err := newBuilder("Packages in "+folder, []impact.Kind{
		{Name: "depends on", Flow: impact.ToSource, Propagation: impact.Full},
		{Name: "recommends", Flow: impact.ToSource, Propagation: impact.Soften},
	})
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	err = readTable(filepath.Join(folder, "nodes.tsv.gz"), 3, func(row []string) error {
		name, section := row[1], row[2]
		names[row[0]] = name
		if section == "tasks" {
			b.service(name, section, 0)
		} else {
			b.add(name, section)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	groups := map[[2]string]*impact.Group{}
	err = readTable(filepath.Join(folder, "edges.tsv.gz"), 3, func(row []string) error {
		owner, member := names[row[0]], names[row[2]]
		if owner == "" || member == "" {
			return errors.New("a package that is not among the nodes")
		}
		key := [2]string{owner, row[1]}
		if groups[key] == nil {
			kind := "depends on"
			if strings.HasPrefix(row[1], "R") {
				kind = "recommends"
			}
			groups[key] = &impact.Group{Owner: owner, Kind: kind, Name: row[1], Need: impact.AtLeast(1)}
		}
		groups[key].Members = append(groups[key].Members, impact.Member{ID: member})
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.ask = "libpam-systemd"
	for _, g := range groups {
		if len(g.Members) == 1 {
			b.Relation(impact.Relation{Source: g.Owner, Kind: g.Kind, Target: g.Members[0].ID})
		} else {
			b.Group(*g)
		}
	}
	return b.finish()
}

// loadNetBox reads the inventory of a NetBox, as its dumpdata writes it, into the kinds of relation of the shipped model.
func loadNetBox(path string) (*inventory, error) {
	model, err := schema.Shipped().Compile()
	if err != nil {
		return nil, err
	}
	rules, err := reconcile.Shipped().Compile(model)
	if err != nil {
		return nil, err
	}
	kinds := model.Kinds()
	for i := range kinds {
		kinds[i].Name = words(kinds[i].Name)
	}
	b, err := newBuilder("NetBox's "+filepath.Base(path), kinds)
	if err != nil {
		return nil, err
	}
	dump, err := openPlain(path)
	if err != nil {
		return nil, err
	}
	defer dump.Close()
	var all []reconcile.Observation
	var faulty []error
	names := map[string]string{}
	for o, err := range netbox.Read(dump, rules, netbox.Options{}, time.Now()) {
		if errors.As(err, new(*reconcile.RowError)) {
			faulty = append(faulty, err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		name := o.Name
		if b.class[name] != "" {
			name += " (" + o.Key + ")"
		}
		names[o.Key] = name
		b.add(name, words(o.Class))
		all = append(all, o)
	}
	if len(faulty) > 0 {
		b.title += fmt.Sprintf("; left out: %d, as %v", len(faulty), faulty[0])
	}
	for _, o := range all {
		for _, r := range o.Relations {
			source, target := names[o.Key], names[r.Other.Key]
			if r.Inverse {
				source, target = target, source
			}
			if source != "" && target != "" { // not one of the faulty
				b.Relation(impact.Relation{Source: source, Kind: words(r.Type), Target: target})
			}
		}
	}
	inv, err := b.finish()
	if err != nil {
		return nil, err
	}
	inv.ask, err = heaviest(inv.graph)
	return inv, err
}

// heaviest gives the CI that takes most others down.
func heaviest(graph *impact.Snapshot) (heaviest string, err error) {
	most := -1
	for id := range graph.CIs() {
		result, err := graph.Impact(impact.Failed(id), impact.Options{})
		if err != nil {
			return "", err
		}
		if n := result.Counts().Down; n > most || n == most && id < heaviest {
			heaviest, most = id, n
		}
	}
	return heaviest, nil
}

// words makes a name of the model into one for people.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// openPlain opens a file, unzipped where its name says that it is zipped.
func openPlain(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return f, err
	}
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{unzipped, f}, nil
}

// readTable reads a gzipped table whose rows have at least so many fields, between tabs.
func readTable(path string, fields int, each func(row []string) error) error {
	f, err := openPlain(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		row := strings.Split(lines.Text(), "\t")
		if len(row) < fields {
			return fmt.Errorf("%s: line %d has %d fields, not %d", path, n, len(row), fields)
		}
		if err := each(row); err != nil {
			return fmt.Errorf("%s: line %d: %w", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
