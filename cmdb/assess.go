// This file holds how it is computed and corrected what a record of another practice impacts.

package cmdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// jobAssess computes anew what a record impacts.
const jobAssess = "ci.assess"

// assessJob says of which record.
type assessJob struct {
	Of itsm.Ref `json:"of"`
}

// LinkChanged is for the reactions to the events of whoever links records: where the link is one of itsm.LinkAffects from a record to
// a CI, seen from either end, made or ended, it has computed what the record impacts when the unit has committed. Any other link is
// nothing to it.
//
// It is a job, and not done in the unit itself, because it reads the graph in memory: in a unit that could mean to load the graph for
// that one unit, while whoever links waits. Many links of a record at once are one job.
func (p *Practice) LinkChanged(ctx context.Context, u *engine.Unit, l itsm.Link) error {
	if l.Type == itsm.LinkAffectedBy {
		l = l.Inverse()
	}
	if l.Type != itsm.LinkAffects || l.To.Kind != Kind {
		return nil
	}
	return scheduleAssess(ctx, u, l.From)
}

func scheduleAssess(ctx context.Context, u *engine.Unit, of itsm.Ref) error {
	id := string(assessmentID(of))
	return u.Schedule(ctx, engine.Task{Kind: jobAssess, Key: id, Subject: KindAssessment + "/" + id, Due: u.Now(), Payload: assessJob{of}})
}

// assessDue computes in the name of the practice. A record that is gone by now needs it no more.
func (p *Practice) assessDue(ctx context.Context, e *engine.Engine, due engine.Due, job assessJob) error {
	err := p.assessing(ctx, itsm.SystemActor(due.Tenant, jobAssess), func(s *state) error {
		return e.Update(ctx, itsm.SystemActor(due.Tenant, jobAssess), func(ctx context.Context, u *engine.Unit) error {
			a, err := p.assessment(ctx, u, job.Of)
			if err != nil {
				return err
			}
			_, err = p.assess(ctx, u, s, a, false, nil)
			return err
		})
	})
	if isNotFound(err) {
		return nil
	}
	return err
}

// behindError says that a graph is older than the one that an assessment was computed on.
type behindError struct{ revision int64 }

func (e *behindError) Error() string {
	return fmt.Sprintf("the assessment was computed on revision %d of the graph", e.revision)
}

// assessing runs fn with the tenant's whole graph, and again with one that is as new as it asks for.
func (p *Practice) assessing(ctx context.Context, actor itsm.Actor, fn func(*state) error) error {
	var atLeast int64
	for {
		// Everyone's impact is computed on the whole graph: what of it is told to whom is asked when it is read.
		s, err := p.graph(ctx, itsm.SystemActor(actor.Tenant, jobAssess), atLeast, nil)
		if err != nil {
			return err
		}
		var behind *behindError
		if err = fn(s); !errors.As(err, &behind) {
			return err
		}
		atLeast = behind.revision
	}
}

// assessment reads the assessment of a record in a unit, which keeps others from changing it; one without a version where there is
// none yet.
func (p *Practice) assessment(ctx context.Context, u *engine.Unit, of itsm.Ref) (Assessment, error) {
	id := assessmentID(of)
	if err := u.Lock(ctx, KindAssessment+"/"+string(id)); err != nil {
		return Assessment{}, err
	}
	a, err := AssessmentTable.Get(ctx, u, id)
	if isNotFound(err) {
		return Assessment{AssessmentHead: AssessmentHead{Meta: storage.Meta{ID: id}, RecordKind: of.Kind, Record: of.ID}}, nil
	}
	return a, err
}

// assessed is what is computed of one CI.
type assessed struct {
	NamedCI
	service, named bool
	round          int
}

