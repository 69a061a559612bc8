// This file holds what an incident cost: the work that people did on it, and other costs. Entries are
// only ever added; one that is wrong is taken back by its reversal.

package incident

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// CostModel says what an hour of work costs: role by time by rate. The zero value knows no rates:
// work is then recorded with its time, and costs what its entry says, or nothing.
type CostModel struct {
	// Rate is what an hour costs, where neither the entry nor its role says. It is not negative.
	Rate itsm.Money
	// Roles are the roles in which people work; where there are any, an entry names one of them or
	// none.
	Roles map[string]RoleCost
}

// RoleCost is what an hour in a role costs: its rate by its multiplier.
type RoleCost struct {
	// Rate is what an hour costs; the zero Money is that of the [CostModel].
	Rate itsm.Money
	// Multiplier is more than 0, and 1 where it is the zero value.
	Multiplier decimal.Decimal
}

func (m CostModel) checked(f *itsm.Faults) CostModel {
	check := func(field string, rate itsm.Money) {
		f.Merge(field, rate.Validate())
		if rate.Sign() < 0 {
			f.Add(field, "must not be negative")
		}
	}
	check("costs.rate", m.Rate)
	for _, name := range slices.Sorted(maps.Keys(m.Roles)) {
		f.Text("costs.roles", name, storage.MaxText, true)
		check("costs.roles."+name+".rate", m.Roles[name].Rate)
		if m.Roles[name].Multiplier.IsNegative() {
			f.Add("costs.roles."+name+".multiplier", "must not be negative")
		}
	}
	m.Roles = maps.Clone(m.Roles)
	return m
}

// of gives what an hour in a role costs, by its rate and multiplier.
func (m CostModel) of(role string) (rate itsm.Money, multiplier decimal.Decimal) {
	c := m.Roles[role]
	if rate = c.Rate; rate.IsZero() {
		rate = m.Rate
	}
	if multiplier = c.Multiplier; multiplier.IsZero() {
		multiplier = decimal.NewFromInt(1)
	}
	return rate, multiplier
}

// costOf is the rate of an hour by the time by the multiplier, rounded once to the smallest unit of the
// currency, halves to the even one.
func costOf(rate itsm.Money, worked time.Duration, multiplier decimal.Decimal) itsm.Money {
	places, _ := itsm.MinorUnits(rate.Currency)
	exact := rate.Amount.Mul(multiplier).Mul(decimal.NewFromInt(int64(worked)))
	return itsm.Money{Amount: halfEven(exact, decimal.NewFromInt(int64(time.Hour)), int32(places)), Currency: rate.Currency}
}

// halfEven divides to decimal places, rounding halves to the even digit.
func halfEven(d, by decimal.Decimal, places int32) decimal.Decimal {
	q, rest := d.QuoRem(by, places)
	unit := decimal.New(1, -places)
	beyond := rest.Abs().Mul(decimal.NewFromInt(2)).Cmp(by.Abs().Mul(unit))
	if beyond > 0 || beyond == 0 && q.Shift(places).BigInt().Bit(0) == 1 {
		if d.Sign()*by.Sign() < 0 {
			unit = unit.Neg()
		}
		q = q.Add(unit)
	}
	return q
}

// CostKind says what an entry is of.
type CostKind string

// The kinds.
const (
	// CostWork is the time of a person.
	CostWork CostKind = "work"
	// CostOther is anything else: a part, a courier, a supplier's invoice.
	CostOther CostKind = "other"
)

// MaxWork is the greatest time of one entry.
const MaxWork = 31 * 24 * time.Hour

// Work is what a person did on an incident.
type Work struct {
	itsm.Command
	// Person is who worked; empty is the actor. Role is that of the [CostModel] in which they did.
	Person itsm.ID `json:"person,omitempty"`
	Role   string  `json:"role,omitempty"`
	// Start is when they began; zero is as long ago as they worked. Worked is for how long, whole
	// microseconds and at most [MaxWork]. Work that is not over yet is not logged.
	Start  time.Time     `json:"start,omitzero"`
	Worked time.Duration `json:"worked"`
	// Rate is what an hour of it costs; the zero Money is what the [CostModel] says of the role.
	Rate itsm.Money `json:"rate,omitzero"`
	// Task is the task for which it was done, where there is one: any that the actor may know of.
	// Whether it is one of this incident is not asked.
	Task itsm.ID `json:"task,omitempty"`
	Text string  `json:"text,omitempty"`
}

