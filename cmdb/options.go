// This file holds what a host can set.

package cmdb

import (
	"context"

	"github.com/itsmkit/itsmkit/cmdb/reconcile"
	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// DefaultGraphs is how many tenants' graphs are kept in memory where the options say nothing.
const DefaultGraphs = 16

// Options are what a host can set. The zero value works.
type Options struct {
	// Model is the model of tenants that follow no version of their own and none of their provider; nil is
	// schema.Shipped. It must compile.
	Model *schema.Model
	// Rules say how observations are brought together. Nil are reconcile.Shipped where they fit a tenant's model, and none
	// otherwise: by no rules no CI is known again but by its source's own key. They must compile against Model; a tenant
	// whose own model they do not fit cannot observe. Where they change, [Practice.Reindex] comes before the next observation.
	Rules *reconcile.Rules
	// Controlled says whether an actor may write change-controlled attributes of a CI now: "" that it may, and
	// otherwise the reason why not. Under is the record that the request names as what it is done under, such as a
	// change; its kind and id are not checked before. It only reads. Nil asks for [PermissionWriteControlled].
	// What is refused to an observation is kept as one, and fails any other request.
	Controlled func(ctx context.Context, r storage.Reader, actor itsm.Actor, w ControlledWrite) (reason string, err error)
	// Graphs is how many tenants' graphs are kept in memory at most; 0 is [DefaultGraphs]. Of more, the one that
	// was not asked for the longest is loaded anew when it is.
	Graphs int
	// Services are the classes whose CIs, and those of the classes below, are told apart as services where a record impacts them. Empty is
	// [DefaultServices]. Those that a model does not have are passed over.
	Services []string
	// MayRead says whether the actor may know of a record of another practice, as of an incident that impacts CIs: nil that it may,
	// ErrNotFound or ErrForbidden that it may not. Nil lets everyone know of it who has the permission for the CIs. A system actor is not
	// asked about.
	MayRead func(ctx context.Context, r storage.Reader, actor itsm.Actor, ref itsm.Ref) error
	// MayReadEach asks what MayRead does about many records at once, for lists: those that the actor may know of are true in the
	// answer. Nil asks MayRead about one after the other.
	MayReadEach func(ctx context.Context, r storage.Reader, actor itsm.Actor, refs []itsm.Ref) (map[itsm.Ref]bool, error)
}

// DefaultServices are the classes of the shipped model that are services, and "service" of any other.
func DefaultServices() []string { return []string{schema.ClassServiceItem, schema.ClassService} }

// ControlledWrite is what [Options].Controlled is asked about.
type ControlledWrite struct {
	// CI is as it was before the command.
	CI Head
	// Attributes are the change-controlled ones that would be written, in order.
	Attributes []string
	// Source is who says so.
	Source string
	// Under is the record that the request names, nil for none.
	Under *itsm.Ref
}
