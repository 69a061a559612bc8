// This file holds how an incident is matched to known errors: the index of their words and CIs, and a score
// that says what it is made of.

package problem

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"slices"

	"github.com/itsmkit/itsmkit/internal/digest"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/storage"
)

// Matter is what known errors are looked for.
type Matter struct {
	// Title and Description are texts; their first [MaxMatterWords] words count.
	Title, Description string
	// CIs are the configuration items that it is about: the first [MaxOccurrenceCIs] count.
	CIs      []itsm.ID
	Category string
	Service  itsm.ID
	// Limit is how many are suggested: [DefaultSuggestions] when 0, at most storage.MaxPage.
	Limit int
}

// MaxMatterWords is how many words of a matter count, DefaultSuggestions how many known errors are suggested
// for it.
const (
	MaxMatterWords     = 60
	DefaultSuggestions = 5
)

// Suggestion is a known error that may be what a matter is about, and why.
type Suggestion struct {
	KnownErrorHead
	// Score is the sum of the Points of What.
	Score int64 `json:"score"`
	// What contributed, the most first.
	What []Contribution `json:"what"`
}

// Likeness is in what a known error and a matter are alike.
type Likeness string

// The kinds of likeness.
const (
	LikeCI       Likeness = "ci"
	LikeCategory Likeness = "category"
	LikeService  Likeness = "service"
	LikeWord     Likeness = "word"
)

// The points of what is alike. A word has from 3 to 10, by how rare it is among the published known errors,
// and none where there are at least eight of these and it stands in more than half of them.
const (
	PointsCI       = 40
	PointsCategory = 10
	PointsService  = 10
)

// Contribution is one thing that is alike, and what it counts.
type Contribution struct {
	Like Likeness `json:"like"`
	// Value is the word, or the id of the CI or service, or the category.
	Value  string `json:"value"`
	Points int64  `json:"points"`
	// Of a word: it stands in In of All published known errors.
	In  int64 `json:"in,omitempty"`
	All int64 `json:"all,omitempty"`
}

// wordPoints gives what a word counts that stands in some of all known errors.
func wordPoints(in, all int64) int64 {
	if all >= 8 && 2*in > all || in <= 0 {
		return 0
	}
	return 2 + min(8, int64(bits.Len64(uint64(max(all/in, 1)))))
}

// The shelves of the index: what everyone may be suggested who reads known errors, and what staff may. Words
// are counted on each, so that no count tells of what its reader may not read.
const (
	shelfEveryone = "everyone"
	shelfStaff    = "staff"
)

// shelves are those on which a known error stands. Restricted ones are on none: they are suggested to nobody.
func (k *KnownError) shelves() []string {
	switch {
	case k.State != PublicationPublished || k.Restricted:
		return nil
	case k.Audience == AudienceEveryone:
		return []string{shelfStaff, shelfEveryone}
	}
	return []string{shelfStaff}
}

// term is one word or CI by which a known error is found.
type term struct {
	termHead
	termBody
}

type termHead struct {
	storage.Meta
	Shelf      string
	Term       string
	KnownError itsm.ID
}

type termBody struct{}

var (
	termByShelf      = storage.Col("shelf", func(h *termHead) *string { return &h.Shelf })
	termByTerm       = storage.Col("term", func(h *termHead) *string { return &h.Term })
	termByKnownError = storage.Col("known_error", func(h *termHead) *itsm.ID { return &h.KnownError })
)

var termTable = storage.Define("known_error_term", storage.Def[term, termHead, termBody]{
	Parts:   func(r *term) (*termHead, *termBody) { return &r.termHead, &r.termBody },
	Columns: []storage.ColumnOf[termHead]{termByShelf, termByTerm, termByKnownError},
	Indexes: []storage.Index{storage.IndexOn(termByShelf.Asc(), termByTerm.Asc()), storage.IndexOn(termByKnownError.Asc(), termByShelf.Asc())},
})

// tally counts how many known errors of a shelf have a term; the empty term counts them all.
type tally struct {
	tallyHead
	tallyBody
}

type tallyHead struct {
	storage.Meta
	Shelf string
	Term  string
	Count int64
}

type tallyBody struct{}

