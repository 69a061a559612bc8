// This file holds the assessment of a record when it is logged: what its agreements make of it, kept with the record, and
// what it takes of a block.

package sla

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// EntitlementKind is the kind of record that an assessment is: the name of its table.
const EntitlementKind = "sla_entitlement"

// Assessment is what was found when a record was logged, and what the record has taken of a block since. A record has one at
// most. The verdict is not changed by what happens later. Its JSON form is one flat object.
type Assessment struct {
	AssessmentHead
	AssessmentBody
}

// AssessmentHead names the record and what was found of it. Created is when.
type AssessmentHead struct {
	storage.Meta
	// SubjectKind and Subject name the record.
	SubjectKind string  `json:"subject_kind"`
	Subject     itsm.ID `json:"subject"`
	Verdict     Verdict `json:"verdict"`
	// Agreement and AgreementVersion are those whose verdict it is, empty where there was none.
	Agreement        string  `json:"agreement,omitempty"`
	AgreementVersion itsm.ID `json:"agreement_version,omitempty"`
	// Customer is that of [Finding].
	Customer string `json:"customer,omitempty"`
}

// AssessmentBody is the rest of an assessment.
type AssessmentBody struct {
	AgreementNumber int64 `json:"agreement_number,omitempty"`
	// Calendars are the versions by which the hours were told.
	Calendars []Pin  `json:"calendars,omitempty"`
	Reason    string `json:"reason"`
	// Unit is what the block is counted in, where the agreement would cover the record but for it.
	Unit Unit `json:"unit,omitempty"`
	// Taken is what the record has of blocks now, in the order in which it first took of each. It is for those who have
	// [PermissionRead].
	Taken []Taken `json:"taken,omitempty"`
}

// Taken is what a record has of one block.
type Taken struct {
	Period string          `json:"period"`
	Units  decimal.Decimal `json:"units"`
	// Overdrawn is what was not left in the block when it was wanted: it is no part of Units.
	Overdrawn decimal.Decimal `json:"overdrawn"`
}

// SubjectRef names the record that was assessed.
func (h *AssessmentHead) SubjectRef() itsm.Ref { return itsm.Ref{Kind: h.SubjectKind, ID: h.Subject} }

// toldOfAssessments are the fields whose values the log tells when they change; the rest is told by the events.
var toldOfAssessments = []string{"verdict", "agreement", "agreement_version", "agreement_number"}

var assessmentTable = storage.Define(EntitlementKind, storage.Def[Assessment, AssessmentHead, AssessmentBody]{
	Parts: func(a *Assessment) (*AssessmentHead, *AssessmentBody) { return &a.AssessmentHead, &a.AssessmentBody },
	Columns: []storage.ColumnOf[AssessmentHead]{
		storage.Col("subject_kind", func(h *AssessmentHead) *string { return &h.SubjectKind }),
		storage.Col("subject", func(h *AssessmentHead) *itsm.ID { return &h.Subject }),
		storage.Col("verdict", func(h *AssessmentHead) *Verdict { return &h.Verdict }),
		storage.Col("agreement", func(h *AssessmentHead) *string { return &h.Agreement }),
		storage.Col("agreement_version", func(h *AssessmentHead) *itsm.ID { return &h.AgreementVersion }),
		storage.Col("customer", func(h *AssessmentHead) *string { return &h.Customer }),
	},
})

// assessmentID is the one id that the assessment of a record can have.
func assessmentID(subject itsm.Ref) itsm.ID {
	return itsm.ID(idPrefix(subject)) + idOf(subject.Kind, string(subject.ID))[:16]
}

// NotEntitledError says why a record was not logged: the verdict is one of [Options].Refuse. It is ErrInvalid.
type NotEntitledError struct {
	// Kind is the kind of record.
	Kind string
	Finding
}

func (e *NotEntitledError) Error() string {
	return fmt.Sprintf("%s is not logged: %s: %s", e.Kind, e.Verdict, e.Reason)
}

// Is makes every NotEntitledError ErrInvalid.
func (e *NotEntitledError) Is(target error) bool { return target == itsm.ErrInvalid }

// leftOf says how much a block still has.
type leftOf func(e *entitled, period string) (decimal.Decimal, error)

// judge gives the best that the agreements of a record make of it, with the agreement. Of equal ones it is that which is preferred.
// With each it asks all agreements and tells of each; else it stops at the first that covers.
func (c *coverage) judge(kind string, get func(name string) any, at time.Time, left leftOf, each func(Finding)) (Finding, *entitled, error) {
	best := Finding{Verdict: NoAgreement, Reason: "no agreement is with everyone for " + kind + ", and no customer is known"}
	if name := c.customer(get); name != "" {
		best.Reason = faultText("no agreement is with " + name + " for " + kind)
		if checkCustomer(name) == nil {
			best.Customer = name
		}
	}
	var by *entitled
	for _, e := range c.of(func(by string) string { name, _ := get(by).(string); return name }) {
		found, err := e.assess(get, at, left)
		if err != nil {
			return best, nil, err
		}
		if each != nil {
			each(found)
		}
		if slices.Index(Verdicts(), found.Verdict) < slices.Index(Verdicts(), best.Verdict) {
			best, by = found, e
		}
		if best.Verdict == Covered && each == nil {
			break
		}
	}
	return best, by, nil
}

