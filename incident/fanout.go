// This file holds what a service provider's incident means to its customers: each customer's tenant gets
// an incident of its own, which takes the public updates and the resolution, and of which the provider
// learns facts. The customer finds no trace of the provider's incident.

package incident

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Customer says how the incident of a service provider is logged in a customer's tenant.
type Customer struct {
	// Requester is for whom it is logged there: the contact of the customer. It is required.
	Requester itsm.ID
	// Group is who has it there, if anyone.
	Group itsm.ID
	// Service is the impaired service, as the customer knows it; empty is that of the provider's incident.
	Service itsm.ID
	// Category and Subcategory classify it there; an empty Category is that of the provider's incident,
	// with its subcategory.
	Category, Subcategory string
}

// MaxTenants is the greatest number of tenants that a command may name.
const MaxTenants = 200

// CustomerKind is the kind of record that says how far an incident of a service provider has come to a
// customer.
const CustomerKind = "incident_customer"

// CustomerIncident is how far an incident of a service provider has come to one customer. It is the provider's: the
// customer has no part in it.
type CustomerIncident struct {
	CustomerIncidentHead
	CustomerIncidentBody
}

// CustomerIncidentHead is what is listed. What the customer did is told as facts; no word of the customer is here.
type CustomerIncidentHead struct {
	storage.Meta
	Incident itsm.ID        `json:"incident"`
	Customer storage.Tenant `json:"customer"`
	// Child is the customer's incident, empty until it is logged.
	Child itsm.ID `json:"child,omitempty"`
	// State is its state, Category what that means; empty until it is logged.
	State    State         `json:"state,omitempty"`
	Category itsm.Category `json:"category,omitempty"`
	// Reopens is how often the customer's incident was reopened.
	Reopens int64 `json:"reopens,omitempty"`
	// Affected is the number of the customer's incidents about it: the child, its children and its duplicates.
	Affected int64 `json:"affected,omitempty"`
	// Withdrawn says that the customer is not affected after all.
	Withdrawn bool `json:"withdrawn,omitempty"`
}

// CustomerIncidentBody is the rest.
type CustomerIncidentBody struct {
	Title       string       `json:"title"`
	Description string       `json:"description,omitempty"`
	Impact      itsm.Impact  `json:"impact,omitempty"`
	Urgency     itsm.Urgency `json:"urgency,omitempty"`
	// Since is the version of the incident from which on its updates are told.
	Since int64 `json:"since"`
	// Seen is the version of the customer's incident of which the facts are.
	Seen int64 `json:"seen,omitempty"`
}

var (
	customerByIncident  = storage.Col("incident", func(h *CustomerIncidentHead) *itsm.ID { return &h.Incident })
	customerByCustomer  = storage.Col("customer", func(h *CustomerIncidentHead) *storage.Tenant { return &h.Customer })
	customerByChild     = storage.Col("child", func(h *CustomerIncidentHead) *itsm.ID { return &h.Child })
	customerByState     = storage.Col("state", func(h *CustomerIncidentHead) *State { return &h.State })
	customerByCategory  = storage.Col("category", func(h *CustomerIncidentHead) *itsm.Category { return &h.Category })
	customerByReopens   = storage.Col("reopens", func(h *CustomerIncidentHead) *int64 { return &h.Reopens })
	customerByAffected  = storage.Col("affected", func(h *CustomerIncidentHead) *int64 { return &h.Affected })
	customerByWithdrawn = storage.BoolCol("withdrawn", func(h *CustomerIncidentHead) *bool { return &h.Withdrawn })
)

var customerTable = storage.Define(CustomerKind, storage.Def[CustomerIncident, CustomerIncidentHead, CustomerIncidentBody]{
	Parts: func(r *CustomerIncident) (*CustomerIncidentHead, *CustomerIncidentBody) {
		return &r.CustomerIncidentHead, &r.CustomerIncidentBody
	},
	Columns: []storage.ColumnOf[CustomerIncidentHead]{customerByIncident, customerByCustomer, customerByChild, customerByState, customerByCategory,
		customerByReopens, customerByAffected, customerByWithdrawn},
	Indexes: []storage.Index{storage.IndexOn(customerByIncident.Asc(), customerByCustomer.Asc())},
})