var (
	tallyByShelf = storage.Col("shelf", func(h *tallyHead) *string { return &h.Shelf })
	tallyByTerm  = storage.Col("term", func(h *tallyHead) *string { return &h.Term })
	tallyByCount = storage.Col("count", func(h *tallyHead) *int64 { return &h.Count })
)

var tallyTable = storage.Define("known_error_tally", storage.Def[tally, tallyHead, tallyBody]{
	Parts:   func(r *tally) (*tallyHead, *tallyBody) { return &r.tallyHead, &r.tallyBody },
	Columns: []storage.ColumnOf[tallyHead]{tallyByShelf, tallyByTerm, tallyByCount},
	Indexes: []storage.Index{storage.UniqueOn(tallyByShelf.Asc(), tallyByTerm.Asc())},
})

// Terms of CIs stand apart from words, which have letters alone.
func ciTerm(id itsm.ID) string { return "ci:" + string(id) }

// maxKnownErrorWords is how many words of a known error it is found by.
const maxKnownErrorWords = 100

// terms gives those by which a known error is found, with the shelf before each.
func (k *KnownError) terms() map[[2]string]bool {
	all := map[[2]string]bool{}
	for _, shelf := range k.shelves() {
		all[[2]string{shelf, ""}] = true
		for _, word := range Words(maxKnownErrorWords, k.Title, k.Symptom) {
			all[[2]string{shelf, word}] = true
		}
		if shelf == shelfStaff { // what others read tells nothing of CIs
			for _, ci := range k.CIs {
				all[[2]string{shelf, ciTerm(ci)}] = true
			}
		}
	}
	return all
}

// index makes the terms of a known error what they must be after a change. They go past the unit's field
// history.
func index(ctx context.Context, u *engine.Unit, was, now *KnownError) error {
	before, after := map[[2]string]bool{}, now.terms()
	if was != nil {
		before = was.terms()
	}
	var added, removed [][2]string
	for t := range after {
		if !before[t] {
			added = append(added, t)
		}
	}
	for t := range before {
		if !after[t] {
			removed = append(removed, t)
		}
	}
	if len(added)+len(removed) == 0 {
		return nil
	}
	// Counts are changed in one order everywhere, so that two who publish at once do not wait for each other.
	if err := u.Lock(ctx, "known_error.terms"); err != nil {
		return err
	}
	byName := func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }
	slices.SortFunc(added, byName)
	slices.SortFunc(removed, byName)
	quiet := u.Quiet()
	for _, t := range removed {
		if t[1] != "" {
			row, err := termTable.Get(ctx, quiet, termID(t, now.ID))
			if err != nil {
				return err
			}
			if err := termTable.Delete(ctx, quiet, &row); err != nil {
				return err
			}
		}
		if err := count(ctx, u, t, -1); err != nil {
			return err
		}
	}
	var rows []*term
	for _, t := range added {
		if t[1] != "" {
			row := &term{termHead: termHead{Shelf: t[0], Term: t[1], KnownError: now.ID}}
			row.ID, row.Created, row.Updated = termID(t, now.ID), u.Now(), u.Now()
			rows = append(rows, row)
		}
		if err := count(ctx, u, t, 1); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return termTable.Put(ctx, quiet, rows...)
}

func termID(t [2]string, of itsm.ID) itsm.ID { return itsm.ID(digest.Of(t[0], t[1], string(of))) }

func tallyID(t [2]string) itsm.ID { return itsm.ID(digest.Of(t[0], t[1])) }

// count adds to the tally of a term.
func count(ctx context.Context, u *engine.Unit, t [2]string, by int64) error {
	row, err := tallyTable.Get(ctx, u.Quiet(), tallyID(t))
	switch {
	case isNotFound(err):
		row = tally{tallyHead: tallyHead{Shelf: t[0], Term: t[1]}}
		row.ID, row.Created = tallyID(t), u.Now()
	case err != nil:
		return err
	}
	row.Count += by
	row.Updated = u.Now()
	return tallyTable.Put(ctx, u.Quiet(), &row)
}

// The bounds of a search: of how many places where rare words and CIs stand it takes known errors, and how
// many of these it weighs.
const (
	maxPlaces     = 1000
	maxCandidates = 200
)