// assessImpact is what the failure of CIs impacts: the one function for records of every kind, so that the same CIs impact the same
// whether an incident or a change names them. Services stand first, then the worst, then the nearest. CIs that are not in the graph, as
// retired ones, are told and pass nothing on.
func assessImpact(s *state, isService func(string) bool, named []NamedCI) ([]assessed, error) {
	of := func(id itsm.ID) bool {
		h, _ := s.known.head(string(id))
		return isService(h.Class)
	}
	at := map[string]int{}
	var all []assessed
	var failures []impact.Failure
	for _, n := range named {
		at[string(n.CI)] = len(all)
		all = append(all, assessed{NamedCI: n, service: of(n.CI), named: true})
		if s.snapshot.Has(string(n.CI)) {
			f := impact.Failure{ID: string(n.CI), State: impact.Down}
			if n.Severity == SeverityDegraded {
				f.State = impact.Degraded
			}
			failures = append(failures, f)
		}
	}
	if len(failures) > 0 {
		result, err := s.snapshot.Impact(failures, impact.Options{})
		if err != nil {
			return nil, err
		}
		for i := range result.All() {
			severity := severityOf(i.State)
			if n, is := at[i.ID]; is {
				if severity.rank() > all[n].Severity.rank() {
					all[n].Severity = severity
				}
				continue
			}
			all = append(all, assessed{NamedCI: NamedCI{itsm.ID(i.ID), severity}, service: of(itsm.ID(i.ID)), round: i.Round})
		}
	}
	slices.SortFunc(all, func(a, b assessed) int {
		if a.service != b.service {
			if a.service {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Severity.rank(), a.Severity.rank()), cmp.Compare(a.round, b.round), strings.Compare(string(a.CI), string(b.CI)))
	})
	return all, nil
}

// services says which classes are services.
func (p *Practice) services(model *schema.Compiled) func(class string) bool {
	of := p.o.Services
	if len(of) == 0 {
		of = DefaultServices()
	}
	return func(class string) bool {
		return slices.ContainsFunc(of, func(ancestor string) bool { return model.Is(class, ancestor) })
	}
}

func byCI(a, b NamedCI) int { return strings.Compare(string(a.CI), string(b.CI)) }

// namedBy gives the CIs that a record names, by link or by command, in the order of their ids. What the command says of one counts.
func namedBy(ctx context.Context, r storage.Reader, a *Assessment) ([]NamedCI, error) {
	links, err := engine.Links(ctx, r, a.Of())
	if err != nil {
		return nil, err
	}
	all := slices.Clone(a.Named)
	for _, l := range links {
		if l.Type != itsm.LinkAffects || l.To.Kind != Kind {
			continue
		}
		if !slices.ContainsFunc(all, func(n NamedCI) bool { return n.CI == l.To.ID }) {
			all = append(all, NamedCI{l.To.ID, SeverityDown})
		}
	}
	slices.SortFunc(all, byCI)
	return all, nil
}

// assess computes an assessment anew on a graph, and puts what changed. Always has it put where nothing is named and nothing ever was;
// name says what else is done to it before.
func (p *Practice) assess(ctx context.Context, u *engine.Unit, s *state, a Assessment, always bool, name func(*Assessment)) (Assessment, error) {
	if s.revision < a.Revision {
		return Assessment{}, &behindError{a.Revision}
	}
	model, err := p.ready.Of(ctx, u, "")
	if err != nil {
		return Assessment{}, err
	}
	was := a
	if name != nil {
		name(&a)
	}
	named, err := namedBy(ctx, u, &a)
	if err != nil {
		return Assessment{}, err
	}
	if len(named) == 0 && a.Version == 0 && !always {
		return a, nil
	}
	all, err := assessImpact(s, p.services(model), named)
	if err != nil {
		return Assessment{}, err
	}
	a.Counts, a.LeftOut = ImpactCounts{}, 0
	for _, one := range all {
		a.Counts.add(one.Severity, one.service)
	}
	if len(all) > MaxImpacted {
		a.LeftOut = len(all) - MaxImpacted
		all = all[:MaxImpacted]
	}
	a.Revision, a.At = s.revision, u.Now()
	told := ImpactAssessed{Of: a.Of(), Revision: a.Revision, Counts: a.Counts}
	if err := putImpacted(ctx, u, &a, all, &told); err != nil {
		return Assessment{}, err
	}
	if was.Version > 0 && slices.Equal(was.Named, a.Named) && was.Counts == a.Counts && len(told.Came)+len(told.Changed)+len(told.Went) == 0 {
		a.Updated = u.Now()
		return a, AssessmentTable.Put(ctx, u.Quiet(), &a)
	}
	if err := AssessmentTable.Put(ctx, u, &a); err != nil {
		return Assessment{}, err
	}
	u.Emit(itsm.Event{Kind: KindAssessment, Record: a.ID, Action: "assess_impact", Data: told})
	return a, nil
}

