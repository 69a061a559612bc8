// This file holds a host's own record, about which tasks are.

package tasksuite

import (
	"context"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// OrderKind is the kind of the host's record.
const OrderKind = "order"

// Order is a record about which tasks are.
type Order struct {
	OrderHead
	OrderBody
}

// OrderHead is all of an order.
type OrderHead struct {
	storage.Meta
	Category itsm.Category `json:"category"`
	// Secret orders are for the person in whose name they are.
	Secret itsm.ID `json:"secret,omitempty"`
}

// OrderBody is empty.
type OrderBody struct{}

var orders = storage.Define(OrderKind, storage.Def[Order, OrderHead, OrderBody]{
	Parts: func(o *Order) (*OrderHead, *OrderBody) { return &o.OrderHead, &o.OrderBody },
	Columns: []storage.ColumnOf[OrderHead]{
		storage.Col("category", func(h *OrderHead) *itsm.Category { return &h.Category }),
		storage.Col("secret", func(h *OrderHead) *itsm.ID { return &h.Secret }),
	},
})

// Ref names the order.
func (h *OrderHead) Ref() itsm.Ref { return itsm.Ref{Kind: OrderKind, ID: h.ID} }

// Moved is the event of orders.
type Moved struct{}

// EventType is order.moved.v1.
func (Moved) EventType() string { return "order.moved.v1" }

// Host keeps orders on an engine.
type Host struct{ e *engine.Engine }

// NewHost registers the orders on the engine.
func NewHost(e *engine.Engine) (*Host, error) {
	return &Host{e}, e.Use(engine.Module{Name: OrderKind, Tables: []*storage.Schema{orders.Schema()}, Events: []itsm.EventType{itsm.EventOf[Moved]()}})
}

// Open makes an order. secret is for whom alone it is, where it is not empty.
func (h *Host) Open(ctx context.Context, actor itsm.Actor, secret itsm.ID) (itsm.Ref, error) {
	var ref itsm.Ref
	err := h.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		o := Order{OrderHead: OrderHead{Category: itsm.CategoryActive, Secret: secret}}
		o.ID = u.NewID()
		if err := orders.Put(ctx, u, &o); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: OrderKind, Record: o.ID, Action: "open", ToCategory: o.Category, Data: Moved{}})
		ref = o.Ref()
		return nil
	})
	return ref, err
}

// Move moves an order to a category, and then fails with the error, where there is one.
func (h *Host) Move(ctx context.Context, actor itsm.Actor, ref itsm.Ref, to itsm.Category, fail error) error {
	return h.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		o, err := orders.Get(ctx, u, ref.ID)
		if err != nil {
			return err
		}
		from := o.Category
		o.Category = to
		if err := orders.Put(ctx, u, &o); err != nil {
			return err
		}
		u.Emit(itsm.Event{Kind: OrderKind, Record: o.ID, Action: "move", FromCategory: from, ToCategory: to, Data: Moved{}})
		if fail != nil {
			u.Fail(fail)
		}
		return nil
	})
}

// Delete removes an order.
func (h *Host) Delete(ctx context.Context, actor itsm.Actor, ref itsm.Ref) error {
	return h.e.Update(ctx, actor, func(ctx context.Context, u *engine.Unit) error {
		o, err := orders.Get(ctx, u, ref.ID)
		if err != nil {
			return err
		}
		return orders.Delete(ctx, u, &o)
	})
}

// MayRead is for task.Options: secret orders are for the one in whose name they are.
func MayRead(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error {
	o, err := orders.Get(ctx, r, ref.ID)
	if err != nil {
		return err
	}
	if o.Secret != "" && o.Secret != actor.ID {
		return &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: "order.read", Kind: OrderKind, ID: ref.ID}
	}
	return nil
}
