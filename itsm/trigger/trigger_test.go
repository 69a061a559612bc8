package trigger_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/trigger"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

var mona = itsm.Actor{Tenant: "acme", ID: "mona", Roles: []itsm.RoleName{itsm.RoleITServiceManager}}

func fields(t *testing.T, err error) (all []string) {
	t.Helper()
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	for _, f := range invalid.Faults {
		all = append(all, f.Field)
	}
	return all
}

func TestD7TriggersAreReadStrictly(t *testing.T) {
	for _, raw := range []string{``, `null`, `[]`, `{`, `{} {}`, `{"triggers": 1}`, `{"colour": 1}`, `{"triggers": [{"when": {"op": "named"}}]}`,
		`{"triggers": [{"whenever": {}}]}`, `"` + strings.Repeat("x", trigger.MaxJSON) + `"`} {
		_, err := trigger.Parse([]byte(raw))
		require.ErrorIs(t, err, itsm.ErrInvalid, raw[:min(len(raw), 50)])
	}
	s, err := trigger.Parse([]byte(`{"triggers": [{"name": "a", "on": {"kind": "order", "entering": ["closed"]}, "when": {"op": "changed", "column": "urgency"},
		"actions": [{"action": "tell", "with": {"text": "x"}}]}]}`))
	require.NoError(t, err)
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	again, err := trigger.Parse(raw)
	require.NoError(t, err)
	require.Equal(t, s.Triggers[0].When, again.Triggers[0].When)
	require.Equal(t, s.Triggers[0].On, again.Triggers[0].On)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"triggers": [{"name": "a", "on": {"kind": "order"}, "when": {"op": "changed_to", "column": "urgency", "values": [1]}, "actions": [{"action": "tell", "with": {"text": "{{id}}"}}]}]}`))
	f.Add([]byte(`{"triggers": [{"name": "a", "when": {"op": "and", "of": [{"op": "not", "of": []}]}, "actions": [{"action": "tell", "with": "{{"}]}]}`))
	_, p := desk()
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := trigger.Parse(raw)
		if err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
			return
		}
		// Whatever can be read is accepted or refused with its faults.
		if _, err := p.Draft(context.Background(), mona, trigger.Draft{Set: s}); err != nil {
			require.ErrorIs(t, err, itsm.ErrInvalid)
		}
	})
}

func TestD7OptionsAreCheckedAtOnce(t *testing.T) {
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	do := func(context.Context, *engine.Unit, trigger.Occasion, struct{}) error { return nil }
	_, err = trigger.New(e, trigger.Options{
		Kinds: []trigger.RecordKind{{}, {Schema: Orders.Schema(), Public: []string{"colour", "before.urgency"}}, {Schema: Orders.Schema()}, {Schema: trigger.Table.Schema()}},
		Actions: []trigger.Action{
			trigger.Define(trigger.Definition[struct{}]{Name: "Tell", Do: do}), trigger.Define(trigger.Definition[struct{}]{Name: "tell"}),
			trigger.Define(trigger.Definition[struct{}]{Name: "refuse", Do: do, Only: "never"}),
		},
		MaxDepth: 101,
	})
	require.Equal(t, []string{"max_depth", "kinds[0].schema", "kinds[1].public[0]", "kinds[1].public[1]", "kinds[2]", "kinds[3]",
		"actions[0].name", "actions[1].do", "actions[2].name", "actions[2].only"}, fields(t, err))
	_, err = trigger.New(nil, trigger.Options{})
	require.Equal(t, []string{"engine", "kinds"}, fields(t, err))
}

// A trigger that was sound when it was saved, and names what a later version of the program does not
// have, says so and does nothing; the others go on.
func TestD7ATriggerThatNoLongerFitsSaysSo(t *testing.T) {
	ctx, store := t.Context(), memory.New()
	var told []string
	open := func(names ...string) (*engine.Engine, *trigger.Practice) {
		e, err := engine.New(store, engine.Options{})
		require.NoError(t, err)
		o := trigger.Options{Kinds: []trigger.RecordKind{{Schema: Orders.Schema()}}}
		for _, name := range names {
			o.Actions = append(o.Actions, trigger.Define(trigger.Definition[struct{}]{Name: name, Do: func(context.Context, *engine.Unit, trigger.Occasion, struct{}) error {
				told = append(told, name)
				return nil
			}}))
		}
		p, err := trigger.New(e, o)
		require.NoError(t, err)
		require.NoError(t, e.Use(engine.Module{Name: "orders", Tables: []*storage.Schema{Orders.Schema()}, Events: []itsm.EventType{itsm.EventOf[Placed]()}}))
		require.NoError(t, e.Migrate(ctx))
		return e, p
	}
	_, p := open("fax", "mail")
	v, err := p.Draft(ctx, mona, trigger.Draft{Set: trigger.Set{Triggers: []trigger.Trigger{
		{Name: "by-fax", On: trigger.Listen{Kind: "order"}, Actions: []trigger.Step{{Action: "fax"}}},
		{Name: "by-fax-within", During: trigger.DuringTransaction, On: trigger.Listen{Kind: "order"}, Actions: []trigger.Step{{Action: "fax"}}},
		{Name: "by-mail", On: trigger.Listen{Kind: "order"}, Actions: []trigger.Step{{Action: "mail"}}},
	}}})
	require.NoError(t, err)
	_, err = p.Activate(ctx, mona, v.ID, itsm.Command{})
	require.NoError(t, err)

	e, p := open("mail")
	require.NoError(t, put(e, mona, &Order{OrderHead: OrderHead{Meta: storage.Meta{ID: "O-1"}}}, "place", Placed{}), "it does not stand in the way of commands")
	_, err = e.Tick(ctx, e.Now())
	require.NoError(t, err)
	require.Equal(t, []string{"mail"}, told)
	page, err := p.Firings(ctx, mona, storage.Query[trigger.FiringHead]{Where: trigger.FiringByOutcome.Is(trigger.OutcomeUnfit)})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	for _, item := range page.Items {
		f, err := p.Firing(ctx, mona, item.ID)
		require.NoError(t, err)
		require.Contains(t, f.Error, `"fax" is unknown`)
	}
	verdicts, err := p.Explain(ctx, mona, itsm.Ref{Kind: "order", ID: "O-1"}, 1, 0)
	require.NoError(t, err)
	require.Contains(t, verdicts[0].String(), "by-fax (acme, version 1) cannot run: ")
	_, err = p.Activate(ctx, mona, v.ID, itsm.Command{})
	require.ErrorIs(t, err, itsm.ErrInvalid)
}

// The Check and the Public of an action are asked again with what was substituted.
func TestD7ParametersAreCheckedWithWhatIsSubstituted(t *testing.T) {
	ctx := t.Context()
	type note struct {
		Visibility string `json:"visibility"`
		Text       string `json:"text"`
	}
	var written []note
	e, err := engine.New(memory.New(), engine.Options{JobAttempts: 1})
	require.NoError(t, err)
	p, err := trigger.New(e, trigger.Options{
		Kinds: []trigger.RecordKind{{Schema: Orders.Schema(), Public: []string{"urgency"}}},
		Actions: []trigger.Action{trigger.Define(trigger.Definition[note]{
			Name: "note",
			Check: func(n note) error {
				if !trigger.Substitutes(n.Visibility) && n.Visibility != "public" && n.Visibility != "internal" {
					return itsm.Invalid("note", "visibility", "must be public or internal")
				}
				return nil
			},
			Public: func(n note) []string {
				if n.Visibility == "public" {
					return []string{"text"}
				}
				return nil
			},
			Do: func(_ context.Context, _ *engine.Unit, _ trigger.Occasion, n note) error {
				written = append(written, n)
				return nil
			},
		})},
	})
	require.NoError(t, err)
	require.NoError(t, e.Use(engine.Module{Name: "orders", Tables: []*storage.Schema{Orders.Schema()}, Events: []itsm.EventType{itsm.EventOf[Placed]()}}))
	draft := func(with string) (trigger.Version, error) {
		return p.Draft(ctx, mona, trigger.Draft{Set: trigger.Set{Triggers: []trigger.Trigger{
			{Name: "t", On: trigger.Listen{Kind: "order"}, Actions: []trigger.Step{{Action: "note", With: []byte(with)}}},
		}}})
	}
	_, err = draft(`{"visibility": "secret", "text": "x"}`)
	require.Equal(t, []string{"set.triggers[0].actions[0].with.visibility"}, fields(t, err))
	_, err = draft(`{"visibility": "public", "text": "{{customer}}"}`)
	require.Equal(t, []string{"set.triggers[0].actions[0].with.text"}, fields(t, err))
	v, err := draft(`{"visibility": "{{customer}}", "text": "{{customer}} {{urgency}}"}`)
	require.NoError(t, err, "what it will be is not known yet")
	_, err = p.Activate(ctx, mona, v.ID, itsm.Command{})
	require.NoError(t, err)
	for i, customer := range []string{"internal", "public", "secret"} {
		o := Order{OrderHead: OrderHead{Meta: storage.Meta{ID: itsm.ID(customer)}, Customer: customer, Urgency: i}}
		require.NoError(t, put(e, mona, &o, "place", Placed{}))
		_, err = e.Tick(ctx, e.Now())
		require.NoError(t, err)
	}
	_, err = e.Tick(ctx, e.Now().AddDate(0, 0, 1)) // what has failed is tried again
	require.NoError(t, err)
	require.Equal(t, []note{{"internal", "internal 0"}}, written)
	var problems []string
	letters, err := e.DeadLetters(ctx, mona, storage.Job{}, 10)
	require.NoError(t, err)
	for _, l := range letters {
		problems = append(problems, l.Error)
	}
	all := strings.Join(problems, "\n")
	require.Contains(t, all, "would be read by requesters, and something in it is not public")
	require.Contains(t, all, "visibility must be public or internal")
	require.Len(t, problems, 2)
}

// What is withheld from the log is told as changed, and nothing of its values.
func TestD7WithheldValuesHaveNoBefore(t *testing.T) {
	ctx := t.Context()
	var texts []string
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	p, err := trigger.New(e, trigger.Options{
		Kinds: []trigger.RecordKind{{Schema: Orders.Schema()}},
		Actions: []trigger.Action{trigger.Define(trigger.Definition[Message]{Name: "tell", Do: func(_ context.Context, _ *engine.Unit, o trigger.Occasion, m Message) error {
			texts = append(texts, o.Trigger+" "+m.Text)
			return nil
		}})},
	})
	require.NoError(t, err)
	require.NoError(t, e.Use(engine.Module{Name: "orders", Tables: []*storage.Schema{Orders.Schema()}, Private: map[string][]string{"order": {"urgency"}},
		Events: []itsm.EventType{itsm.EventOf[Placed](), itsm.EventOf[Edited]()}}))
	tell := []trigger.Step{{Action: "tell", With: []byte(`{"text":"{{before.customer}}/{{before.urgency}}"}`)}}
	v, err := p.Draft(ctx, mona, trigger.Draft{Set: trigger.Set{Triggers: []trigger.Trigger{
		{Name: "changed", On: trigger.Listen{Kind: "order", Types: []string{"order.edited.v1"}}, When: storage.Condition{Op: trigger.OpChanged, Column: "customer"}, Actions: tell},
		{Name: "from", On: trigger.Listen{Kind: "order"}, When: storage.Condition{Op: trigger.OpChangedFrom, Column: "customer", Values: []any{"Hooli"}}, Actions: tell},
	}}})
	require.NoError(t, err)
	_, err = p.Activate(ctx, mona, v.ID, itsm.Command{})
	require.NoError(t, err)
	o := Order{OrderHead: OrderHead{Meta: storage.Meta{ID: "O-1"}, Customer: "Hooli", Urgency: 1}}
	require.NoError(t, put(e, mona, &o, "place", Placed{}))
	o.Customer, o.Urgency = "Initech", 2
	require.NoError(t, put(e, mona, &o, "edit", Edited{}))
	o.Urgency = 3
	require.NoError(t, put(e, mona, &o, "edit", Edited{}))
	_, err = e.Tick(ctx, e.Now())
	require.NoError(t, err)
	require.Equal(t, []string{"changed /1"}, texts)
}

// A store that fails is not the trigger's fault: the event is delivered again.
func TestD8AStoreThatFailsIsNoFailureOfTheTrigger(t *testing.T) {
	ctx := t.Context()
	did, lost := 0, 2
	e, err := engine.New(memory.New(), engine.Options{Attempts: 1, Backoff: 1})
	require.NoError(t, err)
	p, err := trigger.New(e, trigger.Options{
		Kinds: []trigger.RecordKind{{Schema: Orders.Schema()}},
		Actions: []trigger.Action{trigger.Define(trigger.Definition[struct{}]{Name: "try", Do: func(context.Context, *engine.Unit, trigger.Occasion, struct{}) error {
			if lost--; lost >= 0 {
				return &storage.Error{Op: "commit", Err: storage.ErrUnknownOutcome, Cause: errors.New("the line went dead")}
			}
			did++
			return nil
		}})},
	})
	require.NoError(t, err)
	require.NoError(t, e.Use(engine.Module{Name: "orders", Tables: []*storage.Schema{Orders.Schema()}, Events: []itsm.EventType{itsm.EventOf[Placed]()}}))
	v, err := p.Draft(ctx, mona, trigger.Draft{Set: trigger.Set{Triggers: []trigger.Trigger{{Name: "t", On: trigger.Listen{Kind: "order"}, Actions: []trigger.Step{{Action: "try"}}}}}})
	require.NoError(t, err)
	_, err = p.Activate(ctx, mona, v.ID, itsm.Command{})
	require.NoError(t, err)
	require.NoError(t, put(e, mona, &Order{OrderHead: OrderHead{Meta: storage.Meta{ID: "O-1"}}}, "place", Placed{}))
	for range 4 {
		_, err = e.Tick(ctx, e.Now().AddDate(0, 0, 1))
		require.NoError(t, err)
	}
	require.Equal(t, 1, did)
	page, err := p.Firings(ctx, mona, storage.Query[trigger.FiringHead]{})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, []any{trigger.OutcomeDone, 1}, []any{page.Items[0].Outcome, page.Items[0].Attempts})
}
