// This file holds the commands and queries of endpoints and deliveries.

package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The bounds of endpoints.
const (
	// MaxEndpoints is how many endpoints of a tenant may be active.
	MaxEndpoints = 100
	MaxName      = 200  // characters
	MaxURL       = 2048 // bytes
	MaxTypes     = 200
	// DefaultOverlap is how long an old secret is used beside the new one, where a rotation does not
	// say; MaxOverlap is the most that it may say.
	DefaultOverlap = 24 * time.Hour
	MaxOverlap     = 30 * 24 * time.Hour
	// maxKeys is how many secrets an endpoint has at once.
	maxKeys = 5
)

// Definition is a request for an endpoint.
type Definition struct {
	itsm.Command
	Name  string   `json:"name"`
	URL   string   `json:"url"`
	Types []string `json:"types"`
	// Detail is what the endpoint may know; empty is [DetailPublic].
	Detail Detail `json:"detail,omitempty"`
	// Restricted has it told of restricted records too; it takes [DetailFull].
	Restricted bool `json:"restricted,omitempty"`
}

// Revision is a request to change an endpoint. A nil field stays as it is.
type Revision struct {
	itsm.Command
	Name       *string   `json:"name,omitempty"`
	URL        *string   `json:"url,omitempty"`
	Types      *[]string `json:"types,omitempty"`
	Detail     *Detail   `json:"detail,omitempty"`
	Restricted *bool     `json:"restricted,omitempty"`
}

// Rotation is a request for a new secret.
type Rotation struct {
	itsm.Command
	// Overlap is how long deliveries are signed with the old secret too; 0 is [DefaultOverlap]. Now has
	// the old ones not be used any more at all, as after a theft.
	Overlap time.Duration `json:"overlap,omitempty"`
	Now     bool          `json:"now,omitempty"`
}

// Define makes an endpoint and gives its secret, which is told this once. Where the command has a key and
// was given before, the secret is the zero one: rotate it where it is lost.
func (p *Practice) Define(ctx context.Context, actor itsm.Actor, r Definition) (Endpoint, Secret, error) {
	c := engine.Call{Name: Kind + ".define", Actor: actor, Command: r.Command, Request: r}
	var secret Secret
	e, err := p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Endpoint, error) {
		secret = Secret{}
		e := Endpoint{Head{Name: r.Name, State: StateActive, Detail: r.Detail, Restricted: r.Restricted}, Body{URL: r.URL, Types: slices.Clone(r.Types)}}
		if e.Detail == "" {
			e.Detail = DetailPublic
		}
		var f itsm.Faults
		f.Merge("", c.Validate())
		p.check(&e, &f)
		if err := f.Err("endpoint"); err != nil {
			return e, err
		}
		if err := p.room(ctx, u); err != nil {
			return e, err
		}
		e.ID = u.NewID()
		if err := Table.Put(ctx, u, &e); err != nil {
			return e, err
		}
		k := keys{keysHead: keysHead{Meta: storage.Meta{ID: e.ID, Created: u.Now(), Updated: u.Now()}}}
		made, err := p.add(&k, u)
		if err != nil {
			return e, err
		}
		secret = made
		p.emit(u, &e, "define", "", Defined{})
		return e, keysTable.Put(ctx, u.Quiet(), &k)
	})
	if err != nil {
		return e, Secret{}, err
	}
	return e, secret, nil
}