// impactedOf reads all rows of a record; there are at most [MaxImpacted] and [MaxCorrections].
func impactedOf(ctx context.Context, r storage.Reader, of itsm.Ref) ([]Impacted, error) {
	where := storage.AllOf(ImpactedByRecordKind.Is(of.Kind), ImpactedByRecord.Is(of.ID))
	return readAll(storage.Query[ImpactedHead]{Where: where, Limit: storage.MaxPage}, func(q storage.Query[ImpactedHead]) (storage.Page[Impacted], error) {
		return ImpactedTable.Records(ctx, r, q)
	})
}

// putImpacted brings the rows of a record to what was computed, corrections kept, and notes what came and went.
func putImpacted(ctx context.Context, u *engine.Unit, a *Assessment, all []assessed, told *ImpactAssessed) error {
	rows, err := impactedOf(ctx, u, a.Of())
	if err != nil {
		return err
	}
	had := make(map[itsm.ID]*Impacted, len(rows))
	for i := range rows {
		had[rows[i].CI] = &rows[i]
	}
	var put []*Impacted
	for _, one := range all {
		row := had[one.CI]
		delete(had, one.CI)
		if row == nil {
			row = &Impacted{ImpactedHead: ImpactedHead{Meta: storage.Meta{ID: impactedID(a.Of(), one.CI), Created: u.Now()},
				RecordKind: a.RecordKind, Record: a.Record, CI: one.CI, Origin: OriginComputed}}
		} else if row.Computed == one.Severity && row.Named == one.named && row.Service == one.service {
			continue
		}
		switch row.Computed {
		case one.Severity:
		case "":
			told.Came = append(told.Came, one.NamedCI)
		default:
			told.Changed = append(told.Changed, one.NamedCI)
		}
		row.Computed, row.Named, row.Service, row.Revision, row.Updated = one.Severity, one.named, one.service, a.Revision, u.Now()
		if row.Origin != OriginManual {
			row.Severity = one.Severity
		}
		put = append(put, row)
	}
	for _, row := range rows {
		if had[row.CI] == nil || row.Computed == "" {
			continue // it is impacted still, or never was but by a person's word
		}
		told.Went = append(told.Went, row.CI)
		if row.Origin == OriginComputed {
			if err := ImpactedTable.Delete(ctx, u.Quiet(), &row); err != nil {
				return err
			}
			continue
		}
		row.Computed, row.Named, row.Revision, row.Updated = "", false, a.Revision, u.Now()
		if row.Origin == OriginExcluded {
			row.Severity = ""
		}
		put = append(put, &row)
	}
	slices.Sort(told.Went)
	return ImpactedTable.Put(ctx, u.Quiet(), put...)
}

// Concern is a request to say which CIs a record concerns.
type Concern struct {
	itsm.Command
	// CIs are all that it names beside those that it is linked to, at most [MaxNamed]; none takes back what was named. For one that it is
	// linked to as well, the severity here counts.
	CIs []NamedCI `json:"cis"`
}

// Concern says which CIs a record of any kind concerns, beside those that it is linked to by itsm.LinkAffects, and computes what it
// impacts. It asks for [PermissionAssess], for what [Options].MayRead asks on the record, and for [PermissionRead] on each CI that was
// not named before. The severity of a linked CI is [SeverityDown] until it is named here with another.
func (p *Practice) Concern(ctx context.Context, actor itsm.Actor, of itsm.Ref, r Concern) (Assessment, error) {
	call := engine.Call{Name: "ci.concern", Actor: actor, Command: r.Command, Target: assessmentID(of), Request: r}
	return p.executeAssessment(ctx, call, of, func(ctx context.Context, u *engine.Unit, s *state, a Assessment, f *itsm.Faults) (Assessment, error) {
		named := slices.Clone(r.CIs)
		if len(named) > MaxNamed {
			f.Addf("cis", "are %d; at most %d are allowed", len(named), MaxNamed)
			return a, f.Err(KindAssessment)
		}
		seen := map[itsm.ID]bool{}
		for i := range named {
			field := fmt.Sprintf("cis[%d]", i)
			n := &named[i]
			if n.Severity = orElse(n.Severity, SeverityDown); n.Severity != SeverityDown && n.Severity != SeverityDegraded {
				f.Add(field+".severity", "must be degraded or down")
			}
			if seen[n.CI] {
				f.Add(field+".ci", "is named twice")
			}
			seen[n.CI] = true
			if !slices.ContainsFunc(a.Named, func(had NamedCI) bool { return had.CI == n.CI }) {
				if _, err := p.end(ctx, u, field+".ci", n.CI, f); err != nil {
					return a, err
				}
			}
		}
		if err := f.Err(KindAssessment); err != nil {
			return a, err
		}
		slices.SortFunc(named, byCI)
		return p.assess(ctx, u, s, a, true, func(a *Assessment) { a.Named = named })
	})
}

