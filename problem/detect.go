// This file holds how incidents that recur propose a problem: occurrences by their patterns, and rules that
// say how often is often.

package problem

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Dimension is by what occurrences are alike.
type Dimension string

// The dimensions.
const (
	DimensionCI Dimension = "ci"
	// DimensionCategory and DimensionText: of the same category, and the same [Fingerprint] of the text.
	DimensionCategory Dimension = "category"
	DimensionText     Dimension = "text"
)

// DetectionRule says that occurrences which are alike in every one of some dimensions propose a problem when
// there are Count of them within a span of time.
type DetectionRule struct {
	// Name tells it from other rules. What was detected by a name stays known by it.
	Name string      `json:"name"`
	By   []Dimension `json:"by"`
	// Count is from 2 to [MaxCount].
	Count  int           `json:"count"`
	Within time.Duration `json:"within"`
}

// MaxCount is the greatest count of a rule. No more occurrences than that are looked at.
const MaxCount = 200

// MaxRules is the greatest number of rules.
const MaxRules = 8

// StandardDetection gives the rules that are there by default: three of the same text on the same CI, or
// five of any kind on it, in 30 days; five of the same text and category in 7 days.
func StandardDetection() []DetectionRule {
	const day = 24 * time.Hour
	return []DetectionRule{
		{Name: "same_ci_and_text", By: []Dimension{DimensionCI, DimensionText}, Count: 3, Within: 30 * day},
		{Name: "same_ci", By: []Dimension{DimensionCI}, Count: 5, Within: 30 * day},
		{Name: "same_category_and_text", By: []Dimension{DimensionCategory, DimensionText}, Count: 5, Within: 7 * day},
	}
}

func checkDetection(f *itsm.Faults, rules []DetectionRule) []DetectionRule {
	if rules == nil {
		return StandardDetection()
	}
	if len(rules) > MaxRules {
		f.Addf("detection", "has %d rules; at most %d are allowed", len(rules), MaxRules)
	}
	for i, r := range rules {
		where := at("detection", i)
		f.Text(where+".name", r.Name, 100, true)
		if slices.ContainsFunc(rules[:i], func(o DetectionRule) bool { return o.Name == r.Name }) {
			f.Addf(where+".name", "is that of another rule")
		}
		if len(r.By) == 0 {
			f.Add(where+".by", "is required")
		}
		for n, d := range r.By {
			if !slices.Contains([]Dimension{DimensionCI, DimensionCategory, DimensionText}, d) || slices.Contains(r.By[:n], d) {
				f.Addf(at(where+".by", n), "must be ci, category or text, each once")
			}
		}
		if r.Count < 2 || r.Count > MaxCount {
			f.Addf(where+".count", "must be from 2 to %d", MaxCount)
		}
		if r.Within <= 0 {
			f.Add(where+".within", "must be longer than nothing")
		}
	}
	return slices.Clone(rules)
}

// Occurrence is that something happened once, as an incident tells. What is restricted is no occurrence, as
// proposals are read by everyone who works on problems.
type Occurrence struct {
	// Record is the record that tells of it.
	Record itsm.Ref
	At     time.Time
	// CIs are the configuration items on which it was, at most [MaxOccurrenceCIs].
	CIs      []itsm.ID
	Category string
	// Text is what it is about in one line.
	Text string
}

// MaxOccurrenceCIs is the greatest number of CIs of an occurrence.
const MaxOccurrenceCIs = 20

// occurrence is one occurrence under one pattern.
type occurrence struct {
	occurrenceHead
	occurrenceBody
}

type occurrenceHead struct {
	storage.Meta
	Pattern    string
	At         time.Time
	RecordKind string
	Record     itsm.ID
}

type occurrenceBody struct{}

var (
	occurrenceByPattern = storage.Col("pattern", func(h *occurrenceHead) *string { return &h.Pattern })
	occurrenceByAt      = storage.TimeCol("at", func(h *occurrenceHead) *time.Time { return &h.At })
	occurrenceByKind    = storage.Col("record_kind", func(h *occurrenceHead) *string { return &h.RecordKind })
	occurrenceByRecord  = storage.Col("record", func(h *occurrenceHead) *itsm.ID { return &h.Record })
)

var occurrenceTable = storage.Define("problem_occurrence", storage.Def[occurrence, occurrenceHead, occurrenceBody]{
	Parts:   func(r *occurrence) (*occurrenceHead, *occurrenceBody) { return &r.occurrenceHead, &r.occurrenceBody },
	Columns: []storage.ColumnOf[occurrenceHead]{occurrenceByPattern, occurrenceByAt, occurrenceByKind, occurrenceByRecord},
	Indexes: []storage.Index{
		storage.IndexOn(occurrenceByPattern.Asc(), occurrenceByAt.Asc()),
		storage.IndexOn(occurrenceByRecord.Asc(), occurrenceByKind.Asc()),
	},
})

