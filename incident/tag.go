// This file holds tags: labels that those who work on incidents give them, by which they are found.

package incident

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// The bounds of tags.
const (
	MaxTags = 50 // of an incident
	MaxTag  = 64 // characters of one
)

// Tagging names tags.
type Tagging struct {
	itsm.Command
	// Tags are brought to their normal form: lower case, with one hyphen for each run of spaces. They
	// are made of letters, digits and - _ . : / + # @ alone.
	Tags []string `json:"tags"`
}

// Tag gives an incident tags, in any state. Those that it has already stay. Tags are internal.
func (p *Practice) Tag(ctx context.Context, actor itsm.Actor, id itsm.ID, r Tagging) (Incident, error) {
	return p.command(ctx, actor, id, ActionTag, r.Command, r, func(ctx context.Context, w *work) error {
		var added []string
		for _, tag := range w.checkTags(r.Tags) {
			if !slices.Contains(w.Was.Tags, tag) {
				added = append(added, tag)
			}
		}
		if n := len(w.Was.Tags) + len(added); n > MaxTags {
			w.faults.Addf("tags", "would be %d; at most %d are allowed", n, MaxTags)
		} else if len(added) > 0 {
			w.Tags = append(slices.Clone(w.Was.Tags), added...)
			slices.Sort(w.Tags)
		}
		return w.change(ctx, ActionTag, TagsAdded{Tags: added})
	})
}

// Untag takes tags from an incident, in any state. Those that it has not change nothing.
func (p *Practice) Untag(ctx context.Context, actor itsm.Actor, id itsm.ID, r Tagging) (Incident, error) {
	return p.command(ctx, actor, id, ActionUntag, r.Command, r, func(ctx context.Context, w *work) error {
		var removed, left []string
		gone := w.checkTags(r.Tags)
		for _, tag := range w.Was.Tags {
			if slices.Contains(gone, tag) {
				removed = append(removed, tag)
			} else {
				left = append(left, tag)
			}
		}
		w.Tags = left
		return w.change(ctx, ActionUntag, TagsRemoved{Tags: removed})
	})
}

// adoptTags gives the incident the tags of a duplicate that it has not, as many as it may have, and says
// which.
func (w *work) adoptTags(tags []string) (added []string) {
	for _, tag := range tags {
		if !slices.Contains(w.Tags, tag) && len(w.Tags)+len(added) < MaxTags {
			added = append(added, tag)
		}
	}
	if len(added) > 0 {
		w.Tags = append(slices.Clone(w.Tags), added...)
		slices.Sort(w.Tags)
	}
	return added
}

