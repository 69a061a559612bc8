// This file holds how messages come to the sender: one by one or as a digest, at least once, until they
// expire.

package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// ErrUndeliverable is what a [Sender] wraps where trying again is of no use: the person has no address
// on the channel, or it does not exist.
var ErrUndeliverable = errors.New("undeliverable")

// WhyUndeliverable is the reason of a message that failed for good.
const WhyUndeliverable Why = "undeliverable"

// TemplateDigest is the template of a digest.
const TemplateDigest = "digest"

// MaxDigest is how many messages one digest tells; what is more comes in another.
const MaxDigest = 200

// digestOf is the payload of the job that makes a digest.
type digestOf struct {
	Person  itsm.ID   `json:"person"`
	Channel Channel   `json:"channel"`
	Due     time.Time `json:"due"`
}

// task is the job by which a message is sent when it is due, or told in the digest of that instant.
func task(n *Notification) engine.Task {
	if n.Digest {
		return engine.Task{
			Kind: jobDigest, Key: digest.Of(string(n.Person), string(n.Channel), fmt.Sprint(n.Due.UnixMicro())),
			Due: n.Due, Payload: digestOf{n.Person, n.Channel, n.Due},
		}
	}
	// Messages to one person on one channel are sent in their order, unless one fails.
	return engine.Task{Kind: JobSend, Key: string(n.ID), Subject: Kind + "/" + digest.Of(string(n.Person), string(n.Channel)), Due: n.Due}
}

// send gives one message to the sender. The message is marked before, so that nothing is collapsed into
// it any more, and after.
func (p *Practice) send(ctx context.Context, e *engine.Engine, due engine.Due, _ struct{}) error {
	actor := itsm.SystemActor(due.Tenant, JobSend)
	var n Notification
	send := false
	err := e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) (err error) {
		send = false
		n, err = Table.Get(ctx, u.Quiet(), storage.ID(due.Key))
		if errors.Is(err, storage.ErrNotFound) {
			return nil // forgotten
		}
		if err != nil || n.State != StatePending && n.State != StateFailed {
			return err
		}
		why, err := p.stillTold(ctx, u, &n)
		if err != nil {
			return err
		}
		n.Updated = u.Now()
		if why != "" {
			n.State, n.Why = StateSuppressed, why
		} else {
			n.Attempts++
			send = true
		}
		return Table.Put(ctx, u.Quiet(), &n)
	})
	if err != nil || !send {
		return err
	}
	failure := p.sender.Send(ctx, n)
	if failure != nil && errors.Is(ctx.Err(), context.Canceled) {
		return failure // stopped, not failed
	}
	// What the sender said is kept though the claim may have ended meanwhile.
	err = e.Update(context.WithoutCancel(ctx), actor, func(ctx context.Context, u *engine.Unit) error {
		n, err := Table.Get(ctx, u.Quiet(), storage.ID(due.Key))
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		n.Updated = u.Now()
		switch {
		case failure == nil:
			n.State, n.Why, n.SentAt, n.Error = StateSent, "", u.Now(), ""
		case n.State == StateSuppressed:
			return nil // made moot meanwhile
		default:
			n.State, n.Error = StateFailed, plainText(failure.Error())
			if errors.Is(failure, ErrUndeliverable) {
				n.Why = WhyUndeliverable
			}
		}
		return Table.Put(ctx, u.Quiet(), &n)
	})
	switch {
	case err != nil:
		return err
	case errors.Is(failure, ErrUndeliverable):
		return nil
	}
	return failure
}

// stillTold says why a message is not sent any more, as its reader, the record and the time are now. Of
// a digest it takes out what the reader may not read any more.
func (p *Practice) stillTold(ctx context.Context, r *engine.Unit, n *Notification) (Why, error) {
	if !r.Now().Before(n.Expires) {
		return WhyExpired, nil
	}
	people, err := p.people.People(ctx, r, []itsm.ID{n.Person})
	if err != nil {
		return "", err
	}
	switch {
	case len(people) == 0:
		return WhyUnknown, nil
	case !people[0].Active:
		return WhyInactive, nil
	}
	may, err := p.sendable(ctx, r, n.Person, n)
	if err != nil {
		return "", err
	}
	if !n.keep(may) {
		return WhyMayNotRead, nil
	}
	return "", nil
}

// about is a record that a message is about, and whether an event of it is addressed to the reader.
type about struct {
	record itsm.Ref
	named  bool
}

