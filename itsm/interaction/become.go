// This file holds how an interaction becomes a record of another practice, and another one after that.

package interaction

import (
	"context"
	"maps"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
)

// Becoming says what an interaction becomes.
type Becoming struct {
	itsm.Command
	// Classification is one that has an [Opener]; empty is that which the interaction has.
	Classification Classification `json:"classification,omitempty"`
}

// Become makes a record of an interaction, by the opener of the classification, in the same transaction:
// the actor needs the rights for both. The two are linked.
func (p *Practice) Become(ctx context.Context, actor itsm.Actor, id itsm.ID, r Becoming) (Interaction, error) {
	return p.command(ctx, actor, id, ActionBecome, r.Command, r, func(ctx context.Context, w *work) error {
		w.becomes(r.Classification)
		if err := w.check(ctx, ActionBecome); err != nil {
			return err
		}
		ref, err := w.open(ctx)
		if err != nil {
			return err
		}
		if err := w.stands(ctx, ref, false); err != nil {
			return err
		}
		w.move(Became{Classification: w.Classification, Record: ref})
		return nil
	})
}

// Attachment says which record an interaction is about.
type Attachment struct {
	itsm.Command
	Record itsm.Ref `json:"record"`
	// Classification is what the interaction is; empty is the kind of the record where that is one, and
	// otherwise what the interaction is taken for.
	Classification Classification `json:"classification,omitempty"`
}

// Attach says that an interaction is about a record that is there already, of which the actor must be
// allowed to know: the person asks how it goes, or reports what others have. The two are linked.
func (p *Practice) Attach(ctx context.Context, actor itsm.Actor, id itsm.ID, r Attachment) (Interaction, error) {
	return p.command(ctx, actor, id, ActionAttach, r.Command, r, func(ctx context.Context, w *work) error {
		switch {
		case r.Classification != "":
			w.classify(r.Classification)
		case slices.Contains(p.o.Classifications, Classification(r.Record.Kind)):
			w.Classification = Classification(r.Record.Kind)
		}
		if r.Record != (itsm.Ref{}) { // which is missing, and told so
			if err := w.checkRecord(ctx, r.Record); err != nil {
				return err
			}
		}
		if err := w.check(ctx, ActionAttach); err != nil {
			return err
		}
		if err := w.stands(ctx, r.Record, true); err != nil {
			return err
		}
		w.move(Attached{Classification: w.Classification, Record: r.Record})
		return nil
	})
}

// Reclassification says what an interaction is after all.
type Reclassification struct {
	itsm.Command
	// Classification is another one. With Record, which is there already, it may be the same.
	Classification Classification `json:"classification"`
	// Record is the record that it is about; nil has the opener of the classification make one.
	Record *itsm.Ref `json:"record,omitempty"`
}

// Reclassify says that an interaction is something else than it was taken for. The record in the place of
// the first is made by the opener of the classification, which is told since when the matter has been
// known, or it is one that is there. Where the first was made from the interaction, the two are linked
// both ways (itsm.LinkReclassifiedAs) and the first is ended by [Opener].Reclassified. The interaction
// keeps both. All of it is one transaction.
func (p *Practice) Reclassify(ctx context.Context, actor itsm.Actor, id itsm.ID, r Reclassification) (Interaction, error) {
	return p.command(ctx, actor, id, ActionReclassify, r.Command, r, func(ctx context.Context, w *work) error {
		was := w.Was.Record()
		w.Classification = r.Classification
		if r.Record != nil {
			w.classify(r.Classification)
			if err := w.checkRecord(ctx, *r.Record); err != nil {
				return err
			}
			if *r.Record == was {
				w.faults.Add("record", "is the one that it is about already")
			}
		} else if r.Classification != "" {
			w.becomes(r.Classification)
			if r.Classification == w.Was.Classification {
				w.faults.Add("classification", "is what it is taken for already")
			}
		}
		if err := w.check(ctx, ActionReclassify); err != nil {
			return err
		}
		w.Reclassifications++
		var ref itsm.Ref
		var err error
		if r.Record != nil {
			ref = *r.Record
		} else if ref, err = w.open(ctx); err != nil {
			return err
		}
		if err := w.stands(ctx, ref, r.Record != nil); err != nil {
			return err
		}
		if err := w.replace(ctx, ref); err != nil {
			return err
		}
		w.move(Reclassified{From: w.Was.Classification, FromRecord: was, Classification: w.Classification, Record: ref, Count: w.Reclassifications})
		return nil
	})
}