// origin is the customer's side: from which provider's incident a child comes, and what it was told. It
// is read by no one but the jobs here, is in no event, and commits together with what was told, so that
// nothing is told twice, whenever a job is run again.
type origin struct {
	originHead
	originBody
}

type originHead struct {
	storage.Meta
	Child itsm.ID
}

type originBody struct {
	Provider storage.Tenant `json:"provider"`
	Incident itsm.ID        `json:"incident"`
	// Told is the version of the provider's incident up to which its updates were told.
	Told int64 `json:"told"`
	// Resolved is when the provider's incident was resolved, of which the child was told last.
	Resolved time.Time `json:"resolved,omitzero"`
	// Ended says that it was withdrawn, Adopted that the customer merged the child into one of its own.
	Ended   bool `json:"ended,omitempty"`
	Adopted bool `json:"adopted,omitempty"`
}

var originByChild = storage.Col("child", func(h *originHead) *itsm.ID { return &h.Child })

var originTable = storage.Define("incident_origin", storage.Def[origin, originHead, originBody]{
	Parts:   func(r *origin) (*originHead, *originBody) { return &r.originHead, &r.originBody },
	Columns: []storage.ColumnOf[originHead]{originByChild},
	Indexes: []storage.Index{storage.IndexOn(originByChild.Asc())},
})

// pairID is the id of what two records have with each other, from which neither can be told.
func pairID(a, b string) itsm.ID {
	return itsm.ID(digest.Of(a, b))
}

// FanOut says to which customers an incident comes, and in which words.
type FanOut struct {
	itsm.Command
	Tenants []storage.Tenant `json:"tenants"`
	// Title and Description are those of the customers' incidents; those of the provider's stay with it.
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	// Impact and Urgency are those for the customers; 0 is the default of the Options.
	Impact  itsm.Impact  `json:"impact,omitempty"`
	Urgency itsm.Urgency `json:"urgency,omitempty"`
}

// FanOut brings a service provider's open incident to customers: a job for each tenant logs an incident
// there, exactly one, and tells it the updates (public notes of those who work on the provider's) and the
// resolution from then on, as far as Options.Updates and Options.Children let children take them. A tenant that has it
// already is left as it is; more can be added at any time.
//
// It takes "incident.fan_out" on the incident, and Options.Customer must permit each tenant; a fault names
// those it does not. What is done there is done by the system, under the name of the job: the actor needs no
// role in the tenant, and is not named in it. A restricted incident does not fan out; of one that is
// restricted later nothing is told as long as it is, and what was written until then is not told later.
func (p *Practice) FanOut(ctx context.Context, actor itsm.Actor, id itsm.ID, r FanOut) (Incident, error) {
	return p.command(ctx, actor, id, ActionFanOut, r.Command, r, func(ctx context.Context, w *work) error {
		if err := w.authorize(ctx, PermissionFanOut); err != nil {
			return err
		}
		w.faults.Text("title", r.Title, MaxTitle, true)
		w.faults.Text("description", r.Description, MaxDescription, false)
		if r.Impact != 0 || r.Urgency != 0 {
			if _, err := p.o.Matrix.Of(orElse(r.Impact, p.o.Impact), orElse(r.Urgency, p.o.Urgency)); err != nil {
				w.faults.Merge("", err)
			}
		}
		if err := w.checkTenants(ctx, r.Tenants); err != nil {
			return err
		}
		if err := w.checkFanOut(ctx, fanOutRule); err != nil {
			return err
		}
		var added []CustomerIncident
		for _, tenant := range r.Tenants {
			reach, err := customerTable.Get(ctx, w.u, pairID(string(id), string(tenant)))
			switch {
			case errors.Is(err, itsm.ErrNotFound):
				reach = CustomerIncident{CustomerIncidentHead{Incident: id, Customer: tenant}, CustomerIncidentBody{Title: r.Title, Description: r.Description,
					Impact: r.Impact, Urgency: r.Urgency, Since: w.Version + 1}}
				reach.ID = pairID(string(id), string(tenant))
				added = append(added, reach)
			case err != nil:
				return err
			case reach.Withdrawn:
				w.faults.Addf("tenants", "have %s, from which it was withdrawn", tenant)
			}
		}
		if err := w.faults.Err(Kind); err != nil {
			return err
		}
		if len(added) == 0 {
			return nil
		}
		told := FannedOut{}
		for n := range added {
			told.Tenants = append(told.Tenants, added[n].Customer)
		}
		w.Customers += len(added)
		w.after = append(w.after, func(ctx context.Context) error {
			for n := range added {
				if err := w.putCustomer(ctx, &added[n], CustomerAdded{Incident: id}, "add"); err != nil {
					return err
				}
				if err := w.u.Schedule(ctx, jobOfCustomerIncident(&added[n], w.now)); err != nil {
					return err
				}
			}
			return nil
		})
		return w.move(told)
	})
}

