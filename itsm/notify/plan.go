// This file holds the decision about an event: who is told of it, on which channels and when.

package notify

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// idsAtOnce is how many ids one query names.
const idsAtOnce = storage.MaxPage

// Deliver decides who is told of an event and writes the messages, in one transaction. The practice
// subscribes it to every event of its engine; an event that is delivered again does nothing more. A
// host calls it itself only for events that come from elsewhere.
func (p *Practice) Deliver(ctx context.Context, e itsm.Event) error {
	actor := itsm.SystemActor(e.Tenant, Kind)
	// Most events concern no rule, and need no transaction.
	concerned := false
	err := p.e.ReadTenants(ctx, actor, []storage.Tenant{e.Tenant}, func(ctx context.Context, r storage.Reader) error {
		m, err := p.effective(ctx, r)
		concerned = slices.ContainsFunc(m.Rules, func(rule Rule) bool { return rule.about(e.Kind, e.Type) || rule.moot(e.Kind, e.Type) })
		return err
	})
	if err != nil || !concerned {
		return err
	}
	return p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		_, err := planTable.Get(ctx, u.Quiet(), e.ID)
		if err == nil || !errors.Is(err, storage.ErrNotFound) {
			return err // it was decided already
		}
		d := &deciding{p: p, u: u, e: e, plan: plan{planHead: planHead{Meta: storage.Meta{ID: e.ID, Created: u.Now(), Updated: u.Now()},
			RecordKind: e.Kind, RecordID: e.Record, At: u.Now()}, planBody: planBody{EventType: e.Type}}}
		if err := d.run(ctx); err != nil {
			return err
		}
		return planTable.Put(ctx, u.Quiet(), &d.plan)
	})
}

// deciding is one event under decision.
type deciding struct {
	p     *Practice
	u     *engine.Unit
	e     itsm.Event
	rules Merged
	plan  plan

	// r reads in the unit, each record once: the host is asked several questions about one.
	r      readingOnce
	schema *storage.Schema
	row    storage.Row
	data   map[Reading]map[string]any
	// messages wait to take up what their rules have to say; nil before they are looked for.
	messages map[told]*Notification
	// due are the jobs of the messages that were written.
	due []engine.Task
}

// told names what a rule has to say to a person on a channel.
type told struct {
	person  itsm.ID
	channel Channel
	rule    string
}

// readingOnce reads each record once.
type readingOnce struct {
	storage.Reader
	rows map[readKey]storage.Row
}

type readKey struct {
	schema *storage.Schema
	tenant storage.Tenant
	id     storage.ID
}

func (o readingOnce) Get(ctx context.Context, s *storage.Schema, tenant storage.Tenant, id storage.ID) (storage.Row, error) {
	k := readKey{s, tenant, id}
	if row, ok := o.rows[k]; ok {
		return row, nil
	}
	row, err := o.Reader.Get(ctx, s, tenant, id)
	if err == nil {
		o.rows[k] = row
	}
	return row, err
}

// claim is that a rule reaches a person.
type claim struct {
	rule      int
	audiences []Audience
}

func (d *deciding) run(ctx context.Context) (err error) {
	d.r = readingOnce{d.u, map[readKey]storage.Row{}}
	if d.rules, err = d.p.effective(ctx, d.u); err != nil {
		return err
	}
	if err := d.moot(ctx); err != nil {
		return err
	}
	claims, err := d.claims(ctx)
	if err != nil || len(claims) == 0 {
		return err
	}
	people := slices.Sorted(maps.Keys(claims))
	known := map[itsm.ID]*directory.Person{}
	found, err := d.p.people.People(ctx, d.r, people)
	if err != nil {
		return err
	}
	for i := range found {
		known[found[i].ID] = &found[i]
	}
	readers := make([]Reader, len(people))
	for i, id := range people {
		readers[i] = Reader{Person: id, Named: slices.ContainsFunc(claims[id], func(c claim) bool { return addressed(c.audiences) })}
	}
	may, err := d.p.mayRead(ctx, d.r, itsm.Ref{Kind: d.e.Kind, ID: d.e.Record}, readers)
	if err != nil {
		return err
	}
	wants, err := d.p.preferences(ctx, d.u, people)
	if err != nil {
		return err
	}
	for _, id := range people {
		if err := d.person(ctx, id, known[id], may[id], wants[id], claims[id]); err != nil {
			return err
		}
	}
	if err := d.u.Schedule(ctx, d.due...); err != nil {
		return err
	}
	if len(d.plan.Decisions) > 0 {
		return d.p.schedulePurge(ctx, d.u)
	}
	return nil
}

