// This file holds the commands: how a contact is logged, handled and settled.

package interaction

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Contact is what [Practice.Log] records.
type Contact struct {
	itsm.Command
	// Subject is required.
	Subject   string    `json:"subject"`
	Text      string    `json:"text,omitempty"`
	Channel   Channel   `json:"channel,omitempty"`
	Direction Direction `json:"direction,omitempty"` // empty is inbound
	// Contact is who spoke. Who is not known has an Address; one of the two is required.
	Contact itsm.ID `json:"contact,omitempty"`
	Address string  `json:"address,omitempty"`
	// Requester is on whose behalf the contact spoke, and Affected who suffers, each where that is
	// another person.
	Requester itsm.ID `json:"requester,omitempty"`
	Affected  itsm.ID `json:"affected,omitempty"`
	// Group is whose queue it goes to; it takes the permission "interaction.assign".
	Group itsm.ID `json:"group,omitempty"`
	// StartedAt is now where it is zero. EndedAt may be unknown.
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// Log records a contact as a new interaction. It asks for "interaction.log" on the interaction as that
// of the people whom it names: who may log the own contacts alone does not speak in another's name. A
// gateway that brings a message twice gives it a key (itsm.Command).
func (p *Practice) Log(ctx context.Context, actor itsm.Actor, r Contact) (Interaction, error) {
	call := engine.Call{Name: Kind + "." + string(ActionLog), Actor: actor, Command: r.Command, Request: r}
	return p.execute(ctx, call, func(ctx context.Context, u *engine.Unit) (Interaction, error) {
		if err := u.Authorize(ctx, PermissionLog, nil); err != nil {
			return Interaction{}, err
		}
		w := p.workOn(u, Interaction{})
		w.faults.Merge("", call.Validate())
		w.Interaction = Interaction{
			Head: Head{
				Subject: r.Subject, Channel: r.Channel, Direction: r.Direction, Contact: r.Contact, Requester: r.Requester,
				Affected: r.Affected, Group: r.Group, StartedAt: storage.Instant(r.StartedAt), EndedAt: storage.Instant(r.EndedAt),
			},
			Body: Body{Text: r.Text, Address: r.Address},
		}
		if w.Channel == "" {
			w.Channel = p.o.Channels[len(p.o.Channels)-1]
		}
		if w.Direction == "" {
			w.Direction = Inbound
		}
		if w.StartedAt.IsZero() {
			w.StartedAt = u.Now()
		}
		w.checkFields()
		if w.Direction != Inbound && w.Direction != Outbound {
			w.faults.Addf("direction", "is %q; it must be %s or %s", w.Direction, Inbound, Outbound)
		}
		w.checkID("group", w.Group)
		w.State = p.o.Lifecycle.Initial()[0]
		w.Open = true
		if err := w.faults.Err(Kind); err != nil {
			return Interaction{}, err
		}
		if err := w.mayLog(ctx); err != nil {
			return Interaction{}, err
		}
		n, err := u.Next(ctx, Kind)
		if err != nil {
			return Interaction{}, err
		}
		w.ID, w.Number = u.NewID(), fmt.Sprintf("%s%07d", p.o.NumberPrefix, n)
		w.event = &itsm.Event{
			Kind: Kind, Record: w.ID, Action: string(ActionLog), To: string(w.State), ToCategory: w.category(w.State),
			Data: Logged{Number: w.Number, Channel: w.Channel, Direction: w.Direction},
		}
		return w.Interaction, w.finish(ctx)
	})
}

// mayLog asks for what a contact needs beside its input being right.
func (w *work) mayLog(ctx context.Context) error {
	s := subject(&w.Head)
	if w.Group != "" {
		if err := w.u.Authorize(ctx, permissionAssign, s); err != nil {
			return err
		}
	}
	// Each of the people is asked about: a contact of one's own in which another is named speaks in
	// the other's name too.
	all := *s
	for _, person := range s.Requesters {
		all.Requesters = []itsm.ID{person}
		if person == w.Affected && person != w.Contact && person != w.Requester {
			continue // to say who suffers is not to speak for them
		}
		if err := w.u.Authorize(ctx, PermissionLog, &all); err != nil {
			return err
		}
	}
	if w.Contact == "" && w.Requester == "" {
		all.Requesters = nil
		return w.u.Authorize(ctx, PermissionLog, &all)
	}
	return nil
}

const permissionAssign itsm.Permission = Kind + "." + itsm.Permission(ActionAssign)

// checkFields notes what is wrong with what people enter.
func (w *work) checkFields() {
	w.faults.Text("subject", w.Subject, MaxSubject, true)
	w.faults.Text("text", w.Text, MaxText, false)
	w.faults.Text("address", w.Address, MaxAddress, false)
	w.checkID("contact", w.Contact)
	w.checkID("requester", w.Requester)
	w.checkID("affected", w.Affected)
	if w.Contact == "" && w.Address == "" {
		w.faults.Add("contact", "is required where there is no address")
	}
	if !slices.Contains(w.p.o.Channels, w.Channel) {
		w.faults.Addf("channel", "must be one of: %s", list(w.p.o.Channels))
	}
	for field, t := range map[string]time.Time{"started_at": w.StartedAt, "ended_at": w.EndedAt} {
		if y := t.Year(); y < 1 || y > 9999 {
			w.faults.Add(field, "must be in the years 1 to 9999")
		}
	}
	if !w.EndedAt.IsZero() && w.EndedAt.Before(w.StartedAt) {
		w.faults.Add("ended_at", "must not be before started_at")
	}
}

// checkID notes an id that may be empty but cannot be one.
func (w *work) checkID(field string, id itsm.ID) {
	if id != "" {
		w.faults.Key(field, string(id))
	}
}

// Take makes the actor the one who handles an interaction that nobody else has.
func (p *Practice) Take(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Interaction, error) {
	return p.command(ctx, actor, id, ActionTake, r, r, func(ctx context.Context, w *work) error {
		w.Assignee = actor.ID
		return w.change(ctx, ActionTake, Taken{Assignee: actor.ID})
	})
}

// Assignment says who handles an interaction from now on.
type Assignment struct {
	itsm.Command
	// Group stays where it is empty; Assignee is then nobody where it is empty too.
	Group    itsm.ID `json:"group,omitempty"`
	Assignee itsm.ID `json:"assignee,omitempty"`
}

// Assign gives an interaction to a group or a person.
func (p *Practice) Assign(ctx context.Context, actor itsm.Actor, id itsm.ID, r Assignment) (Interaction, error) {
	return p.command(ctx, actor, id, ActionAssign, r.Command, r, func(ctx context.Context, w *work) error {
		w.checkID("group", r.Group)
		w.checkID("assignee", r.Assignee)
		if r.Group != "" {
			w.Group = r.Group
		}
		w.Assignee = r.Assignee
		return w.change(ctx, ActionAssign, Assigned{Group: w.Group, Assignee: w.Assignee})
	})
}

// Sorting says what an interaction is, without making a record of it.
type Sorting struct {
	itsm.Command
	Classification Classification `json:"classification"`
}

// Classify says what an interaction is. It makes no record: [Practice.Become] does.
func (p *Practice) Classify(ctx context.Context, actor itsm.Actor, id itsm.ID, r Sorting) (Interaction, error) {
	return p.command(ctx, actor, id, ActionClassify, r.Command, r, func(ctx context.Context, w *work) error {
		w.classify(r.Classification)
		return w.change(ctx, ActionClassify, Classified{From: w.Was.Classification, Classification: w.Classification})
	})
}

// classify applies a classification.
func (w *work) classify(c Classification) {
	w.Classification = c
	if c != "" && !slices.Contains(w.p.o.Classifications, c) {
		w.faults.Addf("classification", "must be one of: %s", list(w.p.o.Classifications))
	}
}

// Reply is an answer.
type Reply struct {
	itsm.Command
	// Answer is for the contact to read.
	Answer string `json:"answer"`
	// Classification is what it was; where it is empty and nobody has said, it was a question.
	Classification Classification `json:"classification,omitempty"`
}

// Answer settles an interaction by an answer, at once or after it was handled.
func (p *Practice) Answer(ctx context.Context, actor itsm.Actor, id itsm.ID, r Reply) (Interaction, error) {
	return p.command(ctx, actor, id, ActionAnswer, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("answer", r.Answer, MaxText, false)
		w.Answer = r.Answer
		switch {
		case r.Classification != "":
			w.classify(r.Classification)
		case w.Classification == "":
			w.Classification = Question
		}
		if w.Assignee == "" && !actor.System {
			w.Assignee = actor.ID
		}
		return w.fire(ctx, ActionAnswer, Answered{})
	})
}