// Revise changes an endpoint. Deliveries that wait go to the new URL.
func (p *Practice) Revise(ctx context.Context, actor itsm.Actor, id itsm.ID, r Revision) (Endpoint, error) {
	c := engine.Call{Name: Kind + ".revise", Actor: actor, Command: r.Command, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, e *Endpoint, f *itsm.Faults) error {
		set(&e.Name, r.Name)
		set(&e.URL, r.URL)
		set(&e.Detail, r.Detail)
		set(&e.Restricted, r.Restricted)
		if r.Types != nil {
			e.Types = slices.Clone(*r.Types)
		}
		p.check(e, f)
		if err := f.Err("endpoint"); err != nil {
			return err
		}
		if e.State == StateRetired {
			return notPermitted(e, "revise")
		}
		if err := Table.Put(ctx, u, e); err != nil {
			return err
		}
		p.emit(u, e, "revise", e.State, Revised{})
		return nil
	})
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// Rotate gives an endpoint a new secret, which is told this once. Deliveries are signed with the old one
// too, until the overlap has passed.
func (p *Practice) Rotate(ctx context.Context, actor itsm.Actor, id itsm.ID, r Rotation) (Endpoint, Secret, error) {
	c := engine.Call{Name: Kind + ".rotate", Actor: actor, Command: r.Command, Target: id, Request: r}
	var secret Secret
	e, err := p.command(ctx, c, func(ctx context.Context, u *engine.Unit, e *Endpoint, f *itsm.Faults) error {
		secret = Secret{}
		switch {
		case r.Overlap < 0 || r.Overlap > MaxOverlap:
			f.Addf("overlap", "must be from 0 to %s", MaxOverlap)
		case r.Overlap > 0 && r.Now:
			f.Add("overlap", "has no meaning where the old secrets end now")
		}
		if err := f.Err("rotation"); err != nil {
			return err
		}
		if e.State == StateRetired {
			return notPermitted(e, "rotate")
		}
		k, err := keysTable.Get(ctx, u.Quiet(), e.ID)
		if err != nil {
			return err
		}
		until := u.Now().Add(r.Overlap)
		if r.Overlap == 0 {
			until = u.Now().Add(DefaultOverlap)
		}
		k.Keys = k.valid(u.Now())
		for i := range k.Keys {
			if k.Keys[i].Until.IsZero() || k.Keys[i].Until.After(until) {
				k.Keys[i].Until = until
			}
		}
		if r.Now {
			k.Keys = nil
		}
		made, err := p.add(&k, u)
		if err != nil {
			return err
		}
		secret = made
		if err := Table.Put(ctx, u, e); err != nil {
			return err
		}
		p.emit(u, e, "rotate", e.State, Rotated{})
		return keysTable.Put(ctx, u.Quiet(), &k)
	})
	if err != nil {
		return e, Secret{}, err
	}
	return e, secret, nil
}

// valid gives the keys that are used at an instant.
func (k *keys) valid(at time.Time) (all []key) {
	for _, x := range k.Keys {
		if x.Until.IsZero() || at.Before(x.Until) {
			all = append(all, x)
		}
	}
	return all
}

// add makes a secret and puts it before the others.
func (p *Practice) add(k *keys, u *engine.Unit) (Secret, error) {
	plain := make([]byte, newSecret)
	if _, err := io.ReadFull(p.o.Random, plain); err != nil {
		return Secret{}, fmt.Errorf("webhook secret: %w", err)
	}
	sealed, err := p.o.Sealer.Seal(plain, sealName(u.Tenant(), k.ID))
	if err != nil {
		return Secret{}, err
	}
	k.Keys = append([]key{{Sealed: sealed}}, k.Keys...)
	k.Keys = k.Keys[:min(len(k.Keys), maxKeys)]
	k.Updated = u.Now()
	return Secret{plain}, nil
}

func sealName(t storage.Tenant, endpoint itsm.ID) string {
	return "webhook\x00" + string(t) + "\x00" + string(endpoint)
}

// Disable has nothing delivered to an endpoint until it is enabled again. What waits becomes dead.
func (p *Practice) Disable(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Endpoint, error) {
	c := engine.Call{Name: Kind + ".disable", Actor: actor, Command: r, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, e *Endpoint, f *itsm.Faults) error {
		if err := f.Err("endpoint"); err != nil {
			return err
		}
		if e.State != StateActive {
			return notPermitted(e, "disable")
		}
		return p.disable(ctx, u, e, WhyPerson, 0)
	})
}

