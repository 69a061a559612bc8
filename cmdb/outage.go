// stub
package cmdb

import (
	"context"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
)

func (p *Practice) failuresAt(ctx context.Context, actor itsm.Actor, at time.Time, s *impact.Snapshot) ([]impact.Failure, error) {
	return nil, nil
}
