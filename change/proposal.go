// This file holds the changes to configuration items that a change proposes, and makes when it is successful.

package change

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// ProposalKind says what a proposal does.
type ProposalKind string

// The kinds.
const (
	// ProposalSet gives an attribute of a CI a value; none, or the JSON null, removes it.
	ProposalSet ProposalKind = "set"
	// ProposalRelate adds a relation from a CI to another, and ProposalUnrelate ends one.
	ProposalRelate   ProposalKind = "relate"
	ProposalUnrelate ProposalKind = "unrelate"
	// ProposalRetire retires a CI.
	ProposalRetire ProposalKind = "retire"
)

// ProposalKinds gives the kinds that there are.
func ProposalKinds() []ProposalKind {
	return []ProposalKind{ProposalSet, ProposalRelate, ProposalUnrelate, ProposalRetire}
}

// Proposal is one change to a configuration item that a change makes when it is successful. It belongs to what is
// authorised.
type Proposal struct {
	Kind ProposalKind `json:"kind"`
	// CI is one of those of the change.
	CI itsm.ID `json:"ci"`
	// Attribute and Value are of ProposalSet. The value is in the JSON form of the configuration management.
	Attribute string          `json:"attribute,omitempty"`
	Value     json.RawMessage `json:"value,omitempty"`
	// Relation is the type of relation and Target the CI at its other end, of ProposalRelate and ProposalUnrelate.
	Relation string  `json:"relation,omitempty"`
	Target   itsm.ID `json:"target,omitempty"`
}

// maxValue is the greatest length of a proposed value in bytes.
const maxValue = 64 << 10

// checkProposals notes what is wrong with the proposals of the change.
func (w *work) checkProposals() {
	if len(w.Proposals) > MaxProposals {
		w.faults.Addf("proposals", "are %d; at most %d are allowed", len(w.Proposals), MaxProposals)
		return
	}
	for i := range w.Proposals {
		p, at := &w.Proposals[i], fmt.Sprintf("proposals[%d]", i)
		if !slices.Contains(ProposalKinds(), p.Kind) {
			w.faults.Addf(at+".kind", "is %.64q; allowed are %s", p.Kind, list(ProposalKinds()))
			continue
		}
		w.faults.Key(at+".ci", string(p.CI))
		if p.CI != "" && !slices.Contains(w.CIs, p.CI) {
			w.faults.Add(at+".ci", "is not one of the change's configuration items")
		}
		sets, relates := p.Kind == ProposalSet, p.Kind == ProposalRelate || p.Kind == ProposalUnrelate
		if sets {
			w.faults.Text(at+".attribute", p.Attribute, storage.MaxText, true)
			switch {
			case len(p.Value) > maxValue:
				w.faults.Addf(at+".value", "has %d bytes; at most %d are allowed", len(p.Value), maxValue)
			case len(p.Value) > 0 && !json.Valid(p.Value):
				w.faults.Add(at+".value", "is not valid JSON")
			}
		} else if p.Attribute != "" || len(p.Value) > 0 {
			w.faults.Addf(at, "has an attribute or a value, which are of %s alone", ProposalSet)
		}
		if relates {
			w.faults.Text(at+".relation", p.Relation, storage.MaxText, true)
			w.faults.Key(at+".target", string(p.Target))
		} else if p.Relation != "" || p.Target != "" {
			w.faults.Addf(at, "has a relation or a target, which are of %s and %s alone", ProposalRelate, ProposalUnrelate)
		}
	}
}

// compactProposals gives a copy with values as they will be stored.
func compactProposals(list []Proposal) []Proposal {
	if len(list) == 0 {
		return nil
	}
	out := slices.Clone(list)
	for i := range out {
		if len(out[i].Value) > 0 {
			out[i].Value = compact(out[i].Value)
		}
	}
	return out
}
