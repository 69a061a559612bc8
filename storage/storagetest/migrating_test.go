package storagetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// Package memory has nothing to migrate. Here is a store over it that keeps account of tables
// and columns as a database does, but for moving values out of bodies, so that the cases about
// migration can fail.

type migrating struct {
	storage.Store
	fault migrationFault

	mu      sync.Mutex
	columns map[string]bool // by table and name
}

type migrationFault struct {
	once    bool // a migration cannot be repeated
	deaf    bool // it heeds no context
	planned bool // a plan does what it says
	endless bool // a plan always has something to do
	blind   bool // a check finds nothing
	strict  bool // a check refuses columns that the schema does not have
	wiping  bool // a narrower schema takes columns away
}

func newMigrating(f migrationFault) *migrating {
	return &migrating{Store: memory.New(), fault: f, columns: map[string]bool{}}
}

// missing gives the columns that the schemas have and the store has not, and the other way.
func (s *migrating) missing(schemas []*storage.Schema) (missing, other []string) {
	for _, schema := range schemas {
		named := map[string]bool{schema.Name() + ".": true}
		for _, c := range schema.Columns() {
			named[schema.Name()+"."+c.Name] = true
		}
		for name := range named {
			if !s.columns[name] {
				missing = append(missing, name)
			}
		}
		for name := range s.columns {
			if !named[name] && len(name) > len(schema.Name()) && name[:len(schema.Name())+1] == schema.Name()+"." {
				other = append(other, name)
			}
		}
	}
	return missing, other
}

func (s *migrating) Migrate(ctx context.Context, schemas ...*storage.Schema) error {
	if err := ctx.Err(); err != nil && !s.fault.deaf {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	missing, other := s.missing(schemas)
	if s.fault.once && len(missing) == 0 {
		return errors.New("the column exists")
	}
	for _, name := range missing {
		s.columns[name] = true
	}
	if s.fault.wiping {
		for _, name := range other {
			delete(s.columns, name)
		}
	}
	return nil
}

func (s *migrating) Plan(ctx context.Context, schemas ...*storage.Schema) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	missing, _ := s.missing(schemas)
	if s.fault.planned {
		for _, name := range missing {
			s.columns[name] = true
		}
	}
	if s.fault.endless {
		missing = append(missing, "ANALYZE")
	}
	return missing, nil
}

func (s *migrating) Check(ctx context.Context, schemas ...*storage.Schema) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	missing, other := s.missing(schemas)
	if len(missing) > 0 && !s.fault.blind || len(other) > 0 && s.fault.strict {
		return errors.New("the tables are not as they should be")
	}
	return nil
}

func TestSuiteFindsFaultsOfMigration(t *testing.T) {
	for _, m := range []struct {
		fault string
		f     migrationFault
		by    []string
	}{
		{"a migration that cannot be repeated", migrationFault{once: true}, []string{"Schemas/migration can be repeated", "Schemas/migration is safe from many goroutines at once"}},
		{"a migration that heeds no context", migrationFault{deaf: true}, []string{"Schemas/a migration that was interrupted can be run again"}},
		{"a plan that runs", migrationFault{planned: true}, []string{"Schemas/a plan runs nothing"}},
		{"a plan that does not end", migrationFault{endless: true}, []string{"Schemas/a plan runs nothing"}},
		{"a check that finds nothing", migrationFault{blind: true}, []string{"Schemas/a check finds nothing missing after a migration", "Schemas/a plan runs nothing"}},
		{"a check that refuses what others added", migrationFault{strict: true}, []string{"Schemas/a check finds nothing missing after a migration"}},
		{"a narrower schema that takes columns away", migrationFault{wiping: true}, []string{"Schemas/migration can be repeated"}},
		{"a migration that moves nothing", migrationFault{}, []string{"Schemas/migration moves values of added columns out of bodies"}},
	} {
		t.Run(m.fault, func(t *testing.T) {
			for _, name := range m.by {
				c := caseNamed(t, name)
				complaint := record(name, time.Minute, func(r *recorder) { c.start(r, func() storage.Store { return newMigrating(m.f) }) })
				require.NotEmpty(t, complaint, "%s did not find it", name)
				t.Logf("found by %s: %s", name, firstLines(complaint))
			}
		})
	}
	for _, c := range schemaCases {
		if c.name != "migration moves values of added columns out of bodies" {
			t.Run("none in "+c.name, func(t *testing.T) {
				c.start(t, func() storage.Store { return newMigrating(migrationFault{}) })
			})
		}
	}
}