// checkTags gives tags in their normal form, in order and each once, and notes what is wrong with them.
func (w *work) checkTags(tags []string) []string {
	switch {
	case len(tags) == 0:
		w.faults.Add("tags", "is required")
	case len(tags) > MaxTags:
		w.faults.Addf("tags", "are %d; at most %d are allowed", len(tags), MaxTags)
		return nil
	}
	var out []string
	for i, tag := range tags {
		tag = normalTag(tag)
		if problem := tagProblem(tag); problem != "" {
			w.faults.Add(at("tags", i), problem)
			continue
		}
		out = append(out, tag)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// normalTag is the form in which a tag is kept and looked for.
func normalTag(tag string) string { return strings.Join(strings.Fields(strings.ToLower(tag)), "-") }

// tagProblem says what is wrong with a tag in its normal form, or "".
func tagProblem(tag string) string {
	switch {
	case tag == "":
		return "is required"
	case !utf8.ValidString(tag):
		return "is not valid UTF-8"
	case utf8.RuneCountInString(tag) > MaxTag:
		return "has more than 64 characters"
	}
	for _, r := range tag {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("-_.:/+#@", r) {
			return "may have letters, digits and - _ . : / + # @ alone"
		}
	}
	return ""
}

// HasTag is the filter of the incidents that have at least one of the tags, for a [Query]; storage.AllOf
// of several is those that have all. Who may not read what is internal to an incident does not find it by
// its tags. Only a store can tell, so it is not for what matches heads in memory.
func HasTag(tags ...string) storage.Filter[Head] {
	normal := make([]string, len(tags))
	for i, tag := range tags {
		if normal[i] = normalTag(tag); tagProblem(normal[i]) != "" {
			normal[i] = "" // which no incident has
		}
	}
	return storage.NamedBy[Head](tagTable, tagByIncident, tagByTag.In(normal...))
}

// MaxSuggestions is the greatest number of tags that are suggested or counted at once.
const MaxSuggestions = 50

// tagsLookedAt is how many tags a suggestion looks at.
const tagsLookedAt = 200

// SuggestTags gives tags that begin with the prefix, in their order: of the actor's tenant, and only
// such as are on an incident of which the actor may read what is internal. It gives 10 where the limit
// is 0, at most [MaxSuggestions], and looks at the first 200 tags with the prefix: where more begin with
// it and few of them are for the actor, a longer prefix finds more.
func (p *Practice) SuggestTags(ctx context.Context, actor itsm.Actor, prefix string, limit int) ([]string, error) {
	var f itsm.Faults
	if limit < 0 || limit > MaxSuggestions {
		f.Addf("limit", "must be from 0 to %d", MaxSuggestions)
	}
	if prefix = normalTag(prefix); prefix != "" {
		if problem := tagProblem(prefix); problem != "" {
			f.Add("prefix", problem)
		}
	}
	if err := f.Err("tags"); err != nil {
		return nil, err
	}
	limit = orElse(limit, 10)
	var found []string
	tagged := Query{Where: storage.NamedBy[Head](tagTable, tagByIncident, storage.Filter[tagHead]{})}
	err := p.view(ctx, actor, tagged, nil, func(ctx context.Context, r storage.Reader, where storage.Filter[Head], _ map[storage.Tenant]reach) error {
		found = nil
		var last string
		for range tagsLookedAt {
			next := []storage.Filter[tagHead]{tagByTag.Above(last)}
			if prefix != "" {
				next = append(next, tagByTag.HasPrefix(prefix))
			}
			page, err := tagTable.List(ctx, r, storage.Query[tagHead]{Where: storage.AllOf(next...), Order: []storage.Order{tagByTag.Asc()}, Limit: 1})
			if err != nil || len(page.Items) == 0 {
				return err
			}
			last = page.Items[0].Tag
			readable, err := p.table.List(ctx, r, storage.Query[Head]{Where: storage.AllOf(where, HasTag(last)), Limit: 1})
			if err != nil {
				return err
			}
			if len(readable.Items) > 0 {
				if found = append(found, last); len(found) == limit {
					return nil
				}
			}
		}
		return nil
	})
	return found, err
}

// TagCount is how many incidents have a tag.
type TagCount struct {
	Tag   string `json:"tag"`
	Count int64  `json:"count"`
}

// CountTags counts, for each of at most [MaxSuggestions] tags, the incidents of the query that have it
// and of which the actor may read what is internal. Tags come in their normal form, in the order given
// and each once. Each is a count of its own, of the state of that moment.
func (p *Practice) CountTags(ctx context.Context, actor itsm.Actor, q Query, tags ...string) ([]TagCount, error) {
	var f itsm.Faults
	if len(tags) > MaxSuggestions {
		f.Addf("tags", "are %d; at most %d are allowed", len(tags), MaxSuggestions)
	}
	var counts []TagCount
	for i, tag := range tags {
		tag = normalTag(tag)
		if problem := tagProblem(tag); problem != "" {
			f.Add(at("tags", i), problem)
		}
		if !slices.ContainsFunc(counts, func(c TagCount) bool { return c.Tag == tag }) {
			counts = append(counts, TagCount{Tag: tag})
		}
	}
	if err := f.Err("tags"); err != nil {
		return nil, err
	}
	q.Order = nil
	q.Where = storage.AllOf(q.Where, storage.NamedBy[Head](tagTable, tagByIncident, storage.Filter[tagHead]{}))
	err := p.view(ctx, actor, q, nil, func(ctx context.Context, r storage.Reader, where storage.Filter[Head], _ map[storage.Tenant]reach) (err error) {
		for i := range counts {
			if counts[i].Count, err = p.table.Count(ctx, r, storage.AllOf(where, HasTag(counts[i].Tag))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// A tag of an incident is a record of its own, as a member is, so that a list finds it by an index.
type tagRecord struct {
	tagHead
	tagBody
}

type tagHead struct {
	storage.Meta
	Incident itsm.ID
	Tag      string
}

type tagBody struct{}

var (
	tagByIncident = storage.Col("incident", func(h *tagHead) *itsm.ID { return &h.Incident })
	tagByTag      = storage.Col("tag", func(h *tagHead) *string { return &h.Tag })
)

var tagTable = storage.Define("incident_tag", storage.Def[tagRecord, tagHead, tagBody]{
	Parts:   func(r *tagRecord) (*tagHead, *tagBody) { return &r.tagHead, &r.tagBody },
	Columns: []storage.ColumnOf[tagHead]{tagByIncident, tagByTag},
	Indexes: []storage.Index{storage.IndexOn(tagByTag.Asc(), tagByIncident.Asc())},
})

func tagID(incident itsm.ID, tag string) itsm.ID { return itsm.ID(digest.Of(string(incident), tag)) }

// putTags makes the tag records what they must be after a change.
func putTags(ctx context.Context, u *engine.Unit, was, now *Incident) error {
	for _, tag := range was.Tags {
		if slices.Contains(now.Tags, tag) {
			continue
		}
		t, err := tagTable.Get(ctx, u.Quiet(), tagID(now.ID, tag))
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := tagTable.Delete(ctx, u.Quiet(), &t); err != nil {
			return err
		}
	}
	for _, tag := range now.Tags {
		if slices.Contains(was.Tags, tag) {
			continue
		}
		t := tagRecord{tagHead: tagHead{Incident: now.ID, Tag: tag}}
		t.ID, t.Created, t.Updated = tagID(now.ID, tag), u.Now(), u.Now()
		if err := tagTable.Put(ctx, u.Quiet(), &t); err != nil {
			return err
		}
	}
	return nil
}