// LogWork records the work of a person on an incident, in any state, and what it cost by the rates of
// this moment: rate by time by multiplier, rounded to the smallest unit of the currency, halves to
// the even one. Work for which there is no rate has its time alone.
func (p *Practice) LogWork(ctx context.Context, actor itsm.Actor, id itsm.ID, r Work) (Incident, error) {
	return p.command(ctx, actor, id, ActionLogWork, r.Command, r, func(ctx context.Context, w *work) error {
		c := CostRecord{
			CostHead: CostHead{Incident: id, Kind: CostWork, Person: orElse(r.Person, actor.ID), Role: r.Role, Worked: r.Worked, Task: r.Task},
			CostBody: CostBody{Rate: r.Rate, Multiplier: decimal.NewFromInt(1), Text: r.Text},
		}
		w.checkID("person", r.Person)
		w.faults.Text("role", r.Role, storage.MaxText, false)
		if _, known := p.o.Costs.Roles[r.Role]; r.Role != "" && len(p.o.Costs.Roles) > 0 && !known {
			w.faults.Addf("role", "must be one of: %s", list(slices.Sorted(maps.Keys(p.o.Costs.Roles))))
		}
		switch {
		case r.Worked <= 0:
			w.faults.Add("worked", "must be more than nothing")
		case r.Worked > MaxWork:
			w.faults.Addf("worked", "must be at most %s", MaxWork)
		case r.Worked%time.Microsecond != 0:
			w.faults.Add("worked", "must be whole microseconds")
		}
		if c.At = storage.Instant(r.Start); c.At.IsZero() {
			c.At = w.now.Add(-r.Worked)
		}
		w.checkStart("start", c.At, r.Worked)
		w.faults.Merge("rate", r.Rate.Validate())
		if r.Rate.Sign() < 0 {
			w.faults.Add("rate", "must not be negative")
		}
		if r.Rate.IsZero() {
			c.Rate, c.Multiplier = p.o.Costs.of(r.Role)
		}
		w.faults.Text("text", r.Text, MaxNotes, false)
		if w.faults.Empty() && !c.Rate.IsZero() {
			w.setAmount("rate", &c, costOf(c.Rate, r.Worked, c.Multiplier))
		}
		return w.record(ctx, ActionLogWork, c)
	})
}

// Expense is a cost that is not the time of a person.
type Expense struct {
	itsm.Command
	// Amount is more than nothing, and no finer than the smallest unit of its currency.
	Amount itsm.Money `json:"amount"`
	// Text says what for.
	Text string `json:"text"`
	// At is when it was incurred; zero is now.
	At time.Time `json:"at,omitzero"`
	// Task is the task for which it was, as that of [Work].
	Task itsm.ID `json:"task,omitempty"`
}

// AddCost records a cost of an incident that is not the time of a person, in any state.
func (p *Practice) AddCost(ctx context.Context, actor itsm.Actor, id itsm.ID, r Expense) (Incident, error) {
	return p.command(ctx, actor, id, ActionAddCost, r.Command, r, func(ctx context.Context, w *work) error {
		c := CostRecord{
			CostHead: CostHead{Incident: id, Kind: CostOther, At: storage.Instant(orElse(r.At, w.now)), Task: r.Task},
			CostBody: CostBody{Text: r.Text},
		}
		if r.Amount.Sign() <= 0 {
			w.faults.Add("amount", "must be more than nothing")
		} else {
			w.setAmount("amount", &c, r.Amount)
		}
		w.faults.Text("text", r.Text, MaxNotes, true)
		w.checkStart("at", c.At, 0)
		return w.record(ctx, ActionAddCost, c)
	})
}

// setAmount gives an entry its amount, or notes why it cannot be.
func (w *work) setAmount(field string, c *CostRecord, m itsm.Money) {
	minor, err := m.Minor()
	w.faults.Merge(field, err)
	c.Amount, c.Currency = minor, m.Currency
}

func (w *work) checkStart(field string, start time.Time, worked time.Duration) {
	if y := start.Year(); y < minYear || y > maxYear {
		w.faults.Add(field, "must be in the years 1 to 9999")
	} else if start.Add(worked).After(w.now) {
		w.faults.Add(field, "must not reach beyond now")
	}
}

