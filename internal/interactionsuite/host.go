// This file holds a host's own records, which interactions become.

package interactionsuite

import (
	"context"
	"errors"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/interaction"
	"github.com/itsmkit/itsmkit/storage"
)

// CaseKind is the kind of the host's records.
const CaseKind = "host_case"

// Case is a record that an interaction became.
type Case struct {
	CaseHead
	CaseBody
}

// CaseHead is all of a case.
type CaseHead struct {
	storage.Meta
	// Sort is the classification for which it was made.
	Sort interaction.Classification `json:"sort"`
	// Since is when the matter was reported, From the case in whose place it came.
	Since time.Time `json:"since"`
	From  itsm.ID   `json:"from,omitempty"`
	// Ended says why it ended, empty while it is open.
	Ended string `json:"ended,omitempty"`
	// Secret cases are for the person in whose name they are.
	Secret itsm.ID `json:"secret,omitempty"`
}

// CaseBody is empty.
type CaseBody struct{}

var cases = storage.Define(CaseKind, storage.Def[Case, CaseHead, CaseBody]{
	Parts: func(c *Case) (*CaseHead, *CaseBody) { return &c.CaseHead, &c.CaseBody },
	Columns: []storage.ColumnOf[CaseHead]{
		storage.Col("sort", func(h *CaseHead) *interaction.Classification { return &h.Sort }),
		storage.TimeCol("since", func(h *CaseHead) *time.Time { return &h.Since }),
		storage.Col("from", func(h *CaseHead) *itsm.ID { return &h.From }),
		storage.Col("ended", func(h *CaseHead) *string { return &h.Ended }),
		storage.Col("secret", func(h *CaseHead) *itsm.ID { return &h.Secret }),
	},
})

// Host keeps cases on an engine.
type Host struct{ e *engine.Engine }

// NewHost registers the cases on the engine.
func NewHost(e *engine.Engine) (*Host, error) {
	return &Host{e}, e.Use(engine.Module{Name: CaseKind, Tables: []*storage.Schema{cases.Schema()}})
}

// ErrRefused is what an opener ends with for an interaction whose subject is "refuse".
var ErrRefused = errors.New("the opener refused")

// Becomes are openers of cases for incidents and requests. That of incidents ends what was reclassified.
func Becomes() map[interaction.Classification]interaction.Opener {
	return map[interaction.Classification]interaction.Opener{
		interaction.Incident: {Open: open, Reclassified: end},
		interaction.Request:  {Open: open},
	}
}

func open(ctx context.Context, u *engine.Unit, o interaction.Opening) (itsm.Ref, error) {
	c := Case{CaseHead: CaseHead{Sort: o.Classification, Since: o.Since}}
	c.ID = u.NewID()
	if o.From != nil {
		c.From = o.From.ID
	}
	if o.Interaction.Text == "for sam alone" {
		c.Secret = "sam"
	}
	if err := cases.Put(ctx, u, &c); err != nil {
		return itsm.Ref{}, err
	}
	if o.Interaction.Subject == "refuse" { // when it has written already
		return itsm.Ref{}, ErrRefused
	}
	return itsm.Ref{Kind: CaseKind, ID: c.ID}, nil
}

func end(ctx context.Context, u *engine.Unit, from, _ itsm.Ref, o interaction.Opening) error {
	c, err := cases.Get(ctx, u, from.ID)
	if err != nil {
		return err
	}
	c.Ended = "reclassified as " + string(o.Classification)
	return cases.Put(ctx, u, &c)
}

// Open makes a case of its own, which no interaction became.
func (h *Host) Open(ctx context.Context, actor itsm.Actor) (itsm.Ref, error) {
	var ref itsm.Ref
	err := h.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		c := Case{CaseHead: CaseHead{Sort: "own"}}
		c.ID = u.NewID()
		ref = itsm.Ref{Kind: CaseKind, ID: c.ID}
		return cases.Put(ctx, u, &c)
	})
	return ref, err
}

// Get gives a case.
func (h *Host) Get(ctx context.Context, actor itsm.Actor, ref itsm.Ref) (Case, error) {
	var c Case
	err := h.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		c, err = cases.Get(ctx, r, ref.ID)
		return err
	})
	return c, err
}

// Count counts the cases of the actor's tenant.
func (h *Host) Count(ctx context.Context, actor itsm.Actor) (int64, error) {
	var n int64
	err := h.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		n, err = cases.Count(ctx, r, storage.Filter[CaseHead]{})
		return err
	})
	return n, err
}

// Links gives the links of a record.
func (h *Host) Links(ctx context.Context, actor itsm.Actor, of itsm.Ref) ([]itsm.Link, error) {
	var links []itsm.Link
	err := h.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) (err error) {
		links, err = engine.Links(ctx, r, of)
		return err
	})
	return links, err
}

// MayRead is for interaction.Options: secret cases are for the one in whose name they are, and all are
// kept from requesters.
func MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
	c, err := cases.Get(ctx, r, ref.ID)
	if err != nil {
		return err
	}
	if c.Secret != "" && c.Secret != actor.ID || actor.Has(itsm.RoleRequester) {
		return &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: "host_case.read", Kind: CaseKind, ID: ref.ID}
	}
	return nil
}
