// This file holds the members of restricted incidents: as records of their own, so that a list
// finds them by an index.

package incident

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// MaxMemberships is the greatest number of restricted incidents of which one person may be a
// member: a list of the person's incidents names each of them. For more, use a group, or the
// permission "incident.see_restricted".
const MaxMemberships = 500

type memberRecord struct {
	memberHead
	memberBody
}

type memberHead struct {
	storage.Meta
	Incident itsm.ID
	Person   itsm.ID
}

type memberBody struct{}

var (
	memberByIncident = storage.Col("incident", func(h *memberHead) *itsm.ID { return &h.Incident })
	memberByPerson   = storage.Col("person", func(h *memberHead) *itsm.ID { return &h.Person })
)

var memberTable = storage.Define("incident_member", storage.Def[memberRecord, memberHead, memberBody]{
	Parts:   func(r *memberRecord) (*memberHead, *memberBody) { return &r.memberHead, &r.memberBody },
	Columns: []storage.ColumnOf[memberHead]{memberByIncident, memberByPerson},
	Indexes: []storage.Index{storage.IndexOn(memberByPerson.Asc())},
})

func memberID(incident, person itsm.ID) itsm.ID {
	sum := sha256.Sum256([]byte(string(incident) + "\x00" + string(person)))
	return itsm.ID(hex.EncodeToString(sum[:20]))
}

// membershipsOf gives the incidents of the actor's tenant of which the actor is a member.
func membershipsOf(ctx context.Context, r storage.Reader, actor itsm.Actor) ([]itsm.ID, error) {
	const tenant = storage.ColumnTenant
	byTenant := storage.Col(tenant, func(h *memberHead) *storage.Tenant { return &h.Tenant })
	page, err := memberTable.List(ctx, r, storage.Query[memberHead]{
		Where: storage.AllOf(byTenant.Is(actor.Tenant), memberByPerson.Is(actor.ID)), Limit: MaxMemberships,
	})
	if err != nil {
		return nil, err
	}
	ids := make([]itsm.ID, len(page.Items))
	for i, h := range page.Items {
		ids[i] = h.Incident
	}
	return ids, nil
}

// checkMembers notes people who cannot be members, and holds the count of their memberships
// still until the end of the unit.
func (w *work) checkMembers(ctx context.Context) error {
	added := func(person itsm.ID) bool {
		return !slices.Contains(w.Was.Members, person) && storage.CheckKey(string(person)) == ""
	}
	for _, person := range slices.Sorted(slices.Values(w.Members)) { // in one order, so that no two wait for each other
		if !added(person) {
			continue
		}
		if err := w.u.Lock(ctx, "incident_member/"+string(memberID("", person))); err != nil {
			return err
		}
	}
	for i, person := range w.Members {
		if !added(person) {
			continue
		}
		n, err := memberTable.Count(ctx, w.u, memberByPerson.Is(person))
		if err != nil {
			return err
		}
		if n >= MaxMemberships {
			w.faults.Addf(at("members", i), "is a member of %d restricted incidents, the most there may be; use a group or incident.see_restricted", n)
		}
	}
	return nil
}

// putMembers makes the member records what they must be after a change. They go past the unit's
// field history: the incident's own event tells of them.
func putMembers(ctx context.Context, u *engine.Unit, was, now *Incident) error {
	for _, person := range was.Members {
		if slices.Contains(now.Members, person) {
			continue
		}
		m, err := memberTable.Get(ctx, u.Quiet(), memberID(now.ID, person))
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := memberTable.Delete(ctx, u.Quiet(), &m); err != nil {
			return err
		}
	}
	for _, person := range now.Members {
		if slices.Contains(was.Members, person) {
			continue
		}
		m := memberRecord{memberHead: memberHead{Incident: now.ID, Person: person}}
		m.ID, m.Created, m.Updated = memberID(now.ID, person), u.Now(), u.Now()
		if err := memberTable.Put(ctx, u.Quiet(), &m); err != nil {
			return err
		}
	}
	return nil
}