// The rules of these actions. They stand beside besideRules, as they are for service providers alone.
var (
	fanOutRule   = beside{action: ActionFanOut, in: itsm.Category.Open, guard: unguarded}
	withdrawRule = beside{action: ActionWithdraw, in: anyCategory, guard: unguarded}
)

func (w *work) checkFanOut(ctx context.Context, b beside) error {
	w.action, w.to = b.action, w.State
	return w.checkBeside(ctx, b)
}

// Withdrawal says which customers an incident does not concern after all.
type Withdrawal struct {
	itsm.Command
	Tenants []storage.Tenant `json:"tenants"`
}

// Withdraw takes customers away from an incident: nothing more is told there, and what is still open there
// is cancelled. A tenant that does not have it is a fault. It takes "incident.fan_out".
func (p *Practice) Withdraw(ctx context.Context, actor itsm.Actor, id itsm.ID, r Withdrawal) (Incident, error) {
	return p.command(ctx, actor, id, ActionWithdraw, r.Command, r, func(ctx context.Context, w *work) error {
		if err := w.authorize(ctx, PermissionFanOut); err != nil {
			return err
		}
		w.checkTenantNames(r.Tenants)
		if err := w.checkFanOut(ctx, withdrawRule); err != nil {
			return err
		}
		var gone []CustomerIncident
		for n, tenant := range r.Tenants {
			reach, err := customerTable.Get(ctx, w.u, pairID(string(id), string(tenant)))
			switch {
			case errors.Is(err, itsm.ErrNotFound), err == nil && reach.Withdrawn:
				w.faults.Add(at("tenants", n), "does not have it")
			case err != nil:
				return err
			default:
				gone = append(gone, reach)
			}
		}
		if err := w.faults.Err(Kind); err != nil {
			return err
		}
		w.Customers -= len(gone)
		w.after = append(w.after, func(ctx context.Context) error {
			for n := range gone {
				gone[n].Withdrawn = true
				if err := w.putCustomer(ctx, &gone[n], CustomerWithdrawn{Incident: id}, "withdraw"); err != nil {
					return err
				}
				if err := w.u.Schedule(ctx, jobOfCustomerIncident(&gone[n], w.now)); err != nil {
					return err
				}
			}
			return nil
		})
		return w.move(Withdrawn{Tenants: slices.Clone(r.Tenants)})
	})
}

// putCustomer puts the record of a customer, and tells of it.
func (w *work) putCustomer(ctx context.Context, reach *CustomerIncident, payload itsm.Payload, action string) error {
	return putCustomer(ctx, w.u, reach, payload, action)
}

func putCustomer(ctx context.Context, u *engine.Unit, reach *CustomerIncident, payload itsm.Payload, action string) error {
	if err := customerTable.Put(ctx, u, reach); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: CustomerKind, Record: reach.ID, Action: action, Data: payload, Internal: true})
	return nil
}

