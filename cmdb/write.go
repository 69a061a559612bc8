// This file holds the writing of one CI: what a source says of it, what is taken, and what is kept as an observation.

package cmdb

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/cmdb/schema"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Fields are what a request sets beside attributes; a nil pointer leaves a field as it is.
type Fields struct {
	Name        *string  `json:"name,omitempty"`
	Description *string  `json:"description,omitempty"`
	Environment *string  `json:"environment,omitempty"`
	Criticality *int     `json:"criticality,omitempty"`
	Group       *itsm.ID `json:"group,omitempty"`
	Owner       *itsm.ID `json:"owner,omitempty"`
	Site        *itsm.ID `json:"site,omitempty"`
	// Restricted takes [PermissionRestrict].
	Restricted *bool `json:"restricted,omitempty"`
}

// touchesSight says whether they change what is kept in memory of who may see the CI.
func (fs *Fields) touchesSight() bool {
	return fs.Group != nil || fs.Owner != nil || fs.Restricted != nil
}

// apply sets the fields, and notes what is wrong with them.
func (fs *Fields) apply(ci *CI, f *itsm.Faults) {
	text := func(field string, given *string, to *string, max int, required bool) {
		if given != nil {
			f.Text(field, *given, max, required)
			*to = *given
		}
	}
	key := func(field string, given *itsm.ID, to *itsm.ID) {
		if given != nil {
			if *given != "" {
				f.Key(field, string(*given))
			}
			*to = *given
		}
	}
	text("name", fs.Name, &ci.Name, MaxName, true)
	text("description", fs.Description, &ci.Description, MaxDescription, false)
	text("environment", fs.Environment, &ci.Environment, MaxEnvironment, false)
	if fs.Criticality != nil {
		if *fs.Criticality < 0 || *fs.Criticality > MaxCriticality {
			f.Addf("criticality", "must be from 0 to %d", MaxCriticality)
		}
		ci.Criticality = *fs.Criticality
	}
	key("group", fs.Group, &ci.Group)
	key("owner", fs.Owner, &ci.Owner)
	key("site", fs.Site, &ci.Site)
	if fs.Restricted != nil {
		ci.Restricted = *fs.Restricted
	}
}

// word is what a source says of one CI's attributes.
type word struct {
	Values schema.Values
	Origin
	// Under is the record under which it is written, as a change.
	Under *itsm.Ref
	// Observed says that a source found it so: what may not be written is kept as an observation, where a request of a
	// person fails.
	Observed bool
	// Refused are attributes that are kept as observations whatever may be written, as the word of a better source
	// stands.
	Refused map[string]bool
}

// heard is what came of a word.
type heard struct {
	// Written are the attributes whose value changed, and Kept those of which a new observation is kept, in order.
	Written, Kept []string
}

// hear takes a word into a CI as it was, under a model. It notes what is wrong with the values that change, and no more:
// definitions may have changed since the others were written.
func (p *Practice) hear(ctx context.Context, u *engine.Unit, model *schema.Compiled, ci *CI, w word, f *itsm.Faults) (heard, error) {
	was := ci.Head
	ci.Body = ci.Body.clone()
	values, changed := schema.Values{}, map[string]bool{}
	var controlled []string
	for _, name := range slices.Sorted(maps.Keys(w.Values)) {
		value := w.Values[name]
		if !value.IsZero() {
			var err error
			if value, err = model.CanonicalValue(ci.Class, name, value); err != nil {
				f.Merge("", err)
				continue
			}
		} else if _, ok := model.Attribute(ci.Class, name); !ok && ci.Attributes[name].IsZero() {
			f.Addf("attributes."+quoted(name), "is no attribute of %s", ci.Class)
			continue
		}
		values[name] = value
		if ci.Attributes[name] == value {
			continue
		}
		changed[name] = true
		if a, _ := model.Attribute(ci.Class, name); a.ChangeControlled && !w.Refused[name] {
			controlled = append(controlled, name)
		}
	}
	refused := map[string]bool{}
	maps.Copy(refused, w.Refused)
	if len(controlled) > 0 {
		reason, err := p.mayWriteControlled(ctx, u, ControlledWrite{CI: was, Attributes: controlled, Source: w.Source, Under: w.Under})
		if err != nil {
			return heard{}, err
		}
		for _, name := range controlled {
			if reason == "" {
				break
			}
			if refused[name] = true; !w.Observed {
				f.Addf("attributes."+name, "is change-controlled: %s", reason)
			}
		}
	}
	if err := p.checkReferences(ctx, u, model, ci, values, changed, f); err != nil {
		return heard{}, err
	}
	var h heard
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !changed[name]: // who said it first stays its source
			ci.forget(name, w.Source)
		case !refused[name]:
			ci.forget(name, w.Source)
			ci.set(name, values[name], w.Origin)
			h.Written = append(h.Written, name)
		case ci.observe(name, Observation{w.Origin, values[name]}):
			h.Kept = append(h.Kept, name)
		}
	}
	return h, nil
}

