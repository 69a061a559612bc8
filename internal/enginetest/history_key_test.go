package enginetest_test

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"

	"github.com/anishathalye/porcupine"

	"github.com/itsmkit/itsmkit/itsm"
	itsmengine "github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// tally is a record that a command adds to.
type tally struct {
	tallyHead
	tallyBody
}

type tallyHead struct {
	storage.Meta
	Count int
}

type tallyBody struct{}

var tallies = storage.Define("tally", storage.Def[tally, tallyHead, tallyBody]{
	Parts:   func(t *tally) (*tallyHead, *tallyBody) { return &t.tallyHead, &t.tallyBody },
	Columns: []storage.ColumnOf[tallyHead]{storage.Col("count", func(h *tallyHead) *int { return &h.Count })},
})

type tallied struct {
	By int `json:"by"`
}

func (tallied) EventType() string { return "tally.added.v1" }

// tallyEngine gives an engine over a store, as a process has one.
func tallyEngine(s storage.Store) (*itsmengine.Engine, error) {
	e, err := itsmengine.New(s, itsmengine.Options{})
	if err != nil {
		return nil, err
	}
	return e, e.Use(itsmengine.Module{Name: "tally", Tables: []*storage.Schema{tallies.Schema()}, Events: []itsm.EventType{itsm.EventOf[tallied]()}})
}

// keyActor gives every command: a key is known by who gave it.
var keyActor = itsm.Actor{Tenant: acme, ID: "ada", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}

// addTo adds to a tally, making it where there is none.
func addTo(ctx context.Context, e *itsmengine.Engine, id storage.ID, by int, c itsm.Command) (tally, error) {
	call := itsmengine.Call{Name: "tally.add", Actor: keyActor, Command: c, Target: id, Request: by}
	return itsmengine.Execute(ctx, e, tallies, call, func(ctx context.Context, u *itsmengine.Unit) (tally, error) {
		t, err := tallies.Get(ctx, u, id)
		switch {
		case is(err, storage.ErrNotFound):
			t.ID = id
		case err != nil:
			return t, err
		}
		t.Count += by
		if err := tallies.Put(ctx, u, &t); err != nil {
			return t, err
		}
		u.Emit(itsm.Event{Kind: "tally", Record: id, Action: "add", Data: tallied{by}})
		return t, nil
	}, nil)
}

type keyAsked struct {
	Do  string // add: the effect of a command; told: what it answered; read
	ID  storage.ID
	Key int
	By  int
}

type keyTold struct {
	Err   error
	Count int
}

// keyState is a tally and the keys under which it was added to, as bits.
type keyState struct {
	count int
	keys  uint64
}

// keyHistory has clients, each with an engine of its own, that give the same commands under the same
// keys, now and then another command under a key that was given, and who ask again under the key
// while they do not know the outcome.
var keyHistory = kindOfHistory{
	name: "idempotency keys",
	schemas: func() []*storage.Schema {
		e, err := tallyEngine(nowhere{})
		if err != nil {
			panic(err)
		}
		return e.Schemas()
	},
	part: func(in any) string { return string(in.(keyAsked).ID) },
	model: porcupine.NondeterministicModel{
		Init: func() []any { return []any{keyState{}} },
		Step: func(state, input, output any) []any {
			s, in, out := state.(keyState), input.(keyAsked), output.(keyTold)
			known := s.keys&(1<<in.Key) != 0
			switch {
			case in.Do == "add" && known:
				return []any{s}
			case in.Do == "add":
				then := keyState{s.count + in.By, s.keys | 1<<in.Key}
				if out.Err == errUnknown {
					return []any{s, then}
				}
				return []any{then}
			case out.Err == errInvalid:
				if !known || in.By == byOf(in.Key) {
					return nil
				}
			case out.Err != nil || out.Count != s.count || in.Do == "told" && (!known || in.By != byOf(in.Key)):
				return nil
			}
			return []any{s}
		},
	},
	client: func(ctx context.Context, h *history, client int, s storage.Store, random *rand.Rand) error {
		e, err := tallyEngine(s)
		if err != nil {
			return err
		}
		for n := range 30 {
			in := keyAsked{Do: "add", ID: storage.ID(fmt.Sprint("t", random.IntN(2)))}
			// Clients go through the keys side by side.
			in.Key = min(n/2+random.IntN(4), 63)
			in.By = byOf(in.Key)
			if random.IntN(6) == 0 {
				in.Do = "read"
			}
			for again := true; again; { // until it is known
				if again, err = keyCommand(ctx, h, client, e, in); err != nil {
					return fmt.Errorf("%+v: %w", in, err)
				}
			}
			if in.Do == "add" && random.IntN(5) == 0 {
				in.By++
				if _, err := keyCommand(ctx, h, client, e, in); err != nil {
					return fmt.Errorf("%+v: %w", in, err)
				}
			}
		}
		return nil
	},
	after: func(ctx context.Context, h *history, s storage.Store) error {
		given := map[storage.ID]uint64{}
		for _, op := range h.ops {
			if in := op.Input.(keyAsked); in.Do == "add" {
				given[in.ID] |= 1 << in.Key
			}
		}
		return s.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			for id, keys := range given {
				events, err := r.Events(ctx, storage.EventQuery{Kind: "tally", Record: id, Limit: storage.MaxLimit})
				if err != nil {
					return err
				}
				if len(events) != bits.OnesCount64(keys) {
					return fmt.Errorf("%d events of %d commands on %s", len(events), bits.OnesCount64(keys), id)
				}
			}
			return nil
		})
	},
}

// keyCommand gives a command and notes what it was told. It says whether that leaves open what it did.
func keyCommand(ctx context.Context, h *history, client int, e *itsmengine.Engine, in keyAsked) (again bool, err error) {
	var t tally
	asked := h.now()
	if in.Do == "read" {
		err = e.View(ctx, keyActor, func(ctx context.Context, r storage.Reader) error {
			t, err = tallies.Get(ctx, r, in.ID)
			if is(err, storage.ErrNotFound) {
				return nil
			}
			return err
		})
	} else {
		t, err = addTo(ctx, e, in.ID, in.By, itsm.Command{Key: fmt.Sprintf("%s/%d", in.ID, in.Key)})
	}
	of, nothing, err := conclude(err)
	if err != nil || nothing || of == errConflict {
		return err == nil, err // it did not happen
	}
	if in.Do == "add" && in.By == byOf(in.Key) {
		h.told(client, asked, in, keyTold{Err: of}, of)
		if of == errUnknown {
			return true, nil
		}
	}
	// What is told is the record as it is by then: others may have added to it since the effect.
	if in.Do == "add" {
		in.Do = "told"
	}
	h.told(client, asked, in, keyTold{of, t.Count}, nil)
	return false, nil
}

// byOf is what is added under a key.
func byOf(key int) int { return 1 << (key % 16) }

// nowhere is a store of which nothing is asked.
type nowhere struct{ storage.Store }
