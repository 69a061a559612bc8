package incident_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/itsmkit/itsmkit/incident"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/storage"
)

// The code of docs/extending.md, which a test of the examples holds to this file.

// README:declare
// What the host adds, declared once: a state, two actions, a column.
const (
	awaitingParts = incident.State("awaiting_parts")
	orderParts    = incident.Action("order_parts")
	partsCame     = incident.Action("parts_came")
)

var costCentre = storage.Custom[string](incident.Table, "cost_centre")

// Whoever orders parts says who pays.
var needsCostCentre = itsm.Field[*incident.Case]{Name: "cost_centre", Empty: func(c *incident.Case) bool {
	v, ok := costCentre.Of(&c.Head)
	return !ok || v == ""
}}

// README:end

// README:options
// hardwareDesk is the standard lifecycle with a way through the workshop.
func hardwareDesk() (incident.Options, error) {
	working := []incident.State{incident.StateAssigned, incident.StateInProgress}
	lifecycle, err := incident.StandardLifecycle().Extend(
		[]incident.StateOf{{Name: awaitingParts, Category: itsm.CategoryWaiting, Title: "Awaiting parts"}},
		incident.Rule{
			From: working, On: orderParts, To: awaitingParts, Permission: incident.PermissionDo,
			Needs: []itsm.Field[*incident.Case]{needsCostCentre},
			Guard: func(a itsm.Attempt[*incident.Case]) string {
				if a.Subject.Priority == itsm.PriorityCritical {
					return "a critical incident gets a spare device, not an order"
				}
				return ""
			},
		},
		incident.Rule{From: []incident.State{awaitingParts}, On: partsCame, Return: working, Permission: incident.PermissionDo},
		incident.Rule{
			From: []incident.State{awaitingParts}, On: incident.ActionCancel, To: incident.StateCancelled,
			Needs: []itsm.Field[*incident.Case]{incident.NeedsReason},
		},
	)
	if err != nil {
		return incident.Options{}, err // a state that cannot be reached or left, a rule twice
	}
	fields, err := itsm.NewFieldSet(
		itsm.FieldDefinition{Name: "asset_tag", Type: itsm.FieldText, MaxLength: 20},
		itsm.FieldDefinition{Name: "warranty", Type: itsm.FieldChoice, Choices: []string{"valid", "expired"}, Internal: true},
	)
	return incident.Options{
		Lifecycle: lifecycle,
		Columns:   []storage.ColumnOf[incident.Head]{costCentre},
		Indexes:   []storage.Index{storage.IndexOn(costCentre.Asc(), incident.ByOpen.Asc(), incident.ByReported.Asc())},
		Fields:    fields,
	}, err
}

// README:end

// A host's own state, actions, column and fields.
func Example_extending() {
	ctx := context.Background()
	options, err := hardwareDesk()
	if err != nil {
		fmt.Println(err)
		return
	}
	var now time.Time
	_, incidents := open(&now, options)

	// README:use
	i, err := incidents.Log(ctx, anAnalyst, incident.Report{
		Title: "The laptop does not charge", Requester: "rita", Assignee: "ana",
		Fields: itsm.Fields{"asset_tag": json.RawMessage(`"NB-4711"`)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = incidents.Do(ctx, anAnalyst, i.ID, orderParts, incident.Input{Note: "A new battery"})
	fmt.Println(err) // nobody pays for it

	i, err = incidents.Do(ctx, anAnalyst, i.ID, orderParts, incident.Input{
		Note: "A new battery", Columns: []storage.Value[incident.Head]{costCentre.Value("sales")},
	})
	fmt.Println(i.State, err)

	// A column is asked like any other; a field comes with the whole record.
	page, err := incidents.List(ctx, anAnalyst, incident.Query{
		Where: storage.AllOf(costCentre.Is("sales"), incident.ByOpen.Is(true)), Order: []storage.Order{incident.ByReported.Asc()},
	})
	for _, h := range page.Items {
		whole, err := incidents.Get(ctx, anAnalyst, h.ID)
		fmt.Println(h.Number, string(whole.Fields["asset_tag"]), err)
	}

	// The new actions stand among the others, with what they miss.
	actions, _ := incidents.PermittedActions(ctx, anAnalyst, i.ID)
	n := slices.IndexFunc(actions, func(a itsm.PermittedAction) bool { return a.Action == string(partsCame) })
	fmt.Println(actions[n].Title, "->", actions[n].To, actions[n].Permitted)
	// README:end
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// incident: invalid: cost_centre is required to order parts
	// awaiting_parts <nil>
	// INC0000001 "NB-4711" <nil>
	// Parts came -> assigned true
}