// checkTenants notes the tenants to which an incident does not fan out.
func (w *work) checkTenants(ctx context.Context, tenants []storage.Tenant) error {
	if w.Restricted {
		w.faults.Add("tenants", "get no restricted incident")
	}
	if !w.checkTenantNames(tenants) {
		return nil
	}
	for n, tenant := range tenants {
		customer, permitted, err := w.p.customer(ctx, w.Tenant, tenant)
		if err != nil {
			return err
		}
		if !permitted {
			w.faults.Add(at("tenants", n), "is no customer of this tenant")
			continue
		}
		if customer.Requester == "" {
			w.faults.Add(at("tenants", n), "has no requester for whom to log it")
		}
	}
	return nil
}

// checkTenantNames notes what cannot be tenants, and says whether all can.
func (w *work) checkTenantNames(tenants []storage.Tenant) bool {
	before := len(w.faults.List())
	switch {
	case len(tenants) == 0:
		w.faults.Add("tenants", "is required")
	case len(tenants) > MaxTenants:
		w.faults.Addf("tenants", "are %d; at most %d are allowed at once", len(tenants), MaxTenants)
	default:
		for n, tenant := range tenants {
			w.faults.Key(at("tenants", n), string(tenant))
			switch {
			case slices.Contains(tenants[:n], tenant):
				w.faults.Add(at("tenants", n), "is named twice")
			case tenant == w.Tenant:
				w.faults.Add(at("tenants", n), "is the tenant itself")
			}
		}
	}
	return len(w.faults.List()) == before
}

// customer asks the host whether a tenant is a customer of a provider's.
func (p *Practice) customer(ctx context.Context, provider, tenant storage.Tenant) (Customer, bool, error) {
	if p.o.Customer == nil || provider == tenant {
		return Customer{}, false, nil
	}
	return p.o.Customer(ctx, provider, tenant)
}

// CustomerIncidents gives a page of the customers to which an incident has come, by the name of the tenant; after is
// the Next of the page before. It takes "incident.fan_out" on the incident.
func (p *Practice) CustomerIncidents(ctx context.Context, actor itsm.Actor, id itsm.ID, after storage.Cursor, limit int) (storage.Page[CustomerIncidentHead], error) {
	var page storage.Page[CustomerIncidentHead]
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		i, err := p.find(ctx, r, actor, id)
		if err != nil {
			return err
		}
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionFanOut, i.Subject()); err != nil {
			return err
		}
		page, err = customerTable.List(ctx, r, storage.Query[CustomerIncidentHead]{Where: customerByIncident.Is(id),
			Order: []storage.Order{customerByCustomer.Asc()}, After: after, Limit: limit})
		return err
	})
	return page, err
}

// jobOfCustomerIncident is the job that brings one customer's incident to where it must be. The next replaces it, so
// that however much happens it catches up once.
func jobOfCustomerIncident(h *CustomerIncident, due time.Time) engine.Task {
	return jobOfCustomer(h.ID, due)
}

func jobOfCustomer(id itsm.ID, due time.Time) engine.Task {
	return engine.Task{Kind: jobFanOut, Key: string(id), Subject: CustomerKind + "/" + string(id), Due: due}
}

// spread schedules what the customers of an incident are to learn: one job here, and by it one for each.
func (w *work) spread() {
	if w.Customers == 0 {
		return
	}
	w.after = append(w.after, func(ctx context.Context) error { return w.u.Schedule(ctx, jobOf(jobSpread, w.ID, w.now)) })
}

// customersAtOnce is how many customers' jobs one job schedules before it makes way for others.
const customersAtOnce = 200