// Reversal takes back an entry. The Reason of its Command is required.
type Reversal struct {
	itsm.Command
	Entry itsm.ID `json:"entry"`
}

// ReverseCost takes back an entry of an incident that the actor may read, in any state: by another
// entry that takes as much from the totals as it added. An entry is reversed once, and a reversal is
// not: what was right after all is recorded anew.
func (p *Practice) ReverseCost(ctx context.Context, actor itsm.Actor, id itsm.ID, r Reversal) (Incident, error) {
	return p.command(ctx, actor, id, ActionReverseCost, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Key("entry", string(r.Entry))
		w.requireReason(r.Reason)
		mine, err := p.costsOf(ctx, actor, &w.Was)
		if err != nil && !isForbidden(err) {
			return err
		}
		readable := err == nil
		c, err := costTable.Get(ctx, w.u.Quiet(), r.Entry)
		switch {
		case r.Entry == "":
		case errors.Is(err, storage.ErrNotFound), err == nil && (!readable || c.Incident != id || !mine.Match(&c.CostHead)):
			w.fault("entry", "is not found")
		case err != nil:
			return err
		case c.Reverses != "":
			w.fault("entry", "is a reversal; record what it took back anew")
		default:
			_, err := costTable.Get(ctx, w.u.Quiet(), reversalOf(c.ID))
			if err == nil {
				w.fault("entry", "is reversed already")
			} else if !errors.Is(err, storage.ErrNotFound) {
				return err
			}
		}
		back := c
		back.Meta = storage.Meta{ID: reversalOf(c.ID)}
		back.Worked, back.Amount, back.Reverses, back.Text = -c.Worked, -c.Amount, c.ID, r.Reason
		return w.record(ctx, ActionReverseCost, back)
	})
}

func reversalOf(entry itsm.ID) itsm.ID { return itsm.ID(digest.Of("reversal", string(entry))) }

// record checks the action and puts an entry.
func (w *work) record(ctx context.Context, a Action, c CostRecord) error {
	if c.Task != "" && c.Reverses == "" { // of one that is reversed it was asked
		if err := w.checkRef(ctx, "task", taskRef(c.Task)); err != nil {
			return err
		}
	}
	if err := w.check(ctx, a); err != nil {
		return err
	}
	if c.ID == "" {
		c.ID = w.u.NewID()
	}
	c.By, c.Created, c.Updated = w.actor.ID, w.now, w.now
	if err := costTable.Put(ctx, w.u.Quiet(), &c); err != nil {
		return err
	}
	return w.move(CostRecorded{
		Entry: c.ID, Kind: c.Kind, Person: c.Person, Role: c.Role, Worked: c.Worked, Amount: c.Money(), Reverses: c.Reverses, Task: c.Task,
	})
}

// taskRef names a task: a record of another practice, which this one does not know.
func taskRef(id itsm.ID) itsm.Ref { return itsm.Ref{Kind: "task", ID: id} }

// costsOf is the filter of the entries of an incident that the actor may read: all, or those that it
// logged itself. Where it may read none it is the refusal.
func (p *Practice) costsOf(ctx context.Context, actor itsm.Actor, i *Incident) (storage.Filter[CostHead], error) {
	of := costByIncident.Is(i.ID)
	refusal := p.e.Authorizer().Authorize(ctx, actor, PermissionReadCosts, i.Subject())
	if !isForbidden(refusal) {
		return of, refusal
	}
	own, err := p.allows(ctx, actor, PermissionLogWork, i)
	if err != nil {
		return of, err
	}
	if !own {
		return of, refusal
	}
	return storage.AllOf(of, costByAuthor.Is(actor.ID)), nil
}

// Costs gives a page of the work and costs of an incident that the actor may read, in the order in which
// they were incurred; after is the Next of the page before. Who may log work, but not read costs, gets what
// they logged themselves; who may do neither, but read the incident, gets [itsm.ErrForbidden].
func (p *Practice) Costs(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.Cursor, limit int) (storage.Page[CostRecord], error) {
	var page storage.Page[CostRecord]
	err := p.costs(ctx, actor, id, func(ctx context.Context, r storage.Reader, where storage.Filter[CostHead]) (err error) {
		page, err = costTable.Records(ctx, r, storage.Query[CostHead]{Where: where, Order: []storage.Order{costByAt.Asc()}, After: after, Limit: limit})
		return err
	})
	return page, err
}