// claims gives whom the rules reach, in the order of the rules.
func (d *deciding) claims(ctx context.Context) (map[itsm.ID][]claim, error) {
	claims := map[itsm.ID][]claim{}
	asked := map[Audience][]itsm.ID{}
	loaded := false
	for i := range d.rules.Rules {
		rule := &d.rules.Rules[i]
		if !rule.about(d.e.Kind, d.e.Type) {
			continue
		}
		if !loaded {
			loaded = true
			schema, row, err := d.u.Load(ctx, itsm.Ref{Kind: d.e.Kind, ID: d.e.Record})
			switch {
			case err == nil:
				d.schema, d.row = schema, row
				d.r.rows[readKey{schema, d.u.Tenant(), d.e.Record}] = row
			case !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrInvalid):
				return nil, err
			} // of one that is gone, or kept elsewhere, the event alone tells
		}
		if !rule.When.Match(func(name string) any { return fact(&d.e, d.schema, &d.row, name) }) {
			d.plan.Unmatched = append(d.plan.Unmatched, rule.Name)
			continue
		}
		for _, a := range rule.Audiences {
			if _, ok := asked[a]; !ok {
				people, err := d.audience(ctx, a)
				if err != nil {
					return nil, err
				}
				asked[a] = people
			}
			for _, id := range asked[a] {
				if last := len(claims[id]) - 1; last >= 0 && claims[id][last].rule == i {
					claims[id][last].audiences = append(claims[id][last].audiences, a)
				} else {
					claims[id] = append(claims[id], claim{i, []Audience{a}})
				}
			}
		}
	}
	return claims, nil
}

// audience gives the people of an audience, each once.
func (d *deciding) audience(ctx context.Context, a Audience) ([]itsm.ID, error) {
	if a.Kind == AudiencePerson {
		return []itsm.ID{itsm.ID(a.Name)}, nil
	}
	readers, err := d.p.host.Audience(ctx, d.r, d.e, a)
	if err != nil {
		return nil, err
	}
	people := slices.Clone(readers.People)
	for _, g := range readers.Groups {
		if g == "" {
			continue
		}
		members, err := d.p.people.MembersOf(ctx, d.r, g)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return nil, err
		}
		for _, m := range members {
			people = append(people, m.ID)
		}
	}
	slices.Sort(people)
	people = slices.Compact(people)
	return slices.DeleteFunc(people, func(id itsm.ID) bool { return storage.CheckKey(string(id)) != "" }), nil
}

// person decides what one person is told.
func (d *deciding) person(ctx context.Context, id itsm.ID, known *directory.Person, may Reading, wants *Preferences, claims []claim) error {
	why := Why("")
	switch {
	case known == nil:
		why = WhyUnknown
	case !known.Active:
		why = WhyInactive
	case may == ReadNothing:
		why = WhyMayNotRead
	}
	told := map[Channel]bool{}
	for _, c := range claims {
		rule := &d.rules.Rules[c.rule]
		decision := Decision{Person: id, Rule: rule.Name, Source: d.rules.Sources[c.rule], Audiences: c.audiences, Why: why}
		if why == "" && id == d.e.Actor && !d.e.System && !rule.TellActor {
			decision.Why = WhyActor
		}
		if decision.Why == "" && d.e.Internal && may != ReadInternal && !addressed(c.audiences) {
			decision.Why = WhyInternal
		}
		if decision.Why != "" {
			d.plan.Decisions = append(d.plan.Decisions, decision)
			continue
		}
		for _, channel := range rule.Channels {
			if told[channel] {
				continue // by a rule before this one
			}
			decision := decision
			decision.Channel = channel
			choice := wants.choice(rule.class(), channel)
			if choice.Off && !rule.Mandatory {
				decision.Why = WhySwitchedOff
			} else {
				told[channel] = true
				if err := d.tell(ctx, rule, &decision, choice, wants, known, may); err != nil {
					return err
				}
			}
			d.plan.Decisions = append(d.plan.Decisions, decision)
		}
	}
	return nil
}

