// This file holds the members of restricted incidents: as records of their own, so that a list
// finds them by an index, however many they are.

package incident

import (
	"context"
	"errors"
	"slices"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

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
	Indexes: []storage.Index{storage.IndexOn(memberByPerson.Asc(), memberByIncident.Asc())},
})

func memberID(incident, person itsm.ID) itsm.ID {
	return itsm.ID(digest.Of(string(incident), string(person)))
}

// memberOf is the filter of the incidents of which the person is a member.
func memberOf(person itsm.ID) storage.Filter[Head] {
	return storage.NamedBy[Head](memberTable, memberByIncident, memberByPerson.Is(person))
}

// membership is that of one person in an incident of a tenant.
type membership struct {
	tenant   storage.Tenant
	incident itsm.ID
}

// membershipsAmong gives those of the incidents of which the person is a member, in the tenants that are
// read.
func membershipsAmong(ctx context.Context, r storage.Reader, person itsm.ID, incidents []itsm.ID) (map[membership]bool, error) {
	q := storage.Query[memberHead]{Where: storage.AllOf(memberByPerson.Is(person), memberByIncident.In(incidents...)), Limit: storage.MaxPage}
	found := map[membership]bool{}
	for m, err := range storage.Pages(q, func(q storage.Query[memberHead]) (storage.Page[memberHead], error) {
		return memberTable.List(ctx, r, q)
	}) {
		if err != nil {
			return nil, err
		}
		found[membership{m.Tenant, m.Incident}] = true
	}
	return found, nil
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
