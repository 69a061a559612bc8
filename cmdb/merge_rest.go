// This file moves what hangs on a CI that was made one with another and may be more than one unit should write: links, pairs of
// duplicates, and the records that name it.

package cmdb

import (
	"context"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxLinksMerged is how many links one unit moves where a CI is made one with another. A job moves the rest, as many in each unit.
const MaxLinksMerged = 200

// jobMerge moves what is left of a CI that was made one with another.
const jobMerge = "ci.merge"

// mergeJob says of which. Named is the last row of an impact that was looked at.
type mergeJob struct {
	Keep  itsm.ID `json:"keep"`
	Other itsm.ID `json:"other"`
	Named itsm.ID `json:"named,omitempty"`
}

func scheduleMerge(ctx context.Context, u *engine.Unit, job mergeJob) error {
	return u.Schedule(ctx, engine.Task{Kind: jobMerge, Key: string(job.Other), Subject: Kind + "/" + string(job.Other), Due: u.Now(), Payload: job})
}

// mergeDue moves as much as one unit should, and comes again while something is left.
func (p *Practice) mergeDue(ctx context.Context, u *engine.Unit, _ engine.Due, job mergeJob) error {
	// The one that was kept may be made one with a third meanwhile.
	for seen := []itsm.ID{job.Other}; !slices.Contains(seen, job.Keep); {
		ci, err := Table.Get(ctx, u.Quiet(), job.Keep)
		if err != nil {
			return err
		}
		if ci.MergedInto == "" {
			break
		}
		seen, job.Keep = append(seen, job.Keep), ci.MergedInto
	}
	links, err := someLinks(ctx, u, itsm.Ref{Kind: Kind, ID: job.Other}, MaxLinksMerged)
	if err != nil {
		return err
	}
	if err := p.moveLinks(ctx, u, links, itsm.Ref{Kind: Kind, ID: job.Keep}); err != nil {
		return err
	}
	more, err := settleMerged(ctx, u, job.Keep, job.Other)
	if err != nil {
		return err
	}
	rows, err := someNaming(ctx, u, job.Other, job.Named, MaxLinksMerged)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := p.rename(ctx, u, row.Of(), job.Other, job.Keep); err != nil {
			return err
		}
		job.Named = row.ID
	}
	if more || len(links) == MaxLinksMerged || len(rows) == MaxLinksMerged {
		return scheduleMerge(ctx, u, job)
	}
	return nil
}

// someLinks gives links of a record up to a number of them, each read from this record's side.
func someLinks(ctx context.Context, r storage.Reader, of itsm.Ref, most int) (links []itsm.Link, err error) {
	for _, end := range []struct {
		where   storage.Filter[engine.LinkHead]
		inverse bool
	}{
		{storage.AllOf(engine.LinkByFromKind.Is(of.Kind), engine.LinkByFromID.Is(of.ID)), false},
		{storage.AllOf(engine.LinkByToKind.Is(of.Kind), engine.LinkByToID.Is(of.ID)), true},
	} {
		page, err := engine.LinkTable.List(ctx, r, storage.Query[engine.LinkHead]{Where: end.where, Limit: most})
		if err != nil {
			return nil, err
		}
		for _, h := range page.Items {
			l := h.Link()
			if end.inverse {
				l = l.Inverse()
			}
			links = append(links, l)
		}
	}
	return links[:min(len(links), most)], nil
}

// moveLinks has links begin at another record, and what they impact computed anew.
func (p *Practice) moveLinks(ctx context.Context, u *engine.Unit, links []itsm.Link, to itsm.Ref) error {
	for _, l := range links {
		if _, err := u.RemoveLink(ctx, l); err != nil {
			return err
		}
		if l.From = to; l.To == l.From {
			continue
		}
		if _, err := u.AddLink(ctx, l); err != nil {
			return err
		}
		if err := p.LinkChanged(ctx, u, l); err != nil {
			return err
		}
	}
	return nil
}

// settleMerged decides pairs of duplicates that the other is in, up to a number of them, and says whether more are left.
func settleMerged(ctx context.Context, u *engine.Unit, keep, other itsm.ID) (more bool, err error) {
	for _, side := range []storage.Column[DuplicateHead, itsm.ID]{DuplicateByFirst, DuplicateBySecond} {
		page, err := DuplicateTable.Records(ctx, u, storage.Query[DuplicateHead]{Where: storage.AllOf(side.Is(other), DuplicateByOpen.Is(true)), Limit: MaxLinksMerged})
		if err != nil {
			return false, err
		}
		for _, d := range page.Items {
			if err := settle(ctx, u, &d, d.First == keep || d.Second == keep); err != nil {
				return false, err
			}
		}
		more = more || len(page.Items) == MaxLinksMerged
	}
	return more, nil
}

// someNaming gives the rows of records that name a CI, by link or by command, after one of them.
func someNaming(ctx context.Context, r storage.Reader, ci, after itsm.ID, most int) ([]ImpactedHead, error) {
	where := storage.AllOf(ImpactedByCI.Is(ci), ImpactedByNamed.Is(true))
	if after != "" {
		where = storage.AllOf(where, ImpactedTable.ByID().Above(after))
	}
	page, err := ImpactedTable.List(ctx, r, storage.Query[ImpactedHead]{Where: where, Order: []storage.Order{ImpactedTable.ByID().Asc()}, Limit: most})
	return page.Items, err
}

// rename has a record that names a CI by a command name another in its place, and what it impacts computed anew.
func (p *Practice) rename(ctx context.Context, u *engine.Unit, of itsm.Ref, was, now itsm.ID) error {
	a, err := p.assessment(ctx, u, of)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(a.Named, func(n NamedCI) bool { return n.CI == was })
	if at < 0 {
		return nil // it is linked
	}
	severity := a.Named[at].Severity
	a.Named = slices.Delete(slices.Clone(a.Named), at, at+1)
	if had := slices.IndexFunc(a.Named, func(n NamedCI) bool { return n.CI == now }); had < 0 {
		a.Named = append(a.Named, NamedCI{now, severity})
	} else if severity.rank() > a.Named[had].Severity.rank() {
		a.Named[had].Severity = severity
	}
	slices.SortFunc(a.Named, byCI)
	if err := AssessmentTable.Put(ctx, u, &a); err != nil {
		return err
	}
	u.Emit(itsm.Event{Kind: KindAssessment, Record: a.ID, Action: "assess_impact", Data: ImpactAssessed{Of: of, Revision: a.Revision, Counts: a.Counts}})
	return scheduleAssess(ctx, u, of)
}
