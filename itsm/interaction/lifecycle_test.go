package interaction_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/interaction"
)

const (
	isNew     = interaction.StateNew
	isOpen    = interaction.StateOpen
	linked    = interaction.StateLinked
	answered  = interaction.StateAnswered
	closed    = interaction.StateClosed
	discarded = interaction.StateDiscarded
	stays     = interaction.State("(stays)")
)

var allStates = []interaction.State{isNew, isOpen, linked, answered, closed, discarded}

// The states in which each action is permitted, and where it leads.
var decided = map[interaction.Action]map[interaction.State]interaction.State{
	interaction.ActionTake:       {isNew: isOpen, isOpen: isOpen},
	interaction.ActionAssign:     {isNew: stays, isOpen: stays},
	interaction.ActionClassify:   {isNew: stays, isOpen: stays},
	interaction.ActionBecome:     {isNew: linked, isOpen: linked, answered: linked},
	interaction.ActionAttach:     {isNew: linked, isOpen: linked, answered: linked},
	interaction.ActionReclassify: {linked: stays},
	interaction.ActionAnswer:     {isNew: answered, isOpen: answered},
	interaction.ActionReopen:     {answered: isOpen},
	interaction.ActionClose:      {isNew: closed, isOpen: closed, linked: closed, answered: closed},
	interaction.ActionDiscard:    {isNew: discarded, isOpen: discarded},
	interaction.ActionRestore:    {discarded: isNew},
	interaction.ActionEdit:       {isNew: stays, isOpen: stays, linked: stays, answered: stays},
	interaction.ActionNote:       {isNew: stays, isOpen: stays, linked: stays, answered: stays, closed: stays, discarded: stays},
}

var commands = map[interaction.Action]func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error){
	interaction.ActionTake: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Take(ctx, ana, id, itsm.Command{})
	},
	interaction.ActionAssign: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Assign(ctx, ana, id, interaction.Assignment{Group: "network"})
	},
	interaction.ActionClassify: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Classify(ctx, ana, id, interaction.Sorting{Classification: interaction.Feedback})
	},
	interaction.ActionBecome: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Become(ctx, ana, id, interaction.Becoming{Classification: interaction.Incident})
	},
	interaction.ActionAttach: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Attach(ctx, ana, id, interaction.Attachment{Record: itsm.Ref{Kind: "change", ID: "C1"}})
	},
	interaction.ActionReclassify: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Reclassify(ctx, ana, id, interaction.Reclassification{Classification: interaction.Request})
	},
	interaction.ActionAnswer: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Answer(ctx, ana, id, interaction.Reply{Answer: "Press F5"})
	},
	interaction.ActionReopen: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Reopen(ctx, ana, id, itsm.Command{})
	},
	interaction.ActionClose: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Close(ctx, ana, id, itsm.Command{})
	},
	interaction.ActionDiscard: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Discard(ctx, ana, id, itsm.Command{Reason: "A wrong number"})
	},
	interaction.ActionRestore: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Restore(ctx, ana, id, itsm.Command{})
	},
	interaction.ActionEdit: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Edit(ctx, ana, id, interaction.Edit{Subject: ptr("Another subject")})
	},
	interaction.ActionNote: func(ctx context.Context, d *desk, id itsm.ID) (interaction.Interaction, error) {
		return d.Note(ctx, ana, id, interaction.Note{Text: "She calls often"})
	},
}

// in gives an interaction in the state, classified, which only Ana has.
func (d *desk) in(s interaction.State) interaction.Interaction {
	d.t.Helper()
	i := d.call()
	do := func(action interaction.Action) {
		d.t.Helper()
		var err error
		i, err = commands[action](d.t.Context(), d, i.ID)
		require.NoError(d.t, err)
	}
	_, err := d.Classify(d.t.Context(), ana, i.ID, interaction.Sorting{Classification: interaction.Question})
	require.NoError(d.t, err)
	do(interaction.ActionEdit)
	_, err = d.Edit(d.t.Context(), ana, i.ID, interaction.Edit{Subject: ptr("Mail is slow")})
	require.NoError(d.t, err)
	switch s {
	case isOpen:
		do(interaction.ActionTake)
	case linked:
		do(interaction.ActionBecome)
	case answered:
		do(interaction.ActionAnswer)
	case closed:
		do(interaction.ActionClose)
	case discarded:
		do(interaction.ActionDiscard)
	}
	i, err = d.Get(d.t.Context(), ana, i.ID)
	require.NoError(d.t, err)
	require.Equal(d.t, s, i.State)
	return i
}

func TestEveryActionInEveryState(t *testing.T) {
	for action, command := range commands {
		for _, s := range allStates {
			t.Run(fmt.Sprintf("%s while %s", action, s), func(t *testing.T) {
				d := openDesk(t, interaction.Options{})
				was := d.in(s)
				before := d.snapshot()
				to, permitted := decided[action][s]
				actions, err := d.PermittedActions(t.Context(), ana, was.ID)
				require.NoError(t, err)
				at := slices.IndexFunc(actions, func(a itsm.PermittedAction) bool { return a.Action == string(action) })
				require.Equal(t, permitted, at >= 0, "the list of actions says the same")

				i, err := command(t.Context(), d, was.ID)
				if !permitted {
					var refused *itsm.TransitionError
					require.ErrorAs(t, err, &refused)
					require.Equal(t, [2]string{string(s), string(action)}, [2]string{refused.State, refused.Action})
					require.Equal(t, before, d.snapshot(), "nothing changed")
					return
				}
				require.NoError(t, err)
				require.True(t, actions[at].Permitted, actions[at].Reason)
				if to == stays {
					to = s
				}
				require.Equal(t, to, i.State)
				category, _ := d.Lifecycle().Category(to)
				require.Equal(t, category.Open(), i.Open)
				if action == interaction.ActionTake && s == isOpen {
					require.Equal(t, before, d.snapshot(), "she has it already")
					return
				}
				require.Equal(t, was.Version+1, i.Version)
				e := d.last(i.ID)
				require.Equal(t, [3]string{string(action), string(s), string(to)}, [3]string{e.Action, e.From, e.To})
			})
		}
	}
	var rules []interaction.Action
	for _, r := range interaction.StandardLifecycle().Rules() {
		if !slices.Contains(rules, r.On) {
			rules = append(rules, r.On)
		}
	}
	require.Len(t, commands, len(rules), "every action is tried")
}