// entitle has the entitlements of a kind of record follow an event: with the first the record is assessed, an end gives back, and
// work takes. The first may be an end or tell of work, too.
func (f *follower) entitle(ctx context.Context, ref itsm.Ref, holds *current) error {
	if _, ever := holds.Coverage[ref.Kind]; !ever {
		return nil
	}
	if f.first {
		if f.covers == nil {
			return nil
		}
		if err := f.assess(ctx, ref); err != nil {
			return err
		}
	}
	ended, err := f.ended(ctx)
	if err != nil {
		return err
	}
	var worked time.Duration
	if f.k.Worked != nil && !ended {
		worked = f.k.Worked(*f.e)
	}
	if !ended && worked == 0 {
		return nil
	}
	a, err := assessmentTable.Get(ctx, f.u, assessmentID(ref))
	switch {
	case isNotFound(err):
		return nil
	case err != nil:
		return err
	case ended:
		return f.p.giveBack(ctx, f.u, &a)
	case a.Unit != UnitMinutes:
		return nil
	}
	minutes := decimal.NewFromInt(int64(worked)).DivRound(decimal.NewFromInt(int64(time.Minute)), 9)
	return f.p.draw(ctx, f.u, &a, minutes)
}

// ended says whether the event is the end of a record that comes to nothing: it was cancelled, or deleted.
func (f *follower) ended(ctx context.Context) (bool, error) {
	if isDeletion(f.e) || f.e.ToCategory != "" || f.k.Category == nil {
		return isDeletion(f.e) || f.e.ToCategory == itsm.CategoryCancelled && f.e.FromCategory != itsm.CategoryCancelled, nil
	}
	if err := f.look(ctx); err != nil {
		return false, err
	}
	return f.now.category == itsm.CategoryCancelled && f.before != itsm.CategoryCancelled, nil
}

// assess keeps what the agreements make of a record that is logged, and takes of the block, or refuses the record.
func (f *follower) assess(ctx context.Context, ref itsm.Ref) error {
	if err := f.look(ctx); err != nil {
		return err
	}
	var facts Facts
	if len(f.covers.facts) > 0 {
		var err error
		if facts, err = f.ask(ctx, nil); err != nil {
			return err
		}
	}
	get := func(name string) any {
		if v, known := facts[name]; known {
			return v
		}
		return f.now.values[name]
	}
	balances := map[*entitled]*balance{}
	found, by, err := f.covers.judge(ref.Kind, get, f.e.At, func(e *entitled, period string) (decimal.Decimal, error) {
		unit, r := e.agreement.Entitlement.Block.Unit, storage.Reader(f.u)
		if unit == UnitMinutes {
			r = f.u.Quiet() // to be logged takes none of them, and so need not wait for who does
		}
		b, err := readBalance(ctx, r, e.pin.Name, unit, period)
		if err != nil {
			return decimal.Zero, err
		}
		balances[e] = b
		return b.left(e.paidFor(period)), nil
	}, nil)
	if err != nil {
		return err
	}
	if slices.Contains(f.p.refuse, found.Verdict) {
		return &NotEntitledError{Kind: ref.Kind, Finding: found}
	}
	a := Assessment{
		AssessmentHead: AssessmentHead{SubjectKind: ref.Kind, Subject: ref.ID, Verdict: found.Verdict, Customer: found.Customer,
			Agreement: found.Agreement.Name, AgreementVersion: found.Agreement.Version},
		AssessmentBody: AssessmentBody{AgreementNumber: found.Agreement.Number, Reason: found.Reason, Unit: found.Unit},
	}
	a.ID = assessmentID(ref)
	if by != nil {
		a.Calendars = by.calendars
	}
	if found.Takes.Sign() > 0 {
		if err := balances[by].add(ctx, f.u, found.Takes, decimal.Zero); err != nil {
			return err
		}
		a.Taken = []Taken{{Period: found.Period, Units: found.Takes}}
	}
	if err := assessmentTable.Put(ctx, f.u, &a); err != nil {
		return err
	}
	f.u.Emit(itsm.Event{Kind: EntitlementKind, Record: a.ID, Action: "assess", Data: Assessed{Subject: ref, Finding: found}})
	return nil
}