// pattern is what occurrences have in common under a rule.
type pattern struct {
	rule                *DetectionRule
	ci                  itsm.ID
	category, text, key string
}

// patterns gives those of an occurrence: of each rule, one for each CI where the rule goes by that.
func (p *Practice) patterns(o *Occurrence) []pattern {
	fingerprint := Fingerprint(o.Text)
	var all []pattern
	for i := range p.o.Detection {
		rule := &p.o.Detection[i]
		of := pattern{rule: rule}
		cis := []itsm.ID{""}
		known := true
		for _, d := range rule.By {
			switch d {
			case DimensionCI:
				cis = o.CIs
			case DimensionCategory:
				of.category, known = o.Category, known && o.Category != ""
			case DimensionText:
				of.text, known = fingerprint, known && fingerprint != ""
			}
		}
		if !known {
			continue
		}
		for _, ci := range cis {
			of.ci = ci
			of.key = digest.Of(rule.Name, string(of.ci), of.category, of.text)
			all = append(all, of)
		}
	}
	return all
}

// Observe takes an occurrence, or one that was taken before as it is now. Where it makes as many as a rule
// says, a problem is proposed; where what was proposed became a problem that is resolved, that one has
// recurred. What it costs goes with the rules and the CIs of the one occurrence, and with the counts of the
// rules, and not with how many occurrences there are. It asks for "problem_proposal.observe", which is for
// the host's program: package servicedesk observes incidents.
func (p *Practice) Observe(ctx context.Context, actor itsm.Actor, o Occurrence) error {
	var f itsm.Faults
	f.Key("record.kind", o.Record.Kind)
	f.Key("record.id", string(o.Record.ID))
	if o.At.IsZero() {
		f.Add("at", "is required")
	}
	if n := len(o.CIs); n > MaxOccurrenceCIs {
		f.Addf("cis", "are %d; at most %d are allowed", n, MaxOccurrenceCIs)
	}
	o.CIs, o.At = unique(o.CIs), storage.Instant(o.At)
	if err := f.Err("occurrence"); err != nil {
		return err
	}
	return p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		if err := u.Authorize(ctx, PermissionObserve, nil); err != nil {
			return err
		}
		now := p.patterns(&o)
		slices.SortFunc(now, func(a, b pattern) int { return strings.Compare(a.key, b.key) }) // so that locks meet in one order
		added, err := p.putOccurrences(ctx, u, &o, now)
		if err != nil {
			return err
		}
		for _, of := range added {
			if err := p.weigh(ctx, u, &o, of); err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget takes back the occurrence of a record, such as of an incident that was cancelled or restricted. What
// was proposed stays.
func (p *Practice) Forget(ctx context.Context, actor itsm.Actor, record itsm.Ref) error {
	return p.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		if err := u.Authorize(ctx, PermissionObserve, nil); err != nil {
			return err
		}
		_, err := p.putOccurrences(ctx, u, &Occurrence{Record: record}, nil)
		return err
	})
}

// putOccurrences makes the rows of a record what they must be, and gives the patterns that are new or of
// another time.
func (p *Practice) putOccurrences(ctx context.Context, u *engine.Unit, o *Occurrence, now []pattern) (added []pattern, err error) {
	quiet := u.Quiet()
	page, err := occurrenceTable.Records(ctx, quiet, storage.Query[occurrenceHead]{
		Where: storage.AllOf(occurrenceByRecord.Is(o.Record.ID), occurrenceByKind.Is(o.Record.Kind)), Limit: storage.MaxPage,
	})
	if err != nil {
		return nil, err
	}
	there := map[string]*occurrence{}
	for n := range page.Items {
		row := &page.Items[n]
		if !slices.ContainsFunc(now, func(of pattern) bool { return of.key == row.Pattern }) {
			if err := occurrenceTable.Delete(ctx, quiet, row); err != nil {
				return nil, err
			}
			continue
		}
		there[row.Pattern] = row
	}
	for _, of := range now {
		row := there[of.key]
		if row != nil && row.At.Equal(o.At) {
			continue
		}
		// From here on nobody else counts the pattern, so that two who come together see each other.
		if err := u.Lock(ctx, "problem.pattern."+of.key); err != nil {
			return nil, err
		}
		if row == nil {
			row = &occurrence{occurrenceHead: occurrenceHead{Pattern: of.key, RecordKind: o.Record.Kind, Record: o.Record.ID}}
			row.ID, row.Created = itsm.ID(digest.Of(of.key, o.Record.Kind, string(o.Record.ID))), u.Now()
		}
		row.At, row.Updated = o.At, u.Now()
		if err := occurrenceTable.Put(ctx, quiet, row); err != nil {
			return nil, err
		}
		if err := p.sweep(ctx, u, of); err != nil {
			return nil, err
		}
		added = append(added, of)
	}
	return added, nil
}