func (p *Practice) costs(ctx context.Context, actor itsm.Actor, id itsm.ID, fn func(context.Context, storage.Reader, storage.Filter[CostHead]) error) error {
	return p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		where, err := p.costsOf(ctx, actor, &i)
		if err != nil {
			return err
		}
		return fn(ctx, r, where)
	})
}

// CostTotal is the sum of entries: exact, a [itsm.Money] for each currency.
type CostTotal struct {
	// Entries is how many there are, reversals included.
	Entries int64 `json:"entries"`
	// Worked is the time of people.
	Worked time.Duration `json:"worked"`
	// Amounts are in the order of their currencies, each once. One that came to nothing is there.
	Amounts []itsm.Money `json:"amounts"`
}

// costSum is a total that grows. Time is summed in microseconds, of which a sum holds more than a total.
type costSum struct {
	CostTotal
	worked int64
}

// total gives the sum, or ErrInvalid where it is more than a total holds.
func (t *costSum) total() (CostTotal, error) {
	if t.worked > math.MaxInt64/1000 || t.worked < math.MinInt64/1000 {
		return CostTotal{}, itsm.Invalid("total cost", "worked", "is more than a time.Duration holds, which is about 292 years; ask for fewer incidents at once")
	}
	t.Worked = time.Duration(t.worked) * time.Microsecond
	return t.CostTotal, nil
}

// add adds an amount, where there is one.
func (t *CostTotal) add(m itsm.Money) {
	if m.Currency == "" {
		return
	}
	at, found := slices.BinarySearchFunc(t.Amounts, m.Currency, func(m itsm.Money, currency string) int {
		return strings.Compare(m.Currency, currency)
	})
	if found {
		t.Amounts[at].Amount = t.Amounts[at].Amount.Add(m.Amount)
	} else {
		t.Amounts = slices.Insert(t.Amounts, at, m)
	}
}

// addAll adds the entries of a filter.
func (t *costSum) addAll(ctx context.Context, r storage.Reader, where storage.Filter[CostHead]) error {
	q := storage.Query[CostHead]{Where: where, Order: []storage.Order{costByIncident.Asc(), costByAt.Asc()}, Limit: storage.MaxPage}
	for h, err := range storage.Pages(q, func(q storage.Query[CostHead]) (storage.Page[CostHead], error) {
		return costTable.List(ctx, r, q)
	}) {
		if err != nil {
			return err
		}
		t.Entries++
		t.worked += h.Worked.Microseconds() // after three million entries of the greatest time it would be too much
		if t.worked > math.MaxInt64/2 || t.worked < math.MinInt64/2 {
			_, err := t.total()
			return err
		}
		t.add(h.Money())
	}
	return nil
}

// TotalCost sums the work and costs of an incident that [Practice.Costs] gives the actor. More time than a
// time.Duration holds is ErrInvalid.
func (p *Practice) TotalCost(ctx context.Context, actor itsm.Actor, id itsm.ID) (CostTotal, error) {
	var sum costSum
	err := p.costs(ctx, actor, id, func(ctx context.Context, r storage.Reader, where storage.Filter[CostHead]) error {
		sum = costSum{}
		return sum.addAll(ctx, r, where)
	})
	if err != nil {
		return CostTotal{}, err
	}
	return sum.total()
}