// readAssessment reads the assessment of a record that the actor may read. Where there is none it is ErrNotFound.
func (p *Practice) readAssessment(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) (a Assessment, k *readers, err error) {
	if k, err = p.readers(ctx, r, actor); err != nil {
		return a, k, err
	}
	may, err := k.record(ctx, ref)
	if err == nil && !may {
		err = &storage.Error{Op: "get", Table: EntitlementKind, ID: assessmentID(ref), Err: storage.ErrNotFound}
	}
	if err != nil {
		return a, k, err
	}
	a, err = assessmentTable.Get(ctx, r, assessmentID(ref))
	return a, k, err
}

// shownAssessment is an assessment as the actor may see it.
func (k *readers) shownAssessment(a Assessment) Assessment {
	if !k.internal && !k.actor.System {
		a.Taken = nil // it tells how long was worked
	}
	return a
}

// EntitlementOf gives what was found when a record was logged. Who may read the record may ask; what it took of blocks is for those
// who have [PermissionRead]. A record that was not assessed, and one that the actor may not read, is ErrNotFound.
func (p *Practice) EntitlementOf(ctx context.Context, actor itsm.Actor, ref itsm.Ref) (a Assessment, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		found, k, err := p.readAssessment(ctx, r, actor, ref)
		if err == nil {
			a = k.shownAssessment(found)
		}
		return err
	})
	return a, err
}

// Question is a record that might be logged.
type Question struct {
	// Kind is the kind of record.
	Kind string `json:"kind"`
	// Customer is the record's customer, however agreements tell it; what Values say of that stands before it.
	Customer string `json:"customer,omitempty"`
	// Values are the columns, fields and facts of the record by their names, as far as they are known: string, [itsm.ID], int, int64,
	// bool, or [time.Time].
	Values map[string]any `json:"values,omitempty"`
	// At is when it would be logged; zero is now.
	At time.Time `json:"at,omitzero"`
}

// Answer is what logging a record would give.
type Answer struct {
	Finding
	// Considered is what each agreement makes of it that might cover the record, the one that is preferred first.
	Considered []Finding `json:"considered,omitempty"`
}

// Entitled says what would be found if a record were logged, by what is in force and left of blocks now. Nothing is taken, and nothing refused.
// It takes [PermissionRead].
func (p *Practice) Entitled(ctx context.Context, actor itsm.Actor, q Question) (answer Answer, err error) {
	err = p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		answer = Answer{}
		if err := p.permitted(ctx, actor, PermissionRead); err != nil {
			return err
		}
		k := p.kinds[q.Kind]
		if k == nil {
			return itsm.Invalid("entitlement", "kind", clip(q.Kind)+" is not followed")
		}
		var f itsm.Faults
		values := k.values(q.Values, &f)
		f.Text("customer", q.Customer, storage.MaxText, false)
		if err := f.Err("entitlement"); err != nil {
			return err
		}
		at := storage.Instant(q.At)
		if q.At.IsZero() {
			at = storage.Instant(p.e.Now())
		}
		holds, _, err := p.holding(ctx, r)
		if err != nil {
			return err
		}
		c := &coverage{}
		if id := holds.Coverage[q.Kind]; id != "" {
			if c, err = p.coverageOf(ctx, r, q.Kind, id); err != nil {
				return err
			}
		}
		get := func(name string) any {
			if v := values[name]; v != nil {
				return v
			}
			if _, by := c.customers[name]; by && q.Customer != "" {
				return q.Customer
			}
			return nil
		}
		answer.Finding, _, err = c.judge(q.Kind, get, at, func(e *entitled, period string) (decimal.Decimal, error) {
			b, err := readBalance(ctx, r, e.pin.Name, e.agreement.Entitlement.Block.Unit, period)
			if err != nil {
				return decimal.Zero, err
			}
			return b.left(e.paidFor(period)), nil
		}, func(found Finding) { answer.Considered = append(answer.Considered, found) })
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	return answer, nil
}

// values gives values as conditions compare them, and notes those that records of the kind do not have.
func (k *speech) values(given map[string]any, f *itsm.Faults) map[string]any {
	values := make(map[string]any, len(given))
	for _, name := range sortedKeys(given) {
		kind, known := k.terms[name]
		if !known || isEvent(name) {
			f.Addf("values", "%q is no column, field or fact of %s", clip(name), k.Schema.Name())
			continue
		}
		ok := false
		switch x := given[name].(type) {
		case nil:
			ok = true
		case string:
			values[name], ok = x, kind == storage.Text
		case itsm.ID:
			values[name], ok = string(x), kind == storage.Text
		case int:
			values[name], ok = int64(x), kind == storage.Int
		case int64:
			values[name], ok = x, kind == storage.Int || kind == storage.Time
		case bool:
			values[name], ok = x, kind == storage.Bool
		case time.Time:
			values[name], ok = storage.Instant(x).UnixMicro(), kind == storage.Time
		}
		if !ok {
			f.Addf("values."+clip(name), "takes %s values, not %T", kind, given[name])
		}
	}
	return values
}