// Suggest gives the published known errors that are most like a matter, with what makes them so: the same CI,
// the same category or service, and words in common, the rarer the more. It reads an index, and at most a
// bounded part of that. The same matter has the same answer while no known error changes. Known errors that
// have less than two things in common with it are not suggested, but for one of the same CI.
//
// Suggested is what the actor may read and nothing else, and rarity is told among what it may read: restricted
// known errors are suggested to nobody. Who may read no known errors gets ErrForbidden.
func (p *Practice) Suggest(ctx context.Context, actor itsm.Actor, m Matter) ([]Suggestion, error) {
	if m.Limit < 0 || m.Limit > storage.MaxPage {
		return nil, itsm.Invalid("matter", "limit", fmt.Sprintf("must be from 1 to %d", storage.MaxPage))
	}
	var out []Suggestion
	err := p.e.View(ctx, actor, func(ctx context.Context, r storage.Reader) error {
		out = nil
		shelf, err := p.shelfOf(ctx, actor)
		if err != nil {
			return err
		}
		s := search{p: p, actor: actor, shelf: shelf, matter: &m, words: map[string]Contribution{}}
		if out, err = s.run(ctx, r); err != nil {
			return err
		}
		if limit := orElse(m.Limit, DefaultSuggestions); len(out) > limit {
			out = out[:limit]
		}
		return nil
	})
	return out, err
}

// shelfOf gives the shelf from which the actor may read everything.
func (p *Practice) shelfOf(ctx context.Context, actor itsm.Actor) (string, error) {
	scopes, err := p.scopes(ctx, actor, PermissionReadKnownErrorInternal)
	if err == nil && (slices.Contains(scopes, itsm.ScopeAll) || slices.Contains(scopes, itsm.ScopeRestricted)) {
		return shelfStaff, nil
	}
	if err != nil && !isForbidden(err) {
		return "", err
	}
	scopes, err = p.scopes(ctx, actor, PermissionReadKnownError)
	if err == nil && !slices.Contains(scopes, itsm.ScopeAll) && !slices.Contains(scopes, itsm.ScopeRestricted) {
		err = &itsm.ForbiddenError{Actor: actor.ID, Tenant: actor.Tenant, Permission: PermissionReadKnownError, Reason: "it takes the permission for all of them"}
	}
	return shelfEveryone, err
}

// search is one search for known errors.
type search struct {
	p      *Practice
	actor  itsm.Actor
	shelf  string
	matter *Matter
	words  map[string]Contribution // by term
}

func (s *search) run(ctx context.Context, r storage.Reader) ([]Suggestion, error) {
	terms, err := s.terms(ctx, r)
	if err != nil || len(terms) == 0 {
		return nil, err
	}
	candidates, err := s.candidates(ctx, r, terms)
	if err != nil || len(candidates) == 0 {
		return nil, err
	}
	page, err := KnownErrorTable.List(ctx, r, storage.Query[KnownErrorHead]{
		Where: storage.AllOf(KnownErrorTable.ByID().In(candidates...), KnownErrorByState.Is(PublicationPublished), KnownErrorByRestricted.Is(false)),
		Limit: storage.MaxPage,
	})
	if err != nil {
		return nil, err
	}
	found := map[itsm.ID]*Suggestion{}
	for _, h := range page.Items {
		one := &Suggestion{KnownErrorHead: h}
		if h.Category != "" && h.Category == s.matter.Category {
			one.What = append(one.What, Contribution{Like: LikeCategory, Value: h.Category, Points: PointsCategory})
		}
		if h.Service != "" && h.Service == s.matter.Service {
			one.What = append(one.What, Contribution{Like: LikeService, Value: string(h.Service), Points: PointsService})
		}
		found[h.ID] = one
	}
	// Of the candidates every term counts, also those for which no candidates were looked for.
	q := storage.Query[termHead]{
		Where: storage.AllOf(termByKnownError.In(candidates...), termByShelf.Is(s.shelf), termByTerm.In(terms...)), Limit: storage.MaxPage,
	}
	for t, err := range storage.Pages(q, func(q storage.Query[termHead]) (storage.Page[termHead], error) { return termTable.List(ctx, r, q) }) {
		if err != nil {
			return nil, err
		}
		if one := found[t.KnownError]; one != nil {
			one.What = append(one.What, s.words[t.Term])
		}
	}
	var out []Suggestion
	for _, one := range found {
		enough := len(one.What) > 1
		for _, c := range one.What {
			one.Score += c.Points
			enough = enough || c.Like == LikeCI
		}
		if !enough {
			continue
		}
		slices.SortFunc(one.What, func(a, b Contribution) int {
			return cmp.Or(cmp.Compare(b.Points, a.Points), cmp.Compare(a.Like, b.Like), cmp.Compare(a.Value, b.Value))
		})
		out = append(out, *one)
	}
	slices.SortFunc(out, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), b.Changed.Compare(a.Changed), cmp.Compare(a.ID, b.ID))
	})
	return out, s.show(ctx, r, out)
}