// SumCosts sums the work and costs of the incidents of the query that the actor may read and whose costs
// it may all read ("incident.read_costs"); where there are none such at all it is ErrForbidden. Order,
// Limit and After of the query have no meaning. It reads every entry, page by page: it is for reports, and
// what is recorded meanwhile may be in it or not. More time than a time.Duration holds is ErrInvalid.
func (p *Practice) SumCosts(ctx context.Context, actor itsm.Actor, q Query) (CostTotal, error) {
	if err := actor.Validate(); err != nil {
		return CostTotal{}, err
	}
	tenants := q.Tenants
	if len(tenants) == 0 {
		tenants = []storage.Tenant{actor.Tenant}
	}
	var may []storage.Filter[Head]
	for _, tenant := range tenants {
		of, err := p.scope(ctx, actor.In(tenant), PermissionReadCosts)
		if err != nil {
			return CostTotal{}, err
		}
		if len(tenants) > 1 {
			of.all = storage.AllOf(byTenant.Is(tenant), of.all)
		}
		may = append(may, of.all)
	}
	q.Where = storage.AllOf(anyOf(may), storage.NamedBy[Head](costTable, costByIncident, storage.Filter[CostHead]{}), q.Where)
	q.Order, q.Limit, q.After = []storage.Order{{Column: storage.ColumnID}}, storage.MaxPage, ""
	var sum costSum
	for {
		page, err := p.List(ctx, actor, q)
		if err != nil {
			return CostTotal{}, err
		}
		of := map[storage.Tenant][]itsm.ID{}
		for _, h := range page.Items {
			of[h.Tenant] = append(of[h.Tenant], h.ID)
		}
		for tenant, ids := range of {
			before := sum
			err := p.e.ReadTenants(ctx, actor, []storage.Tenant{tenant}, func(ctx context.Context, r storage.Reader) error {
				sum = before
				sum.Amounts = slices.Clone(before.Amounts)
				return sum.addAll(ctx, r, costByIncident.In(ids...))
			})
			if err != nil {
				return CostTotal{}, err
			}
		}
		if page.Next == "" {
			return sum.total()
		}
		q.After = page.Next
	}
}

// CostRecord is an entry: work, another cost, or the reversal of one. It is never changed.
type CostRecord struct {
	CostHead
	CostBody
}

// CostHead is what entries are listed and summed by.
type CostHead struct {
	storage.Meta
	Incident itsm.ID  `json:"incident"`
	Kind     CostKind `json:"kind"`
	// Person worked, in the Role.
	Person itsm.ID `json:"person,omitempty"`
	Role   string  `json:"role,omitempty"`
	// By recorded it.
	By itsm.ID `json:"by"`
	// At is when the work began, or the cost was incurred.
	At     time.Time     `json:"at"`
	Worked time.Duration `json:"worked,omitempty"`
	// Amount is in the smallest units of the Currency; both are absent where there is no rate.
	Amount   int64  `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
	// Reverses is the entry that this one takes back.
	Reverses itsm.ID `json:"reverses,omitempty"`
	// Task is the task for which it was.
	Task itsm.ID `json:"task,omitempty"`
}

// Money is the amount; the zero Money where there is none.
func (h *CostHead) Money() itsm.Money {
	m, err := itsm.MoneyFromMinor(h.Amount, h.Currency)
	if err != nil {
		return itsm.Money{}
	}
	return m
}

// CostBody is the rest of an entry.
type CostBody struct {
	// Rate and Multiplier are what an hour of work cost then.
	Rate       itsm.Money      `json:"rate,omitzero"`
	Multiplier decimal.Decimal `json:"multiplier,omitzero"`
	// Text is what for; of a reversal, why.
	Text string `json:"text,omitempty"`
}

var (
	costByIncident = storage.Col("incident", func(h *CostHead) *itsm.ID { return &h.Incident })
	costByAuthor   = storage.Col("by", func(h *CostHead) *itsm.ID { return &h.By })
	costByAt       = storage.TimeCol("at", func(h *CostHead) *time.Time { return &h.At })
)

var costTable = storage.Define("incident_cost", storage.Def[CostRecord, CostHead, CostBody]{
	Parts: func(r *CostRecord) (*CostHead, *CostBody) { return &r.CostHead, &r.CostBody },
	Columns: []storage.ColumnOf[CostHead]{
		costByIncident, costByAuthor, costByAt,
		storage.Col("kind", func(h *CostHead) *CostKind { return &h.Kind }),
		storage.Col("person", func(h *CostHead) *itsm.ID { return &h.Person }),
		storage.Col("role", func(h *CostHead) *string { return &h.Role }),
		storage.Col("worked", func(h *CostHead) *time.Duration { return &h.Worked }),
		storage.Col("amount", func(h *CostHead) *int64 { return &h.Amount }),
		storage.Col("currency", func(h *CostHead) *string { return &h.Currency }),
		storage.Col("reverses", func(h *CostHead) *itsm.ID { return &h.Reverses }),
		storage.Col("task", func(h *CostHead) *itsm.ID { return &h.Task }),
	},
	Indexes: []storage.Index{storage.IndexOn(costByIncident.Asc(), costByAt.Asc())},
})