// spreadOut is the job that schedules those of the customers of an incident, some at a time.
func (p *Practice) spreadOut(ctx context.Context, u *engine.Unit, due engine.Due, after storage.Cursor) error {
	page, err := customerTable.List(ctx, u, storage.Query[CustomerIncidentHead]{Where: customerByIncident.Is(itsm.ID(due.Key)),
		Order: []storage.Order{customerByCustomer.Asc()}, After: after, Limit: customersAtOnce})
	if err != nil {
		return err
	}
	for _, h := range page.Items {
		if !h.Withdrawn {
			if err := u.Schedule(ctx, jobOfCustomer(h.ID, u.Now())); err != nil {
				return err
			}
		}
	}
	if page.Next == "" {
		return nil
	}
	next := jobOf(jobSpread, itsm.ID(due.Key), u.Now())
	next.Payload = page.Next
	return u.Schedule(ctx, next)
}

// news is what a customer's incident has to be told.
type news struct {
	reach    CustomerIncident
	updates  []customerUpdate
	from, to int64 // the versions after and up to which these are the updates
	more     bool
	unsaid   bool // the customer's side refuses what is new: it is taken as told
	silent   bool // it is restricted: nothing is told of it
	customer Customer
	resolved time.Time // when the provider's incident was resolved, zero where that is not to be told
	outcome  Outcome
	ends     bool // it is to be cancelled where it is open
}

// customerUpdate is an update with the version of the incident with which it was written.
type customerUpdate struct {
	version int64
	text    string
}

// steps are what is new, one after the other: that the incident is there, the updates of each version, and
// what became of it.
func (n *news) steps() []*news {
	next := func(to int64, updates []customerUpdate) *news {
		return &news{reach: n.reach, customer: n.customer, silent: n.silent, from: n.from, to: to, updates: updates}
	}
	steps := []*news{next(n.from, nil)}
	last := steps[0]
	for _, up := range n.updates {
		if up.version != last.to || len(last.updates) == 0 {
			step := next(up.version, nil)
			step.from = last.to
			steps, last = append(steps, step), step
		}
		last.updates = append(last.updates, up)
	}
	end := *n
	end.from, end.updates = last.to, nil
	if n.ends {
		return []*news{&end}
	}
	return append(steps, &end)
}

// fanOut is the job that brings one customer's incident to where it must be. It reads the provider's tenant,
// changes the customer's in one unit, and writes down here what became of it. However often and from
// wherever it is run again, it goes on from what the customer's side says that it was told.
func (p *Practice) fanOut(ctx context.Context, e *engine.Engine, due engine.Due, _ struct{}) error {
	on := &Practice{e: e, settings: p.settings}
	here := itsm.SystemActor(due.Tenant, jobFanOut)
	for {
		n, err := on.news(ctx, here, itsm.ID(due.Key))
		if err != nil || n == nil {
			return err
		}
		there := itsm.SystemActor(n.reach.Customer, jobFanOut)
		child, err := on.tell(ctx, there, due.Tenant, n)
		if refusedByState(err) {
			// Something on the customer's side, such as a trigger, refuses what would come of it all. Each step
			// is then taken by itself, and those that are refused are passed over.
			for _, step := range n.steps() {
				if child, err = on.tell(ctx, there, due.Tenant, step); refusedByState(err) {
					step.unsaid = true
					child, err = on.tell(ctx, there, due.Tenant, step)
				}
				if err != nil {
					return err
				}
				n.more = n.more || step.more
			}
		}
		if err != nil || child.ID == "" {
			return err
		}
		if err := on.learn(ctx, here, there, n.reach.ID, child.ID); err != nil {
			return err
		}
		if !n.more {
			return nil
		}
	}
}

// tell is tellCustomer in a unit of the customer's tenant.
func (p *Practice) tell(ctx context.Context, there itsm.Actor, provider storage.Tenant, n *news) (Incident, error) {
	var child Incident
	err := p.e.Update(ctx, there, func(ctx context.Context, u *engine.Unit) error {
		var err error
		child, err = p.In(u.Store()).tellCustomer(ctx, u, provider, n)
		return err
	})
	return child, err
}