// tell writes the message of a decision, or adds the event to one that waits.
func (d *deciding) tell(ctx context.Context, rule *Rule, decision *Decision, choice Choice, wants *Preferences, reader *directory.Person, may Reading) error {
	data, err := d.dataFor(ctx, rule, may)
	if err != nil {
		return err
	}
	now := d.u.Now()
	if rule.CollapseSeconds > 0 {
		if err := d.findWaiting(ctx); err != nil {
			return err
		}
		if n := d.messages[told{decision.Person, decision.Channel, rule.Name}]; n != nil {
			n.EventType, n.Action, n.At, n.Data, n.Reading = d.e.Type, d.e.Action, d.e.At, data, may
			n.Count++
			for _, a := range decision.Audiences {
				if !slices.Contains(n.Audiences, a) {
					n.Audiences = append(n.Audiences, a)
				}
			}
			if len(n.More) < maxMore {
				n.More = append(n.More, d.e.ID)
			}
			decision.Message, decision.Collapsed, decision.Due, decision.Digest = n.ID, true, n.Due, n.Digest
			n.Updated = now
			return Table.Put(ctx, d.u.Quiet(), n)
		}
	}
	urgent := rule.Urgent || wants.urgent(rule.class())
	wait := time.Duration(rule.CollapseSeconds) * time.Second
	due, digest, quiet := when(now, wait, urgent, decision.Channel, choice, wants, reader)
	expiry := cmp.Or(time.Duration(rule.ExpireSeconds)*time.Second, DefaultExpiry+quiet)
	n := Notification{
		Head{
			Meta: storage.Meta{ID: d.u.NewID(), Created: now, Updated: now}, Person: decision.Person, Channel: decision.Channel,
			State: StatePending, Event: d.e.ID, RecordKind: d.e.Kind, RecordID: d.e.Record, Rule: rule.Name, Class: rule.class(),
			Template: rule.Template, Urgent: urgent, Digest: digest, Due: due, Expires: d.e.At.Add(expiry),
		},
		Body{EventType: d.e.Type, Action: d.e.Action, At: d.e.At, Audiences: decision.Audiences, Reading: may, Data: data, Count: 1},
	}
	decision.Message, decision.Due, decision.Digest = n.ID, due, digest
	if !due.Before(n.Expires) {
		n.State, n.Why = StateSuppressed, WhyExpired
		decision.Why = WhyExpired
	}
	if err := Table.Put(ctx, d.u.Quiet(), &n); err != nil {
		return err
	}
	if n.State != StatePending {
		return nil
	}
	d.due = append(d.due, task(&n))
	return nil
}

// maxMore is how many of the events that were collapsed into a message it names.
const maxMore = 100

// findWaiting finds the messages about the record that wait to take up what their rules have to say.
func (d *deciding) findWaiting(ctx context.Context) error {
	if d.messages != nil {
		return nil
	}
	d.messages = map[told]*Notification{}
	var rules []string
	for i := range d.rules.Rules {
		if rule := &d.rules.Rules[i]; rule.CollapseSeconds > 0 && rule.about(d.e.Kind, d.e.Type) {
			rules = append(rules, rule.Name)
		}
	}
	q := storage.Query[Head]{
		Where: storage.AllOf(ByRecordKind.Is(d.e.Kind), ByRecordID.Is(d.e.Record), ByState.Is(StatePending),
			ByRule.In(rules...), ByAttempts.Is(0), ByDue.Above(d.u.Now())),
		Order: []storage.Order{ByDue.Asc()}, Limit: storage.MaxPage,
	}
	for n, err := range storage.Pages(q, func(q storage.Query[Head]) (storage.Page[Notification], error) { return Table.Records(ctx, d.u, q) }) {
		if err != nil {
			return err
		}
		if k := (told{n.Person, n.Channel, n.Rule}); d.messages[k] == nil { // the first that is due
			d.messages[k] = &n
		}
	}
	return nil
}

