// This file holds the erasure of a person's data.

package directory

import (
	"context"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// codeLength is the length of the code that tells one erased person from another.
const codeLength = 8

// pseudonym is what an erased person is called.
func (p *Practice) pseudonym(t itsm.Tenant, id itsm.ID) string {
	return p.o.ErasedName + " " + digest.Of(string(t), string(id))[:codeLength]
}

// ErasePerson erases the personal data of a person, for good. The record and its id stay, so that
// statistics and histories keep their shape: of the person remain the organisation, the site, when the
// record was made and when it was erased, and a pseudonym as the name. The person is not active any
// more and in no group. To erase a person again does nothing.
//
// The event log never had the values of personal fields. [PersonErased] tells the other practices, and
// the names under which the person wrote notes are replaced by the pseudonym in a job that is due at
// once. What this cannot reach stands in docs/directory.md.
func (p *Practice) ErasePerson(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Person, error) {
	c := commandOf(PersonTable, actionErase, actor, id, r, r)
	return run(ctx, p, PersonTable, c, PermissionErase, func(ctx context.Context, u *engine.Unit, was Person, f *itsm.Faults) (Person, error) {
		if err := f.Err(KindPerson); err != nil || was.Erased() {
			return was, err
		}
		// No one adds the person to a group meanwhile.
		if err := lockPerson(ctx, u, id); err != nil {
			return Person{}, err
		}
		told := PersonErased{Pseudonym: p.pseudonym(u.Tenant(), id)}
		var by itsm.Event
		if actor.ID == id { // who erases the own data leaves no name with it
			by = itsm.Event{Actor: actor.ID, ActorName: told.Pseudonym, System: actor.System}
		}
		groups, err := groupsOfMember(ctx, u, id)
		if err != nil {
			return Person{}, err
		}
		for _, group := range groups {
			if _, err := removeMember(ctx, u, group, id); err != nil {
				return Person{}, err
			}
			g, err := GroupTable.Get(ctx, u, group)
			if err != nil {
				return Person{}, err
			}
			if _, err := putMembers(ctx, u, g, MembersChanged{Removed: []itsm.ID{id}}, by); err != nil {
				return Person{}, err
			}
		}
		now := Person{PersonHead: PersonHead{
			Meta: was.Meta, Name: told.Pseudonym, Organisation: was.Organisation, Site: was.Site, ErasedAt: u.Now(),
		}}
		now.Custom = nil
		if err := PersonTable.Put(ctx, u, &now); err != nil {
			return Person{}, err
		}
		by.Kind, by.Record, by.Action, by.Data = KindPerson, id, actionErase, told
		u.Emit(by)
		return now, u.Schedule(ctx, forgetting(forgetTask{Person: id, Pseudonym: told.Pseudonym}, u))
	})
}

// jobForget replaces the name of an erased person in the notes that the person wrote.
const jobForget = "directory.forget"

// forgetBatch is how many notes one unit goes through.
const forgetBatch = 100

type forgetTask struct {
	Person    itsm.ID        `json:"person"`
	Pseudonym string         `json:"pseudonym"`
	After     storage.Cursor `json:"after,omitempty"`
}

func forgetting(t forgetTask, u *engine.Unit) engine.Task {
	return engine.Task{Kind: jobForget, Key: string(t.Person), Due: u.Now(), Payload: t}
}

func (p *Practice) forget(ctx context.Context, u *engine.Unit, _ engine.Due, t forgetTask) error {
	page, err := engine.NoteTable.Records(ctx, u, storage.Query[engine.NoteHead]{
		Where: engine.NoteByAuthor.Is(t.Person), After: t.After, Limit: forgetBatch,
	})
	if err != nil {
		return err
	}
	for _, n := range page.Items {
		if n.AuthorName == "" || n.AuthorName == t.Pseudonym {
			continue
		}
		n.AuthorName = t.Pseudonym
		if err := engine.NoteTable.Put(ctx, u.Quiet(), &n); err != nil {
			return err
		}
	}
	if page.Next == "" {
		return nil
	}
	t.After = page.Next
	return u.Schedule(ctx, forgetting(t, u))
}