func (p *Practice) disable(ctx context.Context, u *engine.Unit, e *Endpoint, why Why, status int) error {
	e.State, e.Why, e.DisabledAt = StateDisabled, why, u.Now()
	if err := Table.Put(ctx, u, e); err != nil {
		return err
	}
	p.emit(u, e, "disable", StateActive, Disabled{Name: e.Name, Why: why, Status: status})
	return nil
}

// Enable has events delivered to a disabled endpoint again, those that are queued from now on: what
// waited when it was disabled becomes dead. What is dead is sent again by [Practice.Redeliver].
func (p *Practice) Enable(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Endpoint, error) {
	c := engine.Call{Name: Kind + ".enable", Actor: actor, Command: r, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, e *Endpoint, f *itsm.Faults) error {
		if err := f.Err("endpoint"); err != nil {
			return err
		}
		if e.State != StateDisabled {
			return notPermitted(e, "enable")
		}
		if err := p.room(ctx, u); err != nil {
			return err
		}
		k, err := keysTable.Get(ctx, u.Quiet(), e.ID)
		if err != nil {
			return err
		}
		k.Failures, k.FailingSince, k.RetryAt, k.Updated = 0, time.Time{}, time.Time{}, u.Now()
		if err := keysTable.Put(ctx, u.Quiet(), &k); err != nil {
			return err
		}
		e.State, e.Why, e.DisabledAt = StateActive, "", time.Time{}
		e.Enabled++
		if err := Table.Put(ctx, u, e); err != nil {
			return err
		}
		p.emit(u, e, "enable", StateDisabled, Enabled{})
		return nil
	})
}

// Retire has an endpoint not be used any more, for good. Its secrets are deleted.
func (p *Practice) Retire(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Endpoint, error) {
	c := engine.Call{Name: Kind + ".retire", Actor: actor, Command: r, Target: id, Request: r}
	return p.command(ctx, c, func(ctx context.Context, u *engine.Unit, e *Endpoint, f *itsm.Faults) error {
		if err := f.Err("endpoint"); err != nil {
			return err
		}
		if e.State == StateRetired {
			return notPermitted(e, "retire")
		}
		was := e.State
		e.State = StateRetired
		if err := Table.Put(ctx, u, e); err != nil {
			return err
		}
		p.emit(u, e, "retire", was, Retired{})
		k, err := keysTable.Get(ctx, u.Quiet(), e.ID)
		if err != nil {
			return err
		}
		k.Keys, k.Updated = nil, u.Now()
		return keysTable.Put(ctx, u.Quiet(), &k)
	})
}

// Redeliver has a dead delivery sent again, with all attempts before it. Where its endpoint is not active
// it is ErrTransition.
func (p *Practice) Redeliver(ctx context.Context, actor itsm.Actor, id itsm.ID, r itsm.Command) (Delivery, error) {
	c := engine.Call{Name: KindDelivery + ".redeliver", Actor: actor, Command: r, Target: id, Request: r}
	may := func(ctx context.Context, u *engine.Unit) error {
		return u.Authorize(ctx, PermissionManage, subject(""))
	}
	return engine.Execute(ctx, p.e, DeliveryTable, c, func(ctx context.Context, u *engine.Unit) (Delivery, error) {
		if err := may(ctx, u); err != nil {
			return Delivery{}, err
		}
		d, err := DeliveryTable.Get(ctx, u, id)
		if err != nil {
			return d, err
		}
		if err := c.Validate(); err != nil {
			return d, err
		}
		e, err := Table.Get(ctx, u, d.Endpoint)
		if err != nil {
			return d, err
		}
		if d.State != DeliveryDead || e.State != StateActive {
			refused := &itsm.TransitionError{Kind: KindDelivery, ID: id, State: string(d.State), Action: "redeliver"}
			if e.State != StateActive {
				refused.Reason = "its endpoint is " + string(e.State)
			}
			return d, refused
		}
		d.State, d.Attempts, d.Queued, d.Due, d.Updated = DeliveryPending, 0, u.Now(), u.Now(), u.Now()
		d.Enabled = e.Enabled
		if err := DeliveryTable.Put(ctx, u.Quiet(), &d); err != nil {
			return d, err
		}
		return d, schedule(ctx, u, of{d.Endpoint, d.RecordKind, d.RecordID}, u.Now())
	}, func(ctx context.Context, u *engine.Unit, d Delivery, again bool) (Delivery, error) {
		if again {
			return d, may(ctx, u)
		}
		return d, nil
	})
}