// AssessImpact computes anew what a record impacts, on the graph as it is. Links do that by themselves where [Practice.LinkChanged] is
// told of them; a change of the graph alone does not, so that an assessment says what was so at its revision. It asks for
// [PermissionAssess], and for what [Options].MayRead asks.
func (p *Practice) AssessImpact(ctx context.Context, actor itsm.Actor, of itsm.Ref, c itsm.Command) (Assessment, error) {
	call := engine.Call{Name: "ci.assess_impact", Actor: actor, Command: c, Target: assessmentID(of), Request: c}
	return p.executeAssessment(ctx, call, of, func(ctx context.Context, u *engine.Unit, s *state, a Assessment, f *itsm.Faults) (Assessment, error) {
		if err := f.Err(KindAssessment); err != nil {
			return a, err
		}
		return p.assess(ctx, u, s, a, true, nil)
	})
}

// executeAssessment runs a command on the assessment of a record, with the graph.
func (p *Practice) executeAssessment(ctx context.Context, call engine.Call, of itsm.Ref, fn func(context.Context, *engine.Unit, *state, Assessment, *itsm.Faults) (Assessment, error)) (a Assessment, err error) {
	if err := call.Actor.Validate(); err != nil {
		return Assessment{}, err
	}
	err = p.assessing(ctx, call.Actor, func(s *state) error {
		a, err = p.onAssessment(ctx, call, of, func(ctx context.Context, u *engine.Unit, a Assessment, f *itsm.Faults) (Assessment, error) {
			return fn(ctx, u, s, a, f)
		})
		return err
	})
	if err != nil {
		return Assessment{}, err
	}
	return a, nil
}

// onAssessment runs a command on the assessment of a record.
func (p *Practice) onAssessment(ctx context.Context, call engine.Call, of itsm.Ref, fn func(context.Context, *engine.Unit, Assessment, *itsm.Faults) (Assessment, error)) (Assessment, error) {
	return engine.Execute(ctx, p.e, AssessmentTable, call, func(ctx context.Context, u *engine.Unit) (Assessment, error) {
		if err := u.Authorize(ctx, PermissionAssess, nil); err != nil {
			return Assessment{}, err
		}
		var f itsm.Faults
		f.Merge("", call.Validate())
		f.Key("of.kind", of.Kind)
		if f.Key("of.id", string(of.ID)); !f.Empty() {
			return Assessment{}, f.Err(KindAssessment)
		}
		if err := p.mayReadRecord(ctx, u, u.Actor(), of); err != nil {
			return Assessment{}, err
		}
		a, err := p.assessment(ctx, u, of)
		if err != nil {
			return Assessment{}, err
		}
		return fn(ctx, u, a, &f)
	}, func(ctx context.Context, u *engine.Unit, a Assessment, _ bool) (Assessment, error) {
		// A command that was given before is told as the actor may know of it now.
		if err := p.mayReadRecord(ctx, u, call.Actor, a.Of()); err != nil {
			return Assessment{}, err
		}
		sees, err := p.scope(ctx, call.Actor)
		if err != nil {
			return Assessment{}, err
		}
		err = sees.narrow(ctx, u, &a)
		return a, err
	})
}

// ImpactCorrection is a request to correct which CIs a record impacts.
type ImpactCorrection struct {
	itsm.Command
	CI itsm.ID `json:"ci"`
	// Origin is [OriginManual] to add the CI, [OriginExcluded] to exclude it, and [OriginComputed] to take either back. To exclude one
	// takes a reason.
	Origin ImpactOrigin `json:"origin"`
	// Severity is that of a CI that is added; empty is [SeverityDown].
	Severity Severity `json:"severity,omitempty"`
}