// becomes applies a classification that must have an opener.
func (w *work) becomes(c Classification) {
	if c != "" {
		w.Classification = c
	}
	if _, ok := w.p.o.Becomes[w.Classification]; !ok && w.Classification != "" {
		able := slices.Sorted(maps.Keys(w.p.o.Becomes))
		if len(able) == 0 {
			w.faults.Add("classification", "has no opener, as no other has; set Options.Becomes")
			return
		}
		w.faults.Addf("classification", "must be one that has an opener: %s", list(able))
	}
}

// checkRecord notes an unusable reference, and one to a record that the actor may not know of.
func (w *work) checkRecord(ctx context.Context, ref itsm.Ref) error {
	w.RecordKind, w.RecordID = ref.Kind, ref.ID
	before := len(w.faults.List())
	w.faults.Key("record.kind", ref.Kind)
	w.faults.Key("record.id", string(ref.ID))
	if ref == w.Ref() {
		w.faults.Add("record", "is the interaction itself")
	}
	if len(w.faults.List()) > before {
		return nil
	}
	if w.p.o.MayRead == nil {
		return nil // there is no one to ask
	}
	may, err := w.p.mayKnow(ctx, w.u, w.actor, true, ref)
	if err == nil && !may {
		w.faults.Add("record", "is not found")
	}
	return err
}

// opening is what openers are told.
func (w *work) opening() Opening {
	o := Opening{Interaction: w.Was, Classification: w.Classification, Since: w.StartedAt, Reason: w.Reason}
	if made, ok := w.made(); ok {
		o.From, o.FromClassification = &made.Record, made.Classification
	}
	return o
}

// made is the record that counted before the command, where it was made from the interaction.
func (w *work) made() (Conversion, bool) {
	if len(w.Was.Became) == 0 {
		return Conversion{}, false
	}
	last := w.Was.Became[len(w.Was.Became)-1]
	return last, !last.Attached
}

// open makes the record.
func (w *work) open(ctx context.Context) (itsm.Ref, error) {
	ref, err := w.p.o.Becomes[w.Classification].Open(ctx, w.u, w.opening())
	if err != nil {
		return itsm.Ref{}, err
	}
	var f itsm.Faults
	f.Key("kind", ref.Kind)
	f.Key("id", string(ref.ID))
	if ref == w.Ref() || slices.ContainsFunc(w.Became, func(c Conversion) bool { return c.Record == ref }) {
		f.Add("record", "is not a new one")
	}
	return ref, f.Err("what the opener of " + string(w.Classification) + " made")
}

// stands makes the record the one that counts, and links it.
func (w *work) stands(ctx context.Context, ref itsm.Ref, attached bool) error {
	w.RecordKind, w.RecordID = ref.Kind, ref.ID
	w.Became = append(slices.Clip(w.Became), Conversion{
		Classification: w.Classification, Record: ref, Attached: attached, At: w.u.Now(), By: w.actor.ID,
	})
	if w.Assignee == "" && !w.actor.System {
		w.Assignee = w.actor.ID
	}
	_, err := w.u.AddLink(ctx, itsm.Link{Type: itsm.LinkReports, From: w.Ref(), To: ref})
	return err
}

// replace ends the record in whose place another stands now, where it was made from the interaction.
func (w *work) replace(ctx context.Context, by itsm.Ref) error {
	last, ok := w.made()
	if !ok {
		return nil
	}
	if _, err := w.u.AddLink(ctx, itsm.Link{Type: itsm.LinkReclassifiedAs, From: last.Record, To: by}); err != nil {
		return err
	}
	if end := w.p.o.Becomes[last.Classification].Reclassified; end != nil {
		return end(ctx, w.u, last.Record, by, w.opening())
	}
	return nil
}
