package cmdb

import (
	"github.com/itsmkit/itsmkit/cmdb/impact"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
	"time"
)

type baselineHead struct{ storage.Meta }
type baselineBody struct{}
type baseline struct {
	baselineHead
	baselineBody
}

var BaselineTable = storage.Define("ci_baseline", storage.Def[baseline, baselineHead, baselineBody]{Parts: func(b *baseline) (*baselineHead, *baselineBody) { return &b.baselineHead, &b.baselineBody }})
var OutageTable = storage.Define("ci_outage", storage.Def[baseline, baselineHead, baselineBody]{Parts: func(b *baseline) (*baselineHead, *baselineBody) { return &b.baselineHead, &b.baselineBody }})
var _ time.Time
var _ impact.State
var _ itsm.ID
