// This file holds a tenant's own model: versions of it, and what keeps one from being followed.

package cmdb

import (
	"context"
	"fmt"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/versioned"
	"github.com/itsmkit/itsmkit/storage"
)

// KindModel is the kind of record that a version of a model is.
const KindModel = "ci_model"

// ModelSet is a model as package versioned keeps it. Its JSON form is that of the model.
type ModelSet struct{ schema.Model }

// VersionKind makes models what package versioned keeps.
func (ModelSet) VersionKind() string { return KindModel }

// Clone gives a copy that shares nothing.
func (m ModelSet) Clone() ModelSet { return ModelSet{m.Model.Clone()} }

// ModelTable is the table of the versions of models.
var ModelTable = versioned.Define[ModelSet]()

// What package versioned keeps of models.
type (
	// ModelVersion is one version of a tenant's model.
	ModelVersion = versioned.Version[ModelSet]
	// ModelDraft is a request for a new version.
	ModelDraft = versioned.Draft[ModelSet]
)

// checkModel notes what is wrong with a model, and which classes and types of relation it lacks that the tenant's CIs and
// current relations have: they could not be changed any more. Attributes may go: their values stay with the CIs that
// have them, and are shown.
func checkModel(ctx context.Context, u *engine.Unit, _ string, _ versioned.Stack, set ModelSet, f *itsm.Faults) {
	c, err := set.Compile()
	if err != nil {
		f.Merge("", err)
		return
	}
	checkStates(c, f)
	note := func(field, what string, groups []storage.Group, err error, has func(string) bool) {
		if err != nil {
			u.Fail(err)
		}
		for _, g := range groups {
			if name, _ := g.Values[0].(string); !has(name) {
				f.Addf(field, "lack %q, %s", name, fmt.Sprintf(what, g.Count))
			}
		}
	}
	// Nothing comes to be of a class or type that the model lacks between the count and its activation.
	if err := lockGraph(ctx, u); err != nil {
		u.Fail(err)
		return
	}
	classes, err := Table.CountBy(ctx, u, ByCurrent.Is(true), ByClass)
	note("classes", "which %d CIs are of that are not retired", classes, err, func(name string) bool {
		class, ok := c.Class(name)
		return ok && !class.Abstract
	})
	isType := func(name string) bool { _, ok := c.Relation(name); return ok }
	types, err := RelationTable.CountBy(ctx, u, RelationByCurrent.Is(true), RelationByType)
	note("relations", "of which there are %d", types, err, isType)
	types, err = GroupTable.CountBy(ctx, u, GroupByCurrent.Is(true), GroupByType)
	note("relations", "of which there are %d groups", types, err, isType)
}

// checkStates notes states that a model names and that no CI can be in.
func checkStates(c *schema.Compiled, f *itsm.Faults) {
	for _, name := range c.States() {
		if _, ok := StandardLifecycle().Category(State(name)); !ok {
			f.Addf("classes", "require attributes in the state %q, which is none of planned, build, test, live and retired", name)
		}
	}
}

// modelChanged gives the tenant's graph a new revision where another model is followed: flow and propagation are the
// model's. By which class is below which CIs are identified, too.
func modelChanged(ctx context.Context, u *engine.Unit) error {
	if err := lockGraph(ctx, u); err != nil {
		return err
	}
	if _, err := record(ctx, u, []edit{{Op: opModel}}); err != nil {
		return err
	}
	return scheduleReindex(ctx, u)
}
