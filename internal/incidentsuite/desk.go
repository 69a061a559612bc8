// This file holds the model test of what a desk does beside the lifecycle: escalation, tags,
// attachments, surveys, costs and the first contact. Random commands by people of two tenants are
// compared with a fold of the events, and what each person can ask for with what is for them.

package incidentsuite

import (
	"context"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// secret is in every text here that no requester may read, and in no other.
const secret = "secret"

func provider(t storage.Tenant) itsm.Actor {
	return itsm.Actor{Tenant: t, ID: "pat", Roles: []itsm.RoleName{itsm.RoleProviderTechnician}, Groups: []itsm.ID{"vendor"}}
}

func runDeskModel(t *testing.T, newStore func(*testing.T) storage.Store) {
	d := open(t, newStore(t), incident.Options{
		FirstLevel: []itsm.ID{"desk"},
		Survey:     incident.SurveyPolicy{Share: 70, Questions: []incident.SurveyQuestion{incident.SurveyCSAT, incident.SurveyNPS}},
		Costs:      incident.CostModel{Rate: itsm.Money{Amount: decimal.New(9990, -2), Currency: "EUR"}},
	})
	rapid.Check(t, func(rt *rapid.T) {
		m := &deskMachine{T: rt, desk: d, ctx: t.Context()}
		n := runs.Add(1)
		for _, name := range []string{"east", "west"} {
			tenant := storage.Tenant(numbered(name+"-%d", int(n)))
			m.tenants = append(m.tenants, tenant)
			m.actors = append(m.actors, manager(tenant), analyst(tenant), specialist(tenant), provider(tenant),
				requester(tenant, "rita"), requester(tenant, "rob"))
		}
		m.log()
		rt.Repeat(map[string]func(*rapid.T){
			"log":     func(rt *rapid.T) { m.T = rt; m.log() },
			"command": func(rt *rapid.T) { m.T = rt; m.command() },
			"again":   func(rt *rapid.T) { m.T = rt; m.command() }, // commands are most of what happens
			"more":    func(rt *rapid.T) { m.T = rt; m.command() },
			"time": func(rt *rapid.T) {
				m.T = rt
				now := m.clock.Advance(time.Duration(rapid.IntRange(0, 3*24*60).Draw(rt, "minutes")) * time.Minute)
				ran, err := m.e.Tick(m.ctx, now)
				require.NoError(rt, err)
				require.Zero(rt, ran.Failed+ran.Dead+ran.Lost, "%+v", ran)
				for _, r := range m.records {
					r.last, err = m.p.Get(m.ctx, manager(r.tenant), r.id)
					require.NoError(rt, err)
				}
			},
		})
		m.T = rt
		for _, r := range m.records {
			m.compare(r)
		}
		for _, a := range m.actors {
			m.ask(a)
		}
	})
}

// deskMachine is one run.
type deskMachine struct {
	*rapid.T
	*desk
	ctx     context.Context
	tenants []storage.Tenant
	actors  []itsm.Actor
	records []*deskRecord
}

// deskRecord is what the model knows of an incident beside its events: what was asked for.
type deskRecord struct {
	tenant    storage.Tenant
	id        itsm.ID
	requester itsm.ID
	tags      []string
	files     map[string]int // by name
	costs     []deskCost
	// last is the incident as a manager read it last.
	last incident.Incident
}

// deskCost is an entry as the model reckons it.
type deskCost struct {
	id       itsm.ID
	by       itsm.ID
	currency string
	amount   int64
	worked   time.Duration
	reversal bool
	reversed bool
}

func draw[V any](m *deskMachine, what string, from ...V) V {
	return rapid.SampledFrom(from).Draw(m.T, what)
}

func (m *deskMachine) log() {
	a := draw(m, "actor", m.actors...)
	r := &deskRecord{tenant: a.Tenant, requester: draw[itsm.ID](m, "requester", "rita", "rob"), files: map[string]int{}}
	report := incident.Report{
		Title: "Something is wrong", Requester: r.requester,
		Channel: draw(m, "channel", incident.ChannelPhone, incident.ChannelMonitoring),
	}
	if a.Has(itsm.RoleIncidentManager) || a.Has(itsm.RoleServiceDeskAnalyst) {
		report.Group = draw[itsm.ID](m, "group", "", "desk", "network", "vendor")
	}
	report.Restricted = a.Has(itsm.RoleIncidentManager) && rapid.Bool().Draw(m.T, "restricted")
	i, err := m.p.Log(m.ctx, a, report)
	if err != nil {
		require.ErrorIs(m, err, itsm.ErrForbidden, "a requester in another's name, or one who may not log at all")
		return
	}
	r.id = i.ID
	m.records = append(m.records, r)
	m.compare(r)
}

// visible says whether the incident is for the actor, from the manager's last look at it.
func (r *deskRecord) visible(a itsm.Actor) bool {
	switch {
	case a.Tenant != r.tenant:
		return false
	case a.Has(itsm.RoleIncidentManager):
		return true
	case a.Has(itsm.RoleRequester):
		return r.requester == a.ID
	case a.Has(itsm.RoleProviderTechnician):
		return r.theirs(a)
	}
	return !r.last.Restricted || r.theirs(a)
}

// theirs says whether the actor or their group has it.
func (r *deskRecord) theirs(a itsm.Actor) bool {
	return r.last.Assignee == a.ID || r.last.Group != "" && slices.Contains(a.Groups, r.last.Group)
}

// readsCosts says whether all costs of what the actor sees are for them.
func (r *deskRecord) readsCosts(a itsm.Actor) bool {
	return a.Has(itsm.RoleIncidentManager) || a.Has(itsm.RoleServiceDeskAnalyst) || a.Has(itsm.RoleSupportSpecialist) && r.theirs(a)
}

func (m *deskMachine) command() {
	if len(m.records) == 0 {
		return
	}
	r := draw(m, "incident", m.records...)
	a := draw(m, "actor", m.actors...)
	if rapid.IntRange(0, 5).Draw(m.T, "own tenant") > 0 {
		a = draw(m, "colleague", m.actors[6*slices.Index(m.tenants, r.tenant):][:6]...)
	}
	names := []string{"escalate", "escalate up", "reassign", "accept", "hold", "reply", "resolve", "reopen", "confirm", "tag", "untag",
		"attach", "detach", "work", "cost", "reverse", "answer"}
	switch r.last.State {
	case incident.StateResolved:
		names = append(names, "confirm", "confirm", "reopen")
	case incident.StateClosed:
		names = append(names, "answer", "answer", "answer")
	default:
		names = append(names, "resolve", "escalate")
	}
	name := draw(m, "command", names...)
	seen, before := r.visible(a), r.last
	_, err := m.give(name, r, a)
	m.Logf("%s by %s of %s: %v", name, a.ID, a.Tenant, err)
	if !seen {
		require.ErrorIs(m, err, itsm.ErrNotFound)
	} else if came := outcomeOf(err); came != happens {
		require.Contains(m, []outcome{forbidden, refused, invalid}, came)
	}
	if err == nil {
		m.compare(r)
		return
	}
	now, err := m.p.Get(m.ctx, manager(r.tenant), r.id)
	require.NoError(m, err)
	require.Equal(m, before, now, "nothing happened")
}

// give gives a command, and notes in the model what was asked for where it happened.
func (m *deskMachine) give(name string, r *deskRecord, a itsm.Actor) (i incident.Incident, err error) {
	reason := itsm.Command{Reason: secret + " reason"}
	switch name {
	case "escalate":
		return m.p.Escalate(m.ctx, a, r.id, incident.Escalation{
			Type: incident.EscalationFunctional, Group: draw[itsm.ID](m, "group", "desk", "network", "vendor", ""), Assignee: draw[itsm.ID](m, "assignee", "", "sam"),
		})
	case "escalate up":
		return m.p.Escalate(m.ctx, a, r.id, incident.Escalation{Command: reason, Type: incident.EscalationHierarchical, To: secret + "-boss"})
	case "reassign":
		return m.p.Reassign(m.ctx, a, r.id, incident.Assignment{Group: draw[itsm.ID](m, "group", "desk", "network", "vendor")})
	case "accept":
		return m.p.Accept(m.ctx, a, r.id, itsm.Command{})
	case "hold":
		return m.p.Hold(m.ctx, a, r.id, incident.Hold{HoldReason: incident.HoldCustomerScheduled})
	case "reply":
		return m.p.Reply(m.ctx, a, r.id, incident.Reply{Text: "Hello?"})
	case "resolve":
		return m.p.Resolve(m.ctx, a, r.id, incident.Resolution{Code: incident.CodeFixed, Notes: "Done"})
	case "reopen":
		return m.p.Reopen(m.ctx, a, r.id, incident.Reopening{})
	case "confirm":
		return m.p.Confirm(m.ctx, a, r.id, itsm.Command{})
	case "tag", "untag":
		tag := secret + "-" + string(r.tenant) + "-" + draw(m, "tag", "a", "b", "c")
		if name == "tag" {
			i, err = m.p.Tag(m.ctx, a, r.id, incident.Tagging{Tags: []string{strings.ToUpper(tag)}})
			if err == nil && !slices.Contains(r.tags, tag) {
				r.tags = append(r.tags, tag)
				slices.Sort(r.tags)
			}
			return i, err
		}
		i, err = m.p.Untag(m.ctx, a, r.id, incident.Tagging{Tags: []string{tag}})
		if err == nil {
			r.tags = slices.DeleteFunc(r.tags, func(t string) bool { return t == tag })
		}
		return i, err
	case "attach":
		file := incident.Attachment{Name: secret + ".txt", Reference: secret, Visibility: draw(m, "visibility", itsm.VisibilityInternal, itsm.VisibilityPublic)}
		if file.Visibility == itsm.VisibilityPublic {
			file.Name, file.Reference = "screen.png", "open"
		}
		i, err = m.p.Attach(m.ctx, a, r.id, file)
		if err == nil {
			r.files[file.Name]++
		}
		return i, err
	case "detach":
		page, err := m.p.Attachments(m.ctx, manager(r.tenant), r.id, "", 5)
		require.NoError(m, err)
		if len(page.Items) == 0 {
			return m.p.Get(m.ctx, a, r.id)
		}
		file := draw(m, "attachment", page.Items...)
		i, err := m.p.Detach(m.ctx, a, r.id, incident.Detachment{Attachment: file.ID})
		if err == nil {
			r.files[file.Name]--
		}
		return i, err
	case "work":
		minutes := rapid.IntRange(0, 200).Draw(m.T, "minutes") // 0 is refused
		w := incident.Work{Worked: time.Duration(minutes) * time.Minute, Text: secret}
		cents, currency := int64(9990), "EUR"
		if rapid.Bool().Draw(m.T, "own rate") {
			w.Rate = itsm.Money{Amount: decimal.New(7777, 0), Currency: "JPY"}
			cents, currency = 7777, "JPY"
		}
		i, err = m.p.LogWork(m.ctx, a, r.id, w)
		if err == nil {
			r.costs = append(r.costs, deskCost{by: a.ID, currency: currency, worked: w.Worked, amount: evenly(cents*int64(minutes), 60)})
		}
		return i, err
	case "cost":
		cents := rapid.Int64Range(0, 99999).Draw(m.T, "cents") // 0 is refused
		currency := draw(m, "currency", "EUR", "USD")
		i, err = m.p.AddCost(m.ctx, a, r.id, incident.Expense{Amount: itsm.Money{Amount: decimal.New(cents, -2), Currency: currency}, Text: secret})
		if err == nil {
			r.costs = append(r.costs, deskCost{by: a.ID, currency: currency, amount: cents})
		}
		return i, err
	case "reverse":
		if len(r.costs) == 0 {
			return m.p.Get(m.ctx, a, r.id)
		}
		n := rapid.IntRange(0, len(r.costs)-1).Draw(m.T, "entry")
		c := &r.costs[n]
		i, err = m.p.ReverseCost(m.ctx, a, r.id, incident.Reversal{Command: reason, Entry: c.id})
		if err == nil {
			require.False(m, c.reversed || c.reversal)
			require.True(m, r.readsCosts(a) || c.by == a.ID)
			c.reversed = true
			r.costs = append(r.costs, deskCost{by: a.ID, currency: c.currency, amount: -c.amount, worked: -c.worked, reversal: true})
		}
		return i, err
	default: // answer
		x := incident.SurveyAnswer{Comment: "My " + secret}
		csat, nps := rapid.IntRange(0, 5).Draw(m.T, "csat"), rapid.IntRange(0, 10).Draw(m.T, "nps") // 0 of 5 is refused
		x.CSAT, x.NPS = &csat, &nps
		return m.p.AnswerSurvey(m.ctx, a, r.id, x)
	}
}

// evenly divides, halves to the even whole number.
func evenly(n, by int64) int64 {
	exact := big.NewRat(n, by)
	q := new(big.Int).Quo(exact.Num(), exact.Denom())
	rest := new(big.Rat).Sub(exact, new(big.Rat).SetInt(q))
	switch half := rest.Cmp(big.NewRat(1, 2)); {
	case half > 0, half == 0 && q.Bit(0) == 1:
		return q.Int64() + 1
	}
	return q.Int64()
}

// folded is what the events of an incident come to.
type folded struct {
	reassigned, functional, hierarchical, reopened, holds int
	tags                                                  []string
	files                                                 map[itsm.ID]itsm.Visibility
	amounts                                               map[string]decimal.Decimal
	worked                                                time.Duration
	entries                                               []itsm.ID
	survey                                                incident.SurveyState
	csat, nps                                             *int

	contact            itsm.ID
	contactAt          time.Time
	over, beyond, done bool
	first, level       incident.Verdict
}

func (m *deskMachine) fold(r *deskRecord) folded {
	f := folded{files: map[itsm.ID]itsm.Visibility{}, amounts: map[string]decimal.Decimal{}}
	var events []itsm.Event
	require.NoError(m, m.e.View(m.ctx, manager(r.tenant), func(ctx context.Context, reader storage.Reader) (err error) {
		events, err = m.e.History(ctx, reader, storage.EventQuery{Kind: incident.Kind, Record: r.id})
		return err
	}))
	group := func(id itsm.ID) { f.beyond = f.beyond || id != "" && id != "desk" }
	assignee := func(id itsm.ID) { f.over = f.over || f.contact != "" && id != "" && id != f.contact }
	for _, e := range events {
		person := !e.System && e.Actor != r.requester
		switch e.Action {
		case "log", "assign", "accept", "hold", "reassign", "escalate", "resolve", "reopen":
			if person && f.contact == "" {
				f.contact, f.contactAt = e.Actor, e.At
			}
		case "reply":
			// A reply of someone else is a public note to the requester.
			if _, noted := e.Data.(incident.Noted); noted && person && f.contact == "" {
				f.contact, f.contactAt = e.Actor, e.At
			}
		}
		switch p := e.Data.(type) {
		case incident.Assigned:
			group(p.Group)
			assignee(p.Assignee)
		case incident.Accepted:
			assignee(p.Assignee)
		case incident.Reassigned:
			f.reassigned++
			f.over = true
			group(p.Group)
			require.Equal(m, f.reassigned, p.Count)
		case incident.Held:
			f.holds++
			f.over = true
		case incident.ReplyReceived:
			f.over = f.over || f.contact != "" && !f.done
		case incident.Escalated:
			count := &f.functional
			if p.Type == incident.EscalationHierarchical {
				count = &f.hierarchical
			}
			*count++
			require.Equal(m, *count, p.Count)
		case incident.Reopened:
			f.reopened++
			f.over, f.done, f.first, f.level = true, false, "", ""
		case incident.Resolved:
			f.done = true
			f.over = f.over || e.Actor != f.contact || e.At.Sub(f.contactAt) > time.Hour
			f.first, f.level = incident.VerdictMet, incident.VerdictMet
			if f.over {
				f.first = incident.VerdictMissed
			}
			if f.beyond {
				f.level = incident.VerdictMissed
			}
		case incident.TagsAdded:
			f.tags = append(f.tags, p.Tags...)
		case incident.TagsRemoved:
			f.tags = slices.DeleteFunc(f.tags, func(t string) bool { return slices.Contains(p.Tags, t) })
		case incident.Attached:
			f.files[p.Attachment] = p.Visibility
		case incident.Detached:
			require.Equal(m, f.files[p.Attachment], p.Visibility)
			delete(f.files, p.Attachment)
		case incident.CostRecorded:
			f.worked += p.Worked
			f.entries = append(f.entries, p.Entry)
			if p.Amount.Currency != "" {
				f.amounts[p.Amount.Currency] = f.amounts[p.Amount.Currency].Add(p.Amount.Amount)
			}
		case incident.SurveyOffered:
			require.Empty(m, f.survey, "an incident is surveyed once")
			f.survey = incident.SurveyStateOpen
		case incident.SurveyAnswered:
			require.Equal(m, incident.SurveyStateOpen, f.survey)
			f.survey, f.csat, f.nps = incident.SurveyStateAnswered, p.CSAT, p.NPS
		case incident.SurveyLapsed:
			require.Equal(m, incident.SurveyStateOpen, f.survey)
			f.survey = incident.SurveyStateLapsed
		}
	}
	slices.Sort(f.tags)
	return f
}

// compare reads an incident and holds it to the fold of its events and to what was asked for, and sees
// to it that its requester learns nothing internal, and no one else anything.
func (m *deskMachine) compare(r *deskRecord) {
	boss := manager(r.tenant)
	i, err := m.p.Get(m.ctx, boss, r.id)
	require.NoError(m, err)
	r.last = i
	f := m.fold(r)
	require.Equal(m, [5]int{f.reassigned, f.functional, f.hierarchical, f.reopened, f.holds},
		[5]int{i.Reassignments, i.FunctionalEscalations, i.HierarchicalEscalations, i.Reopens, i.Holds})
	require.ElementsMatch(m, f.tags, i.Tags)
	require.ElementsMatch(m, r.tags, i.Tags)
	require.Equal(m, f.survey, i.SurveyState)
	require.Equal(m, [2]*int{f.csat, f.nps}, [2]*int{i.CSAT, i.NPS})
	if i.Channel == incident.ChannelMonitoring {
		f.first = incident.VerdictNone
	}
	require.Equal(m, [2]incident.Verdict{f.first, f.level}, [2]incident.Verdict{i.FirstContact, i.FirstLevel})

	files, err := m.p.Attachments(m.ctx, boss, r.id, "", storage.MaxPage)
	require.NoError(m, err)
	require.Len(m, files.Items, len(f.files))
	names := map[string]int{}
	for _, a := range files.Items {
		require.Equal(m, f.files[a.ID], a.Visibility)
		names[a.Name]++
	}
	for name, n := range r.files {
		require.Equal(m, n, names[name])
	}

	for n := range r.costs {
		r.costs[n].id = f.entries[n]
	}
	require.Len(m, f.entries, len(r.costs))
	total, err := m.p.TotalCost(m.ctx, boss, r.id)
	require.NoError(m, err)
	require.Equal(m, f.worked, total.Worked)
	require.Len(m, total.Amounts, len(f.amounts))
	for _, amount := range total.Amounts {
		require.True(m, f.amounts[amount.Currency].Equal(amount.Amount), "%s", amount)
	}
	m.totals(r.costs, total)

	rita := requester(r.tenant, r.requester)
	seen, err := m.p.Get(m.ctx, rita, r.id)
	require.NoError(m, err)
	if seen.Survey != nil && seen.Survey.By == rita.ID {
		seen.Survey = nil // her own words
	}
	story, err := m.p.Timeline(m.ctx, rita, r.id)
	require.NoError(m, err)
	page, err := m.p.Attachments(m.ctx, rita, r.id, "", storage.MaxPage)
	require.NoError(m, err)
	require.Len(m, page.Items, names["screen.png"])
	raw, err := json.Marshal([]any{seen, story, page})
	require.NoError(m, err)
	require.NotContains(m, string(raw), secret)
	_, err = m.p.Costs(m.ctx, rita, r.id, "", 0)
	require.ErrorIs(m, err, itsm.ErrForbidden)
}

// totals compares a sum with the entries that are in it.
func (m *deskMachine) totals(costs []deskCost, total incident.CostTotal) {
	want, worked := map[string]int64{}, time.Duration(0)
	for _, c := range costs {
		want[c.currency] += c.amount
		worked += c.worked
	}
	require.Equal(m, worked, total.Worked)
	require.EqualValues(m, len(costs), total.Entries)
	require.Len(m, total.Amounts, len(want))
	for _, amount := range total.Amounts {
		minor, err := amount.Minor()
		require.NoError(m, err)
		require.Equal(m, want[amount.Currency], minor, amount.Currency)
	}
}

// ask compares what an actor learns of everything with what is for them.
func (m *deskMachine) ask(a itsm.Actor) {
	counts := map[string]int64{}
	var costs []deskCost
	var satisfied incident.Satisfaction
	for _, r := range m.records {
		if !r.visible(a) {
			_, attachments := m.p.Attachments(m.ctx, a, r.id, "", 0)
			_, entries := m.p.Costs(m.ctx, a, r.id, "", 0)
			_, total := m.p.TotalCost(m.ctx, a, r.id)
			for _, err := range []error{attachments, entries, total} {
				require.ErrorIs(m, err, itsm.ErrNotFound)
			}
			continue
		}
		switch r.last.SurveyState {
		case incident.SurveyStateOpen:
			satisfied.Open++
		case incident.SurveyStateAnswered:
			satisfied.Answered++
			satisfied.CSAT[*r.last.CSAT]++
			satisfied.NPS[*r.last.NPS]++
		case incident.SurveyStateLapsed:
			satisfied.Lapsed++
		}
		if a.Has(itsm.RoleRequester) {
			continue
		}
		for _, tag := range r.tags {
			counts[tag]++
		}
		own := slices.DeleteFunc(slices.Clone(r.costs), func(c deskCost) bool { return !r.readsCosts(a) && c.by != a.ID })
		total, err := m.p.TotalCost(m.ctx, a, r.id)
		if err != nil { // of another group, where the actor may log no work either
			require.ErrorIs(m, err, itsm.ErrForbidden)
			require.False(m, r.readsCosts(a))
		} else {
			m.totals(own, total)
		}
		if r.readsCosts(a) {
			costs = append(costs, r.costs...)
			continue
		}
		story, err := m.p.Timeline(m.ctx, a, r.id)
		require.NoError(m, err)
		for _, e := range story {
			if _, of := e.Event.Data.(incident.CostRecorded); of {
				require.Equal(m, a.ID, e.Event.Actor, "what others logged is not told")
			}
		}
	}
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	suggested, err := m.p.SuggestTags(m.ctx, a, secret, 0)
	require.NoError(m, err)
	require.Equal(m, names, suggested)
	var asked []string
	for _, tenant := range m.tenants { // the other's too
		for _, tag := range []string{"a", "b", "c"} {
			asked = append(asked, secret+"-"+string(tenant)+"-"+tag)
		}
	}
	counted, err := m.p.CountTags(m.ctx, a, incident.Query{}, asked...)
	require.NoError(m, err)
	for _, c := range counted {
		require.Equal(m, counts[c.Tag], c.Count, c.Tag)
	}
	total, err := m.p.SumCosts(m.ctx, a, incident.Query{})
	if a.Has(itsm.RoleRequester) || a.Has(itsm.RoleProviderTechnician) {
		require.ErrorIs(m, err, itsm.ErrForbidden)
	} else {
		require.NoError(m, err)
		m.totals(costs, total)
	}
	got, err := m.p.Satisfaction(m.ctx, a, incident.Query{})
	require.NoError(m, err)
	require.Equal(m, satisfied, got)
}
