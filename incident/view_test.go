package incident_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/view"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// A view says what is asked for, not who may see it: whoever runs it gets what they may read, and a
// column that is internal tells those nothing who may not read what is internal.
func TestASavedViewNeverWidensWhatOneMayRead(t *testing.T) {
	set, err := itsm.NewFieldSet(itsm.FieldDefinition{Name: "vip", Type: itsm.FieldText, Internal: true})
	require.NoError(t, err)
	vip := storage.Custom[string](incident.Table, "vip")
	e, err := engine.New(memory.New(), engine.Options{})
	require.NoError(t, err)
	p, err := incident.New(e, incident.Options{Fields: set, Columns: []storage.ColumnOf[incident.Head]{vip}})
	require.NoError(t, err)
	views, err := view.New(e, view.Options{Tables: []*storage.Schema{p.Table().Schema()}})
	require.NoError(t, err)
	ctx := t.Context()
	for _, r := range []incident.Report{
		{Title: "Rita's", Requester: "rita", Columns: []storage.Value[incident.Head]{vip.Value("yes")}}, {Title: "Rob's", Requester: "rob"},
		{Title: "Secret", Requester: "rob", Restricted: true},
	} {
		_, err := p.Log(ctx, mona, r)
		require.NoError(t, err)
	}
	run := func(who itsm.Actor, where storage.Condition) (titles []string) {
		v, err := views.Save(ctx, who, view.Draft{Definition: view.Definition{Title: "x", RecordKind: incident.Kind, Columns: []string{"title"},
			Order: []view.Order{{Column: "title"}}, Where: where}})
		require.NoError(t, err)
		q, err := views.Run(ctx, who, v.ID)
		require.NoError(t, err)
		filter, err := p.Table().Where(q.Where)
		require.NoError(t, err)
		page, err := p.List(ctx, who, incident.Query{Where: filter, Order: q.Order})
		require.NoError(t, err)
		for _, h := range page.Items {
			require.True(t, filter.Match(&h), "in memory as in the store")
			titles = append(titles, h.Title)
		}
		return titles
	}
	isVIP := storage.Condition{Op: storage.Equal, Column: "x_vip", Values: []any{"yes"}}
	all := storage.Condition{}
	others := storage.Condition{Op: storage.Not, Of: []storage.Condition{{Op: storage.Equal, Column: "requester", Values: []any{view.Me}}}}
	require.Equal(t, []string{"Rita's", "Rob's", "Secret"}, run(mona, all))
	require.Equal(t, []string{"Rita's", "Rob's"}, run(ana, all))
	require.Equal(t, []string{"Rita's"}, run(rita, all))
	require.Empty(t, run(rita, others))
	require.Equal(t, []string{"Rita's"}, run(ana, isVIP))
	require.Empty(t, run(rita, isVIP), "nor is it told by what is left out")
}