func (n *Notification) about() about { return about{n.Record(), addressed(n.Audiences)} }
func (i *Item) about() about         { return about{i.Record(), i.Named} }

// abouts gives each record that messages are about once, in the order in which they are first named.
func abouts(ns ...*Notification) (all []about) {
	seen := map[about]bool{}
	add := func(a about) {
		if a.record.Kind != "" && !seen[a] {
			seen[a] = true
			all = append(all, a)
		}
	}
	for _, n := range ns {
		add(n.about())
		for i := range n.Items {
			add(n.Items[i].about())
		}
	}
	return all
}

// keep takes out of a digest what its reader may not read, and says whether anything is left of a message.
func (n *Notification) keep(may map[about]Reading) bool {
	if n.RecordKind != "" {
		return may[n.about()].covers(n.Reading)
	}
	n.Items = slices.DeleteFunc(n.Items, func(i Item) bool { return !may[i.about()].covers(i.Reading) })
	return len(n.Items) > 0
}

// Record names the record that the item is about.
func (i *Item) Record() itsm.Ref { return itsm.Ref{Kind: i.RecordKind, ID: i.RecordID} }

// sendable gives what may be sent to somebody of the records that messages are about.
func (p *Practice) sendable(ctx context.Context, r storage.Reader, person itsm.ID, ns ...*Notification) (map[about]Reading, error) {
	all := map[about]Reading{}
	for _, a := range abouts(ns...) {
		may, err := p.mayRead(ctx, r, a.record, []Reader{{Person: person, Named: a.named}})
		if err != nil {
			return nil, err
		}
		all[a] = may[person]
	}
	return all, nil
}

// digest makes one message of those that wait for it.
func (p *Practice) digest(ctx context.Context, u *engine.Unit, _ engine.Due, of digestOf) error {
	page, err := Table.Records(ctx, u, storage.Query[Head]{
		Where: storage.AllOf(ByPerson.Is(of.Person), ByChannel.Is(of.Channel), ByState.Is(StatePending), ByDigest.Is(true), ByDue.AtMost(of.Due)),
		Order: []storage.Order{ByDue.Asc()}, Limit: MaxDigest,
	})
	if err != nil || len(page.Items) == 0 {
		return err
	}
	now := u.Now()
	d := Notification{
		Head{
			Meta: storage.Meta{ID: u.NewID(), Created: now, Updated: now}, Person: of.Person, Channel: of.Channel, State: StatePending,
			Template: TemplateDigest, Due: now, Expires: now.Add(DefaultExpiry),
		},
		Body{Count: 0},
	}
	d.Event = d.ID
	refs := make([]*Notification, len(page.Items))
	for i := range page.Items {
		refs[i] = &page.Items[i]
	}
	may, err := p.sendable(ctx, u, of.Person, refs...)
	if err != nil {
		return err
	}
	for _, n := range refs {
		n.Updated = now
		switch {
		case !now.Before(n.Expires):
			n.State, n.Why = StateSuppressed, WhyExpired
		case !may[n.about()].covers(n.Reading):
			n.State, n.Why = StateSuppressed, WhyMayNotRead
		default:
			n.State, n.DigestedIn = StateDigested, d.ID
			d.Items = append(d.Items, Item{
				ID: n.ID, RecordKind: n.RecordKind, RecordID: n.RecordID, EventType: n.EventType, Action: n.Action, At: n.At,
				Class: n.Class, Template: n.Template, Data: n.Data, Count: n.Count, Reading: n.Reading, Named: addressed(n.Audiences),
			})
			d.Count += n.Count
		}
		if err := Table.Put(ctx, u.Quiet(), n); err != nil {
			return err
		}
	}
	if page.Next != "" {
		err := u.Schedule(ctx, engine.Task{Kind: jobDigest, Key: digest.Of(string(of.Person), string(of.Channel), fmt.Sprint(of.Due.UnixMicro())), Due: now, Payload: of})
		if err != nil {
			return err
		}
	}
	if len(d.Items) == 0 {
		return nil
	}
	slices.SortStableFunc(d.Items, func(a, b Item) int { return a.At.Compare(b.At) })
	if err := Table.Put(ctx, u.Quiet(), &d); err != nil {
		return err
	}
	return u.Schedule(ctx, task(&d))
}

// plainText keeps an error's text as every store can: valid UTF-8 without NUL, and not too long.
func plainText(s string) string {
	const most = 2000
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