// dataFor gives what a message may say to a reader of that kind.
func (d *deciding) dataFor(ctx context.Context, rule *Rule, may Reading) (map[string]any, error) {
	told, ok := d.data[may]
	if !ok {
		var err error
		if told, err = d.p.host.Data(ctx, d.r, d.e, may); err != nil {
			return nil, err
		}
		if d.data == nil {
			d.data = map[Reading]map[string]any{}
		}
		d.data[may] = told
	}
	data := make(map[string]any, len(rule.Data)+len(told))
	for key, value := range rule.Data {
		data[key] = value
	}
	maps.Copy(data, told)
	return data, nil
}

// moot suppresses messages that the event makes moot.
func (d *deciding) moot(ctx context.Context) error {
	var rules []string
	for i := range d.rules.Rules {
		if d.rules.Rules[i].moot(d.e.Kind, d.e.Type) {
			rules = append(rules, d.rules.Rules[i].Name)
		}
	}
	if len(rules) == 0 {
		return nil
	}
	mooted, err := suppress(ctx, d.u, WhyMoot, storage.AllOf(ByRecordKind.Is(d.e.Kind), ByRecordID.Is(d.e.Record), ByRule.In(rules...)))
	d.plan.Mooted = mooted
	return err
}

// suppress has unsent messages not be sent any more.
func suppress(ctx context.Context, u *engine.Unit, why Why, where storage.Filter[Head]) (ids []itsm.ID, err error) {
	q := storage.Query[Head]{Where: storage.AllOf(where, ByState.In(StatePending, StateFailed)), Limit: storage.MaxPage}
	var all []Notification
	for n, err := range storage.Pages(q, func(q storage.Query[Head]) (storage.Page[Notification], error) { return Table.Records(ctx, u, q) }) {
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	for i := range all {
		n := &all[i]
		n.State, n.Why, n.Updated = StateSuppressed, why, u.Now()
		if err := Table.Put(ctx, u.Quiet(), n); err != nil {
			return nil, err
		}
		if err := u.Cancel(ctx, JobSend, string(n.ID)); err != nil {
			return nil, err
		}
		ids = append(ids, n.ID)
	}
	return ids, nil
}

// mayRead asks the host what people may read of a record; of one that is gone, nothing.
func (p *Practice) mayRead(ctx context.Context, r storage.Reader, record itsm.Ref, readers []Reader) (map[itsm.ID]Reading, error) {
	may, err := p.host.MayRead(ctx, r, record, readers)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	return may, err
}

// addressed says whether an event is addressed to whom it is told as these.
func addressed(as []Audience) bool {
	return slices.ContainsFunc(as, func(a Audience) bool { return a.Kind == AudienceNamed })
}

// preferences gives those of each of the people.
func (p *Practice) preferences(ctx context.Context, r storage.Reader, people []itsm.ID) (map[itsm.ID]*Preferences, error) {
	wants := make(map[itsm.ID]*Preferences, len(people))
	for _, id := range people {
		wants[id] = &p.defaults
	}
	for chunk := range slices.Chunk(people, idsAtOnce) {
		page, err := PreferenceTable.Records(ctx, r, storage.Query[PreferenceHead]{Where: PreferenceTable.ByID().In(chunk...), Limit: storage.MaxPage})
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			wants[page.Items[i].ID] = &page.Items[i].Preferences
		}
	}
	return wants, nil
}
