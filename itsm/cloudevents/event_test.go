package cloudevents_test

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/cloudevents"
)

var attributeName = regexp.MustCompile(`^[a-z0-9]{1,20}$`)

// Whatever the event, what is written keeps to CloudEvents 1.0, and the public form says nothing that
// anybody wrote.
func TestEveryEventIsACloudEvent(t *testing.T) {
	text := rapid.StringMatching(`[ -~äöü/.%#?]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		options := cloudevents.Options{Source: rapid.SampledFrom([]string{"", "https://desk.example.com", "https://desk.example.com/itsm/"}).Draw(t, "source"),
			SchemaBase: rapid.SampledFrom([]string{"", "https://desk.example.com/schemas"}).Draw(t, "schemas")}
		encoder, err := cloudevents.NewEncoder(options)
		require.NoError(t, err)
		const secret = "WRITTEN-BY-SOMEBODY"
		e := itsm.Event{
			Tenant: itsm.Tenant(text.Draw(t, "tenant")), ID: itsm.ID(text.Draw(t, "id")), Kind: "ticket", Record: itsm.ID(text.Draw(t, "record")),
			Version: rapid.Int64Range(1, 1<<53).Draw(t, "version"), N: rapid.IntRange(0, 9999).Draw(t, "n"), Type: "ticket.commented.v1",
			At: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0), ActorName: secret, Reason: secret, Internal: rapid.Bool().Draw(t, "internal"),
			Changes: []itsm.Change{{Field: secret, New: json.RawMessage(`"` + secret + `"`)}}, Data: Commented{Note: secret},
		}
		full, err := encoder.Full(e)
		require.NoError(t, err)
		public, ok, err := encoder.Public(e)
		require.NoError(t, err)
		require.Equal(t, !e.Internal, ok)
		if !ok {
			require.Zero(t, public)
			public = full
		} else {
			raw, err := json.Marshal(public)
			require.NoError(t, err)
			require.NotContains(t, string(raw), secret)
		}
		for _, written := range []cloudevents.Event{full, public} {
			raw, err := json.Marshal(written)
			require.NoError(t, err)
			var attributes map[string]any
			require.NoError(t, json.Unmarshal(raw, &attributes))
			for name, value := range attributes {
				require.Regexp(t, attributeName, name)
				if name != "data" {
					require.NotEmpty(t, value, name)
				}
			}
			for _, name := range []string{"id", "source", "specversion", "type"} {
				require.Contains(t, attributes, name)
			}
			require.Equal(t, "1.0", attributes["specversion"])
			source, err := url.Parse(attributes["source"].(string))
			require.NoError(t, err)
			require.True(t, source.IsAbs())
			at, err := time.Parse(time.RFC3339Nano, attributes["time"].(string))
			require.NoError(t, err)
			require.True(t, at.Equal(e.At))
			kind, record, _ := strings.Cut(written.Subject, "/")
			id, err := url.PathUnescape(record)
			require.NoError(t, err)
			require.Equal(t, "ticket", kind)
			require.EqualValues(t, e.Record, id)
		}
		// The sequence orders as the places in the log do.
		next := e
		if rapid.Bool().Draw(t, "later version") {
			next.Version, next.N = e.Version+rapid.Int64Range(1, 1000).Draw(t, "more"), 0
		} else {
			next.N++
		}
		later, err := encoder.Full(next)
		require.NoError(t, err)
		require.Less(t, full.Sequence, later.Sequence)
	})
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	_, err := cloudevents.NewEncoder(cloudevents.Options{Source: "desk", TypePrefix: "Com Example", SchemaBase: "https://x?y"})
	var v *itsm.ValidationError
	require.ErrorAs(t, err, &v)
	require.Len(t, v.Faults, 3)
}

func TestTheCatalogueHasASchemaForEachType(t *testing.T) {
	all := cloudevents.Catalogue()
	require.True(t, slices.IsSortedFunc(all, func(a, b cloudevents.Type) int { return strings.Compare(a.Name, b.Name) }))
	for _, c := range all {
		require.NotEmpty(t, c.Description)
		schema, ok := cloudevents.Schema(c.Name)
		require.True(t, ok)
		var s struct {
			Title      string
			Type       string
			Required   []string
			Properties map[string]json.RawMessage
		}
		require.NoError(t, json.Unmarshal(schema, &s))
		require.Equal(t, c.Name, s.Title)
		require.Equal(t, "object", s.Type)
		require.Equal(t, []string{"kind", "record", "version", "n"}, s.Required, "what both views have")
		require.JSONEq(t, string(c.Payload), string(s.Properties["payload"]))
	}
	_, ok := cloudevents.Schema("ticket.commented.v1")
	require.False(t, ok, "a host's own types are its own")
	all[0].Payload[0] = 'x'
	require.NotEqual(t, all[0].Payload, cloudevents.Catalogue()[0].Payload, "what is given is the caller's")
}