// checkMissing notes the attributes that the CI must have in its state and has not: of one that is new or comes into
// the state all, and of another those that were written.
func checkMissing(model *schema.Compiled, ci *CI, all bool, written []string, f *itsm.Faults) {
	for _, name := range model.Missing(ci.Class, string(ci.State), ci.Attributes) {
		if all || slices.Contains(written, name) {
			f.Addf("attributes."+name, "is required while %s", ci.State)
		}
	}
}

// checkReferences notes references among the values that change which lead to no CI that the actor may read, or to one of another
// class.
func (p *Practice) checkReferences(ctx context.Context, u *engine.Unit, model *schema.Compiled, ci *CI, values schema.Values, changed map[string]bool, f *itsm.Faults) error {
	to := map[string][]itsm.ID{}
	var ids []itsm.ID
	for name := range changed {
		if a, _ := model.Attribute(ci.Class, name); a.Type != schema.TypeReference {
			continue
		}
		list, isList := values[name].List()
		if !isList {
			list = []schema.Value{values[name]}
		}
		for _, v := range list {
			if id, ok := v.Reference(); ok {
				to[name], ids = append(to[name], id), append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	of, err := p.scope(ctx, u.Actor())
	if err != nil {
		return err
	}
	slices.Sort(ids)
	heads, err := headsOf(ctx, u, slices.Compact(ids), of.filter())
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(to)) {
		a, _ := model.Attribute(ci.Class, name)
		for _, id := range to[name] {
			switch h, ok := heads[id]; {
			case !ok:
				f.Addf("attributes."+name, "names %s, which is not found", quoted(string(id)))
			case a.Class != "" && !model.Is(h.Class, a.Class):
				f.Addf("attributes."+name, "names %s, which is of the class %s; it must be a %s", quoted(string(id)), h.Class, a.Class)
			}
		}
	}
	return nil
}

// quoted is a text from outside as an error repeats it.
func quoted(s string) string { return fmt.Sprintf("%.64q", s) }

func (p *Practice) mayWriteControlled(ctx context.Context, u *engine.Unit, w ControlledWrite) (string, error) {
	if p.o.Controlled != nil {
		return p.o.Controlled(ctx, u, u.Actor(), w)
	}
	may, err := p.allows(ctx, u.Actor(), PermissionWriteControlled, &w.CI)
	if err != nil || may {
		return "", err
	}
	return fmt.Sprintf("it takes the permission %s", PermissionWriteControlled), nil
}

func (ci *CI) set(name string, value schema.Value, from Origin) {
	if value.IsZero() {
		delete(ci.Attributes, name)
		delete(ci.Origins, name)
		return
	}
	if ci.Attributes == nil {
		ci.Attributes = schema.Values{}
	}
	if ci.Origins == nil {
		ci.Origins = map[string]Origin{}
	}
	ci.Attributes[name], ci.Origins[name] = value, from
}

// observe keeps an observation, in place of the one that its source made before, and says whether the source found something
// else then.
func (ci *CI) observe(name string, o Observation) bool {
	list := ci.Observations[name]
	at, known := slices.BinarySearchFunc(list, o.Source, func(had Observation, source string) int { return cmp.Compare(had.Source, source) })
	if known && list[at].Value == o.Value {
		return false // since when it has been so says more than when it was last looked
	}
	if ci.Observations == nil {
		ci.Observations = map[string][]Observation{}
	}
	if known {
		list[at] = o
	} else {
		ci.Observations[name] = slices.Insert(list, at, o)
	}
	return true
}

// forget drops the observation of a source that the CI agrees with.
func (ci *CI) forget(name, source string) {
	list := slices.DeleteFunc(ci.Observations[name], func(o Observation) bool { return o.Source == source })
	if len(list) > 0 {
		ci.Observations[name] = list
		return
	}
	delete(ci.Observations, name)
}

// origin checks and gives who says it.
func origin(source string, at, now time.Time, f *itsm.Faults) Origin {
	f.Text("source", source, MaxSource, false)
	return Origin{Source: orElse(source, SourceManual), At: storage.Instant(orElse(at, now))}
}

// checkUnder notes an unusable reference.
func checkUnder(ref *itsm.Ref, f *itsm.Faults) {
	if ref != nil {
		f.Key("under.kind", ref.Kind)
		f.Key("under.id", string(ref.ID))
	}
}