// news reads what a customer is to learn; nil is nothing.
func (p *Practice) news(ctx context.Context, here itsm.Actor, id itsm.ID) (*news, error) {
	n := &news{}
	err := p.e.View(ctx, here, func(ctx context.Context, r storage.Reader) error {
		var err error
		n.reach, err = customerTable.Get(ctx, r, id)
		return err
	})
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var permitted bool
	if n.customer, permitted, err = p.customer(ctx, here.Tenant, n.reach.Customer); err != nil || !permitted {
		return nil, err // who is no customer any more has what it has, and learns nothing
	}
	n.from = n.reach.Since
	err = p.e.View(ctx, itsm.SystemActor(n.reach.Customer, jobFanOut), func(ctx context.Context, r storage.Reader) error {
		o, err := originTable.Get(ctx, r, originID(here.Tenant, n.reach.Incident))
		if err == nil {
			n.from = o.Told
		}
		return ifThere(err)
	})
	if err != nil {
		return nil, err
	}
	begun := *n
	err = p.e.View(ctx, here, func(ctx context.Context, r storage.Reader) error {
		*n = begun
		i, err := p.table.Get(ctx, r, n.reach.Incident)
		if err != nil {
			return err
		}
		if n.customer.Category == "" {
			n.customer.Category, n.customer.Subcategory = i.Category, i.Subcategory
		}
		n.customer.Service = orElse(n.customer.Service, i.Service)
		category, _ := p.o.Lifecycle.Category(i.State)
		n.ends = n.reach.Withdrawn || category == itsm.CategoryCancelled
		n.to, n.updates, n.silent = n.from, nil, i.Restricted
		if n.silent || n.ends {
			return nil
		}
		if p.o.Children == ChildrenResolve && (category == itsm.CategoryResolved || category == itsm.CategoryClosed) {
			n.resolved, n.outcome = i.ResolvedAt, i.Resolution
			if i.silenced(i.ResolutionVersion) {
				n.outcome.Notes = notesOfProvider
			}
		}
		if p.o.Updates != UpdatesTell {
			n.to = i.Version
			return nil
		}
		const atOnce = 100
		after := max(n.from, i.SilentUntil)
		events, err := p.e.History(ctx, r, storage.EventQuery{Kind: Kind, Record: i.ID, Types: []string{Noted{}.EventType()},
			After: storage.EventPosition{Tenant: i.Tenant, Kind: Kind, Record: i.ID, Version: after, N: maxEvent}, Limit: atOnce})
		if err != nil {
			return err
		}
		if n.to = i.Version; len(events) == atOnce {
			// A version may have several; those of the last one are read again with the next page.
			last := events[len(events)-1].Version
			n.to, n.more = last-1, true
			events = slices.DeleteFunc(events, func(e itsm.Event) bool { return e.Version == last })
		}
		for _, e := range events {
			noted, ok := e.Data.(Noted)
			if !ok || noted.Visibility != itsm.VisibilityPublic {
				continue
			}
			note, err := engine.NoteTable.Get(ctx, r, noted.Note)
			if err != nil {
				return err
			}
			n.updates = append(n.updates, customerUpdate{e.Version, note.Text})
		}
		return nil
	})
	return n, err
}

// maxEvent is more than the events of one version of a record.
const maxEvent = 1 << 30

func originID(provider storage.Tenant, incident itsm.ID) itsm.ID {
	return pairID(string(provider), string(incident))
}

// notesOfProvider are the notes of a customer's incident where those of the provider's are not for it.
const notesOfProvider = "Resolved by the service provider."

// withdrawn is what a customer reads of an incident that does not concern it after all.
const withdrawn = "Withdrawn by the service provider."