// Reopen takes up an answered interaction again, and counts it.
func (p *Practice) Reopen(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Interaction, error) {
	return p.command(ctx, actor, id, ActionReopen, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionReopen, Reopened{Count: w.Reopens + 1})
	})
}

// Close ends an interaction for good; what it was must have been said. A contact that has no end yet
// ends now.
func (p *Practice) Close(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Interaction, error) {
	return p.command(ctx, actor, id, ActionClose, r, r, func(ctx context.Context, w *work) error {
		if now := w.u.Now(); w.EndedAt.IsZero() && !now.Before(w.StartedAt) {
			w.EndedAt = now
		}
		return w.fire(ctx, ActionClose, Closed{})
	})
}

// Discard puts an interaction aside that is none of the desk's matters: spam, a wrong number. The reason
// of the command says what it is, and is required.
func (p *Practice) Discard(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Interaction, error) {
	return p.command(ctx, actor, id, ActionDiscard, r, r, func(ctx context.Context, w *work) error {
		w.DiscardReason = r.Reason
		return w.fire(ctx, ActionDiscard, Discarded{})
	})
}

// Restore brings back an interaction that was discarded wrongly, as a new one.
func (p *Practice) Restore(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Interaction, error) {
	return p.command(ctx, actor, id, ActionRestore, r, r, func(ctx context.Context, w *work) error {
		return w.fire(ctx, ActionRestore, Restored{})
	})
}

