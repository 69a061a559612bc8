package servicedesk

import (
	"context"
	"io"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/portable"
)

// This file takes a tenant out of a desk and into another.

// Export writes all that the desk has of the tenant as lines of JSON, from one state of it:
// records of every practice and of the host's own modules, their events, and what is due. It is for who
// runs the desk, and asks for no permission: who has the file has read everything. See package portable
// for what is in it, and what is not.
func (d *Desk) Export(ctx context.Context, tenant storage.Tenant, w io.Writer) (portable.Summary, error) {
	return portable.Export(ctx, d.Engine.Store(), tenant, d.Engine.Schemas(), w)
}

// Import makes the tenant of a file that Export wrote, of a desk with the same practices, modules and
// columns over any store; see [portable.Import] for what it promises and where it goes on after it was
// interrupted. The desk has been migrated, and nobody uses it in the tenant before Import has returned.
// Numbers go on, and what is due is done by the next Tick. Cursors of the old desk are refused, and
// secrets of webhooks need the same sealer.
func (d *Desk) Import(ctx context.Context, tenant storage.Tenant, file io.ReadSeeker) (portable.Summary, error) {
	return portable.Import(ctx, d.Engine.Store(), tenant, d.Engine.Schemas(), file)
}