// tellCustomer changes the customer's incident, in a unit of the customer's tenant: it is logged where it
// is not there yet, told what is new, resolved or ended. It gives no incident where there is none to be.
func (p *Practice) tellCustomer(ctx context.Context, u *engine.Unit, provider storage.Tenant, n *news) (Incident, error) {
	o, err := originTable.Get(ctx, u.Quiet(), originID(provider, n.reach.Incident))
	first := isNotFound(err)
	switch {
	case err != nil && !first:
		return Incident{}, err
	case first && (n.ends || n.silent):
		return Incident{}, nil
	case first:
		child, err := p.logFor(ctx, u, n)
		if err != nil {
			return Incident{}, err
		}
		o = origin{originHead{Child: child.ID}, originBody{Provider: provider, Incident: n.reach.Incident, Told: n.reach.Since}}
		o.ID, o.Created = originID(provider, n.reach.Incident), u.Now()
	}
	was := o.originBody
	switch {
	case n.ends:
		// What the customer made its own by merging the child into it is the customer's to end.
		if !o.Ended && !o.Adopted && !n.unsaid {
			_, err := p.command(ctx, u.Actor(), o.Child, ActionCancel, itsm.Command{Reason: withdrawn}, nil, func(ctx context.Context, w *work) error {
				w.CancelReason = withdrawn
				return w.fire(ctx, ActionCancel, Cancelled{})
			})
			if err != nil && !leftToPeople(err) {
				return Incident{}, err
			}
		}
		o.Ended = true
	case n.silent:
	case n.from != o.Told:
		n.more = true // another has told it meanwhile; look again
	default:
		if n.to > o.Told {
			for _, up := range n.updates {
				if n.unsaid {
					break
				}
				_, err := p.command(ctx, u.Actor(), o.Child, ActionNote, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
					if !w.Open {
						return nil
					}
					w.Note, w.Public, w.relays = up.text, true, true
					return w.note(ctx, "")
				})
				if err != nil && !leftToPeople(err) {
					return Incident{}, err
				}
			}
			o.Told = n.to
		}
		if !n.resolved.IsZero() && !n.resolved.Equal(o.Resolved) && !n.more {
			if !n.unsaid {
				_, err := p.command(ctx, u.Actor(), o.Child, ActionResolve, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
					return w.resolve(ctx, Resolved{Code: n.outcome.Code}, n.outcome.Notes)
				})
				if err != nil && !leftToPeople(err) {
					return Incident{}, err
				}
			}
			o.Resolved = n.resolved
		}
	}
	if first || o.originBody != was {
		o.Updated = u.Now()
		if err := originTable.Put(ctx, u.Quiet(), &o); err != nil {
			return Incident{}, err
		}
	}
	return p.table.Get(ctx, u, o.Child)
}

// leftToPeople says whether an incident's own guards and needs keep it as it is.
func leftToPeople(err error) bool { return refusedByState(err) || errors.Is(err, itsm.ErrInvalid) }

// logFor logs the incident of a customer. It has what the provider said for its customers, and nothing
// else of the provider's.
func (p *Practice) logFor(ctx context.Context, u *engine.Unit, n *news) (Incident, error) {
	r := Report{Title: n.reach.Title, Description: n.reach.Description, Requester: n.customer.Requester, Group: n.customer.Group,
		Service: n.customer.Service, Category: n.customer.Category, Subcategory: n.customer.Subcategory, Impact: n.reach.Impact, Urgency: n.reach.Urgency}
	var out Incident
	w := p.workOn(u, r.incident(u.Now()))
	w.internal, w.Provided = true, true
	w.classify()
	w.checkNew()
	err := w.create(ctx, func() itsm.Payload { return Logged{Number: w.Number, Priority: w.Priority} },
		func(context.Context) error { return nil })
	if err == nil && r.Group != "" && p.o.Lifecycle.Has(w.State, ActionAssign) {
		w.Was = w.Incident
		err = w.fire(ctx, ActionAssign, Assigned{Group: w.Group})
		w.Was = Incident{}
	}
	if err == nil {
		out, err = w.finish(ctx)
	}
	return out, err
}