// swept is how many old occurrences go for a new one.
const swept = 4

// sweep removes some occurrences of a pattern that are too old to count, so that those of a pattern which goes
// on do not grow without end.
func (p *Practice) sweep(ctx context.Context, u *engine.Unit, of pattern) error {
	old, err := occurrenceTable.Records(ctx, u.Quiet(), storage.Query[occurrenceHead]{
		Where: storage.AllOf(occurrenceByPattern.Is(of.key), occurrenceByAt.AtMost(u.Now().Add(-of.rule.Within))),
		Order: []storage.Order{occurrenceByAt.Asc()}, Limit: swept,
	})
	for n := range old.Items {
		if err == nil {
			err = occurrenceTable.Delete(ctx, u.Quiet(), &old.Items[n])
		}
	}
	return err
}

// recent gives the occurrences of a pattern since an instant, the latest first, at most limit.
func recent(ctx context.Context, r storage.Reader, key string, since time.Time, limit int) ([]occurrenceHead, error) {
	page, err := occurrenceTable.List(ctx, r, storage.Query[occurrenceHead]{
		Where: storage.AllOf(occurrenceByPattern.Is(key), occurrenceByAt.Above(since)),
		Order: []storage.Order{occurrenceByAt.Desc()}, Limit: limit,
	})
	return page.Items, err
}

// weigh looks whether a pattern has come often enough, after an occurrence of it.
func (p *Practice) weigh(ctx context.Context, u *engine.Unit, o *Occurrence, of pattern) error {
	id := itsm.ID(of.key)
	proposal, err := ProposalTable.Get(ctx, u, id)
	fresh := isNotFound(err)
	if err != nil && !fresh {
		return err
	}
	since, count := u.Now().Add(-of.rule.Within), of.rule.Count
	switch {
	case fresh:
		proposal = Proposal{ProposalHead: ProposalHead{Rule: of.rule.Name, CI: of.ci, Category: of.category}, ProposalBody: ProposalBody{Fingerprint: of.text}}
		proposal.ID = id
	case proposal.State == ProposalOpen:
		return nil // its list is read when it is looked at
	case proposal.State == ProposalDismissed:
		if count = max(count, proposal.Again); count > MaxCount {
			return nil
		}
	default:
		from, err := p.table.Get(ctx, u, proposal.Problem)
		if err != nil {
			return ifThere(err)
		}
		switch c, _ := p.o.Lifecycle.Category(from.State); {
		case c.Open():
			return nil // it is worked on
		case c == itsm.CategoryResolved:
			if !o.At.After(from.ResolvedAt) {
				return nil
			}
			record := o.Record
			_, err := p.In(u.Store()).command(ctx, u.System("detection"), from.ID, ActionRecur, itsm.Command{}, nil, func(ctx context.Context, w *work) error {
				w.Recurrences++
				w.ObserveFrom = w.now
				return w.fire(ctx, ActionRecur, Recurred{Record: &record, Count: w.Recurrences})
			})
			return err
		case from.ClosedAt.After(since):
			since = from.ClosedAt // what came before was answered for
		}
	}
	found, err := recent(ctx, u, of.key, since, count)
	if err != nil || len(found) < count {
		return err
	}
	was := proposal.State
	proposal.State, proposal.Count, proposal.Needed = ProposalOpen, int64(len(found)), int64(of.rule.Count)
	proposal.ProposedAt, proposal.Within, proposal.Problem = u.Now(), of.rule.Within, ""
	proposal.Reason = of.reason(len(found))
	proposal.Records = nil
	for _, h := range found {
		proposal.Records = append(proposal.Records, itsm.Ref{Kind: h.RecordKind, ID: h.Record})
	}
	if err := ProposalTable.Put(ctx, u, &proposal); err != nil {
		return err
	}
	u.Emit(proposalEvent(was, &proposal, "propose", Proposed{Rule: of.rule.Name, Count: len(found), Reason: proposal.Reason}))
	return nil
}

// reason says why a problem is proposed.
func (of *pattern) reason(n int) string {
	var like []string
	for _, d := range of.rule.By {
		switch d {
		case DimensionCI:
			like = append(like, "the same CI")
		case DimensionCategory:
			like = append(like, fmt.Sprintf("the category %q", of.category))
		case DimensionText:
			like = append(like, fmt.Sprintf("the words %q", of.text))
		}
	}
	return fmt.Sprintf("%d within %s with %s (rule %s: %d)", n, span(of.rule.Within), strings.Join(like, " and "), of.rule.Name, of.rule.Count)
}

func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}