// Edit corrects what was recorded of a contact. A nil field stays as it is.
type Edit struct {
	itsm.Command
	Subject   *string    `json:"subject,omitempty"`
	Text      *string    `json:"text,omitempty"`
	Channel   *Channel   `json:"channel,omitempty"`
	Contact   *itsm.ID   `json:"contact,omitempty"`
	Address   *string    `json:"address,omitempty"`
	Requester *itsm.ID   `json:"requester,omitempty"`
	Affected  *itsm.ID   `json:"affected,omitempty"`
	StartedAt *time.Time `json:"started_at,omitempty"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
}

// Edit corrects what was recorded of a contact. Where nothing is another than before, nothing happens.
func (p *Practice) Edit(ctx context.Context, actor itsm.Actor, id itsm.ID, r Edit) (Interaction, error) {
	return p.command(ctx, actor, id, ActionEdit, r.Command, r, func(ctx context.Context, w *work) error {
		set(&w.Subject, r.Subject)
		set(&w.Text, r.Text)
		set(&w.Channel, r.Channel)
		set(&w.Contact, r.Contact)
		set(&w.Address, r.Address)
		set(&w.Requester, r.Requester)
		set(&w.Affected, r.Affected)
		if r.StartedAt != nil {
			if w.StartedAt = storage.Instant(*r.StartedAt); w.StartedAt.IsZero() {
				w.faults.Add("started_at", "cannot be removed")
			}
		}
		if r.EndedAt != nil {
			w.EndedAt = storage.Instant(*r.EndedAt)
		}
		w.checkFields()
		return w.change(ctx, ActionEdit, Edited{})
	})
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// Note is what someone writes on an interaction.
type Note struct {
	itsm.Command
	Text string `json:"text"`
	// Visibility is who may read it; empty is internal.
	Visibility itsm.Visibility `json:"visibility,omitempty"`
}

// Note adds a note, in any state.
func (p *Practice) Note(ctx context.Context, actor itsm.Actor, id itsm.ID, r Note) (Interaction, error) {
	return p.command(ctx, actor, id, ActionNote, r.Command, r, func(ctx context.Context, w *work) error {
		w.faults.Text("text", r.Text, itsm.MaxNote, true)
		visibility := r.Visibility
		switch visibility {
		case "":
			visibility = itsm.VisibilityInternal
		case itsm.VisibilityInternal, itsm.VisibilityPublic:
		default:
			w.faults.Addf("visibility", "must be %q or %q", itsm.VisibilityPublic, itsm.VisibilityInternal)
		}
		if err := w.check(ctx, ActionNote); err != nil {
			return err
		}
		note, err := w.u.AddNote(ctx, w.Ref(), itsm.Note{Visibility: visibility, Text: r.Text})
		if err != nil {
			return err
		}
		w.move(Noted{Note: note, Visibility: visibility})
		return nil
	})
}

// ownActions have commands of their own.
var ownActions = []Action{
	ActionLog, ActionTake, ActionAssign, ActionClassify, ActionBecome, ActionAttach, ActionReclassify, ActionAnswer,
	ActionReopen, ActionClose, ActionDiscard, ActionRestore, ActionEdit, ActionNote,
}

// Do takes an action of the host's own lifecycle, with the permission that its rule names. An action of
// the library has a command of its own and is ErrInvalid here; one that the system takes is not for
// people.
func (p *Practice) Do(ctx context.Context, actor itsm.Actor, id itsm.ID, action Action, r itsm.Command) (Interaction, error) {
	var f itsm.Faults
	f.Key("action", string(action))
	if slices.Contains(ownActions, action) {
		f.Add("action", "is the library's own and has a command of its own")
	}
	if !f.Empty() {
		f.Merge("", r.Validate())
		return Interaction{}, f.Err(Kind)
	}
	return p.command(ctx, actor, id, action, r, r, func(ctx context.Context, w *work) error {
		if !actor.System && slices.ContainsFunc(p.o.Lifecycle.Rules(), func(r Rule) bool {
			return r.System && r.On == action && slices.Contains(r.From, w.State)
		}) {
			permission, _ := w.permission(action)
			return &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: permission, Kind: Kind, ID: id, Reason: "only the system takes this action"}
		}
		return w.fire(ctx, action, Acted{})
	})
}