// CorrectImpact says that a record impacts a CI, or that it does not, whatever is computed: now, and whenever it is computed again.
// A correction is of that CI alone: what is computed by way of it stays as it is. It asks for what [Practice.Concern] does.
// It is ErrInvalid where the record names the CI that is to be excluded.
func (p *Practice) CorrectImpact(ctx context.Context, actor itsm.Actor, of itsm.Ref, r ImpactCorrection) (Assessment, error) {
	call := engine.Call{Name: "ci.correct_impact", Actor: actor, Command: r.Command, Target: assessmentID(of), Request: r}
	return p.onAssessment(ctx, call, of, func(ctx context.Context, u *engine.Unit, a Assessment, f *itsm.Faults) (Assessment, error) {
		ci, err := p.find(ctx, u, u.Actor(), r.CI)
		if isNotFound(err) || isNotValid(err) {
			f.Add("ci", "is not found")
		} else if err != nil {
			return a, err
		}
		row, err := ImpactedTable.Get(ctx, u, impactedID(of, r.CI))
		if err != nil && !isNotFound(err) {
			return a, err
		}
		severity := Severity("")
		switch r.Origin {
		case OriginManual:
			if severity = orElse(r.Severity, SeverityDown); severity.rank() == 0 {
				f.Add("severity", "must be at_risk, degraded or down")
			}
		case OriginExcluded:
			if row.Named {
				f.Add("ci", "is named by the record itself; unlink it, or do not name it")
			}
			if strings.TrimSpace(r.Reason) == "" {
				f.Add("reason", "is required")
			}
			severity = row.Computed
		case OriginComputed:
			severity = row.Computed
		default:
			f.Add("origin", "must be computed, manual or excluded")
		}
		if r.Origin != OriginManual && r.Severity != "" {
			f.Add("severity", "is said of what is added alone")
		}
		if r.Origin != OriginComputed && (row.Version == 0 || row.Origin == OriginComputed) && a.Corrections >= MaxCorrections {
			f.Addf("ci", "would be correction %d of the record; at most %d are allowed", a.Corrections+1, MaxCorrections)
		}
		if err := f.Err(KindAssessment); err != nil {
			return a, err
		}
		told := ImpactCorrected{Of: of, CI: r.CI, Was: row.Origin, Now: r.Origin, Severity: severity}
		if row.Origin == r.Origin && row.Severity == severity || row.Version == 0 && r.Origin == OriginComputed {
			if a.Version == 0 {
				return a, AssessmentTable.Put(ctx, u, &a)
			}
			return a, nil
		}
		if row.Version == 0 || row.Origin == OriginComputed {
			a.Corrections++
		} else if r.Origin == OriginComputed {
			a.Corrections--
		}
		if row.Version == 0 {
			model, err := p.ready.Of(ctx, u, "")
			if err != nil {
				return a, err
			}
			row.ImpactedHead = ImpactedHead{Meta: storage.Meta{ID: impactedID(of, r.CI), Created: u.Now()},
				RecordKind: of.Kind, Record: of.ID, CI: r.CI, Service: p.services(model)(ci.Class)}
		}
		row.Origin, row.Severity, row.Updated, row.Corrected = r.Origin, severity, u.Now(), &Correction{actor.ID, u.Now(), r.Reason}
		if r.Origin == OriginComputed {
			row.Corrected = nil
		}
		if r.Origin == OriginComputed && row.Computed == "" {
			told.Now = ""
			err = ImpactedTable.Delete(ctx, u.Quiet(), &row)
		} else {
			err = ImpactedTable.Put(ctx, u.Quiet(), &row)
		}
		if err != nil {
			return a, err
		}
		if err := AssessmentTable.Put(ctx, u, &a); err != nil {
			return a, err
		}
		u.Emit(itsm.Event{Kind: KindAssessment, Record: a.ID, Action: "correct_impact", Data: told})
		return a, nil
	})
}

// isNotValid says whether an id cannot be one.
func isNotValid(err error) bool { return errors.Is(err, itsm.ErrInvalid) }