// check notes what is wrong with an endpoint.
func (p *Practice) check(e *Endpoint, f *itsm.Faults) {
	f.Text("name", e.Name, MaxName, true)
	if problem := p.checkURL(e.URL); problem != "" {
		f.Add("url", problem)
	}
	switch {
	case len(e.Types) == 0:
		f.Add("types", "are required")
	case len(e.Types) > MaxTypes:
		f.Addf("types", "are %d; at most %d are allowed", len(e.Types), MaxTypes)
	default:
		there := p.e.EventTypes()
		for i, pattern := range e.Types {
			begin, open := strings.CutSuffix(pattern, "*")
			at := fmt.Sprintf("types[%d]", i)
			switch {
			case open && (!strings.HasSuffix(begin, ".") || strings.Contains(begin, "*")):
				f.Add(at, `has a star that does not stand for the rest behind a dot, as in "incident.*"`)
			case !slices.ContainsFunc(there, func(t string) bool { return wants(pattern, t) }):
				f.Add(at, "is no type of event that there is")
			}
		}
	}
	if e.Detail != DetailPublic && e.Detail != DetailFull {
		f.Add("detail", "must be public or full")
	} else if e.Restricted && e.Detail != DetailFull {
		f.Add("restricted", "takes the full detail: who may know of restricted records may know what they say")
	}
}

func wants(pattern, eventType string) bool {
	begin, open := strings.CutSuffix(pattern, "*")
	return pattern == eventType || open && strings.HasPrefix(eventType, begin)
}

func (p *Practice) checkURL(s string) (problem string) {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return "is required"
	case len(s) > MaxURL:
		return fmt.Sprintf("is longer than %d bytes", MaxURL)
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return `must be a URL such as "https://example.com/hooks"`
	case u.Scheme != "https" && (u.Scheme != "http" || !p.o.AllowHTTP):
		return "must begin with https://"
	case u.User != nil:
		return "must not have a user name or password"
	case u.Fragment != "":
		return "must not have a fragment"
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !p.o.AllowPrivate && !public(a) {
		return "must not be a private, local or reserved address"
	}
	return ""
}

// room refuses one active endpoint too many.
func (p *Practice) room(ctx context.Context, u *engine.Unit) error {
	if err := u.Lock(ctx, Kind); err != nil {
		return err
	}
	n, err := Table.Count(ctx, u, ByState.Is(StateActive))
	if err == nil && n >= MaxEndpoints {
		err = itsm.Invalid("endpoint", "state", fmt.Sprintf("cannot be active: %d are already", MaxEndpoints))
	}
	return err
}

func (p *Practice) emit(u *engine.Unit, e *Endpoint, action string, from State, data itsm.Payload) {
	category := map[State]itsm.Category{StateActive: itsm.CategoryActive, StateDisabled: itsm.CategoryWaiting, StateRetired: itsm.CategoryClosed}
	u.Emit(itsm.Event{Kind: Kind, Record: e.ID, Action: action, From: string(from), To: string(e.State),
		FromCategory: category[from], ToCategory: category[e.State], Internal: true, Data: data})
}

func notPermitted(e *Endpoint, action string) error {
	permitted := map[State][]string{StateActive: {"revise", "rotate", "disable", "retire"}, StateDisabled: {"revise", "rotate", "enable", "retire"}}
	return &itsm.TransitionError{Kind: Kind, ID: e.ID, State: string(e.State), Action: action, Permitted: permitted[e.State]}
}