// tellProvider schedules that the provider learns what became of its customer's incident.
func (w *work) tellProvider() {
	if !w.Provided || w.actor.System && w.actor.Name == jobFanOut { // which looks itself
		return
	}
	w.after = append(w.after, func(ctx context.Context) error { return w.u.Schedule(ctx, jobOf(jobFacts, w.ID, w.now)) })
}

// errProvider is what a customer's job says when the provider could not be told: whose job it is must not
// read there what is the provider's.
var errProvider = errors.New("the service provider could not be told")

// tellFacts is the job that brings what became of a customer's incident to its provider, as facts: no word
// of the customer goes with them.
func (p *Practice) tellFacts(ctx context.Context, e *engine.Engine, due engine.Due, _ struct{}) error {
	on := &Practice{e: e, settings: p.settings}
	there := itsm.SystemActor(due.Tenant, jobFacts)
	var origins []origin
	err := e.View(ctx, there, func(ctx context.Context, r storage.Reader) error {
		var err error
		origins, err = originsOf(ctx, r, itsm.ID(due.Key))
		return err
	})
	if err != nil {
		return err
	}
	for _, o := range origins {
		_, permitted, err := p.customer(ctx, o.Provider, due.Tenant)
		if err == nil && permitted {
			err = on.learn(ctx, itsm.SystemActor(o.Provider, jobFacts), there, pairID(string(o.Incident), string(due.Tenant)), o.Child)
		}
		if err != nil {
			return errProvider
		}
	}
	return nil
}

// originsOf gives from where an incident of a customer comes: mostly from one, and from several where the
// customer merged them.
func originsOf(ctx context.Context, r storage.Reader, child itsm.ID) ([]origin, error) {
	page, err := originTable.Records(ctx, r, storage.Query[originHead]{Where: originByChild.Is(child), Limit: storage.MaxPage})
	return page.Items, err
}

// adopt lets an incident of a customer take the place of one that came from a provider.
func (w *work) adopt(ctx context.Context, duplicate *work) error {
	origins, err := originsOf(ctx, w.u.Quiet(), duplicate.ID)
	if err != nil {
		return err
	}
	for _, o := range origins {
		o.Child, o.Adopted, o.Updated = w.ID, true, w.now
		if err := originTable.Put(ctx, w.u.Quiet(), &o); err != nil {
			return err
		}
	}
	return nil
}

// learn writes down what became of a customer's incident.
func (p *Practice) learn(ctx context.Context, here, there itsm.Actor, reach, child itsm.ID) error {
	var now CustomerIncidentHead
	var version int64
	err := p.e.View(ctx, there, func(ctx context.Context, r storage.Reader) error {
		i, err := p.table.Get(ctx, r, child)
		if err != nil {
			return err
		}
		version = i.Version
		category, _ := p.o.Lifecycle.Category(i.State)
		now = CustomerIncidentHead{Child: child, State: i.State, Category: category, Reopens: int64(i.Reopens), Affected: 1}
		for _, relation := range []itsm.LinkType{itsm.LinkParentOf, itsm.LinkDuplicatedBy} {
			others, err := countRelatives(ctx, r, child, relation)
			if err != nil {
				return err
			}
			now.Affected += others
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.e.Update(ctx, here, func(ctx context.Context, u *engine.Unit) error {
		r, err := customerTable.Get(ctx, u, reach)
		if err != nil {
			return ifThere(err)
		}
		if version < r.Seen && r.Child == child {
			return nil // another was faster, and knew more
		}
		was := r.CustomerIncidentHead
		r.Seen = version
		r.Child, r.State, r.Category, r.Reopens, r.Affected = now.Child, now.State, now.Category, now.Reopens, now.Affected
		if r.Child == was.Child && r.State == was.State && r.Reopens == was.Reopens && r.Affected == was.Affected {
			return nil
		}
		return putCustomer(ctx, u, &r, CustomerAnswered{Incident: r.Incident, State: r.State, Category: r.Category,
			Reopens: r.Reopens, Affected: r.Affected}, strings.TrimPrefix(here.Name, Kind+"."))
	})
}