// show takes out of suggestions what the actor may not read of them.
func (s *search) show(ctx context.Context, r storage.Reader, out []Suggestion) error {
	var problems []itsm.ID
	for n := range out {
		if s.shelf == shelfEveryone {
			out[n].hide()
		} else if out[n].Problem != "" {
			problems = append(problems, out[n].Problem)
		}
	}
	may, err := s.p.MayReadEach(ctx, r, s.actor, problems)
	for n := range out {
		if !may[out[n].Problem] {
			out[n].Problem = ""
		}
	}
	return err
}

// terms gives those of the matter that count, the rarest first.
func (s *search) terms(ctx context.Context, r storage.Reader) ([]string, error) {
	words := Words(MaxMatterWords, s.matter.Title, s.matter.Description)
	asked := append([]string{""}, words...)
	var terms []string
	if s.shelf == shelfStaff {
		for n, ci := range s.matter.CIs {
			if n == MaxOccurrenceCIs {
				break
			}
			may, err := s.p.mayKnow(ctx, r, s.actor, true, itemRef(ci))
			if err != nil {
				return nil, err
			}
			if may && s.words[ciTerm(ci)].Points == 0 {
				s.words[ciTerm(ci)] = Contribution{Like: LikeCI, Value: string(ci), Points: PointsCI}
				terms = append(terms, ciTerm(ci))
			}
		}
	}
	counts := map[string]int64{}
	for some := range slices.Chunk(asked, storage.MaxPage) {
		page, err := tallyTable.List(ctx, r, storage.Query[tallyHead]{
			Where: storage.AllOf(tallyByShelf.Is(s.shelf), tallyByTerm.In(some...)), Limit: storage.MaxPage,
		})
		if err != nil {
			return nil, err
		}
		for _, h := range page.Items {
			counts[h.Term] = h.Count
		}
	}
	all := counts[""]
	var known []string
	for _, word := range words {
		if points := wordPoints(counts[word], all); points > 0 {
			s.words[word] = Contribution{Like: LikeWord, Value: word, Points: points, In: counts[word], All: all}
			known = append(known, word)
		}
	}
	slices.SortFunc(known, func(a, b string) int { return cmp.Or(cmp.Compare(counts[a], counts[b]), cmp.Compare(a, b)) })
	return append(terms, known...), nil
}

// candidates gives the known errors where the terms stand: of those of CIs and of the rarest words first, until
// there are enough.
func (s *search) candidates(ctx context.Context, r storage.Reader, terms []string) ([]itsm.ID, error) {
	points := map[itsm.ID]int64{}
	var order []itsm.ID
	places := 0
	for _, t := range terms {
		left := maxPlaces - places
		if left <= 0 {
			break
		}
		page, err := termTable.List(ctx, r, storage.Query[termHead]{
			Where: storage.AllOf(termByShelf.Is(s.shelf), termByTerm.Is(t)), Limit: min(left, storage.MaxPage),
		})
		if err != nil {
			return nil, err
		}
		places += len(page.Items)
		for _, h := range page.Items {
			if points[h.KnownError] == 0 {
				order = append(order, h.KnownError)
			}
			points[h.KnownError] += s.words[t].Points
		}
	}
	slices.SortStableFunc(order, func(a, b itsm.ID) int {
		return cmp.Or(cmp.Compare(points[b], points[a]), cmp.Compare(a, b))
	})
	return order[:min(len(order), maxCandidates)], nil
}