// execute runs a command on endpoints. Who gives an old key again needs to be permitted still.
func (p *Practice) execute(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit) (Endpoint, error)) (Endpoint, error) {
	return engine.Execute(ctx, p.e, Table, c, func(ctx context.Context, u *engine.Unit) (Endpoint, error) {
		if err := u.Authorize(ctx, PermissionManage, subject(c.Target)); err != nil {
			return Endpoint{}, err
		}
		return fn(ctx, u)
	}, func(ctx context.Context, u *engine.Unit, e Endpoint, again bool) (Endpoint, error) {
		if again {
			return e, u.Authorize(ctx, PermissionManage, subject(e.ID))
		}
		return e, nil
	})
}

// command runs a command on one endpoint; fn is given what is wrong with the command itself.
func (p *Practice) command(ctx context.Context, c engine.Call, fn func(context.Context, *engine.Unit, *Endpoint, *itsm.Faults) error) (Endpoint, error) {
	return p.execute(ctx, c, func(ctx context.Context, u *engine.Unit) (Endpoint, error) {
		e, err := Table.Get(ctx, u, c.Target)
		if err != nil {
			return e, err
		}
		var f itsm.Faults
		f.Merge("", c.Validate())
		return e, fn(ctx, u, &e, &f)
	})
}

// read reads in the actor's tenant, if the actor may read endpoints.
func (p *Practice) read(ctx context.Context, actor itsm.Actor, fn func(ctx context.Context, r storage.Reader) error) error {
	return p.e.ReadTenants(ctx, actor, []storage.Tenant{actor.Tenant}, func(ctx context.Context, r storage.Reader) error {
		if err := p.e.Authorizer().Authorize(ctx, actor, PermissionRead, subject("")); err != nil {
			return err
		}
		return fn(ctx, r)
	})
}

// Endpoint gives an endpoint.
func (p *Practice) Endpoint(ctx context.Context, actor itsm.Actor, id itsm.ID) (e Endpoint, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		e, err = Table.Get(ctx, r, id)
		return err
	})
	return e, err
}

// Endpoints gives a page of endpoints; without an order by their ids.
func (p *Practice) Endpoints(ctx context.Context, actor itsm.Actor, q storage.Query[Head]) (page storage.Page[Head], err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page, err = Table.List(ctx, r, q)
		return err
	})
	return page, err
}

// Deliveries gives a page of deliveries, as those that are dead; without an order the oldest first.
func (p *Practice) Deliveries(ctx context.Context, actor itsm.Actor, q storage.Query[DeliveryHead]) (page storage.Page[Delivery], err error) {
	if len(q.Order) == 0 {
		q.Order = []storage.Order{DeliveryByQueued.Asc()}
	}
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		page, err = DeliveryTable.Records(ctx, r, q)
		return err
	})
	return page, err
}

// Health is how an endpoint has done of late.
type Health struct {
	// Failures counts those since the last delivery that was taken, FailingSince is the first of them.
	Failures     int       `json:"failures"`
	FailingSince time.Time `json:"failing_since,omitzero"`
	// RetryAt is until when it is left alone.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// Secrets is with how many secrets deliveries are signed now.
	Secrets int `json:"secrets"`
}

// Health gives how an endpoint has done of late.
func (p *Practice) Health(ctx context.Context, actor itsm.Actor, id itsm.ID) (h Health, err error) {
	err = p.read(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		k, err := keysTable.Get(ctx, r, id)
		if errors.Is(err, storage.ErrNotFound) {
			return &storage.Error{Op: "get", Table: Kind, ID: id, Err: storage.ErrNotFound}
		}
		h = Health{k.Failures, k.FailingSince, k.RetryAt, len(k.valid(p.e.Now()))}
		return err
	})
	return h, err
}
