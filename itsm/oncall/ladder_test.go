package oncall_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/oncall"
)

func target(kind oncall.TargetKind, id itsm.ID) oncall.Target {
	return oncall.Target{Kind: kind, ID: id}
}

func TestI12StepsThatReachNobodyAreSkippedAtOnce(t *testing.T) {
	at := instant(t, "2026-03-02T12:00:00Z")
	reach := oncall.Timetables{
		"nobody": compile(t, oncall.Rota{Zone: "UTC"}),
		"week":   compile(t, oncall.Rota{Zone: "UTC", Layers: []oncall.Layer{weekly("ana", "ben")}}),
	}.Reach
	nobody, week := target(oncall.TargetSchedule, "nobody"), target(oncall.TargetSchedule, "week")
	unknown, cleo, group := target(oncall.TargetSchedule, "unknown"), target(oncall.TargetPerson, "cleo"), target(oncall.TargetGroup, "network")
	step := func(targets ...oncall.Target) oncall.Step { return oncall.Step{Targets: targets, Minutes: 5} }
	place := func(round, step int) oncall.Place { return oncall.Place{Round: round, Step: step} }
	for name, c := range map[string]struct {
		ladder oncall.Ladder
		from   oncall.Place
		want   oncall.Turn
	}{
		"somebody": {oncall.Ladder{Steps: []oncall.Step{step(week, cleo, group), step(cleo)}}, oncall.Place{},
			oncall.Turn{Place: place(1, 1), Told: oncall.Told{People: []itsm.ID{"ana", "cleo"}, Groups: []itsm.ID{"network"}}, Until: at.Add(5 * time.Minute), Next: place(1, 2)}},
		"nobody first": {oncall.Ladder{Steps: []oncall.Step{step(nobody, unknown), step(unknown), step(cleo)}}, oncall.Place{},
			oncall.Turn{Place: place(1, 3), Told: oncall.Told{People: []itsm.ID{"cleo"}}, Skipped: []oncall.Place{place(1, 1), place(1, 2)}, Until: at.Add(5 * time.Minute)}},
		"on into the next round": {oncall.Ladder{Steps: []oncall.Step{step(cleo), step(nobody)}, Repeat: 1}, place(1, 2),
			oncall.Turn{Place: place(2, 1), Told: oncall.Told{People: []itsm.ID{"cleo"}}, Skipped: []oncall.Place{place(1, 2)}, Until: at.Add(5 * time.Minute), Next: place(2, 2)}},
		"no further round": {oncall.Ladder{Steps: []oncall.Step{step(cleo), step(nobody)}, Repeat: 1}, place(2, 2),
			oncall.Turn{Skipped: []oncall.Place{place(2, 2)}}},
		"nobody at all": {oncall.Ladder{Steps: []oncall.Step{step(nobody), step(unknown)}, Repeat: oncall.MaxRepeat}, oncall.Place{},
			oncall.Turn{Skipped: []oncall.Place{place(1, 1), place(1, 2)}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.At = at
			got, err := c.ladder.Take(at, c.from, reach)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.want.Place == oncall.Place{}, got.Nobody())
		})
	}

	ladder := oncall.Ladder{Steps: []oncall.Step{step(cleo)}}
	for _, p := range []oncall.Place{place(1, 2), place(2, 1), place(0, 1), place(1, -1)} {
		_, err := ladder.Take(at, p, reach)
		require.ErrorIs(t, err, itsm.ErrInvalid)
	}
	boom := errors.New("boom")
	_, err := ladder.Take(at, oncall.Place{}, func(oncall.Target, time.Time) (oncall.Told, error) { return oncall.Told{}, boom })
	require.ErrorIs(t, err, boom)
	_, err = ladder.Forecast(at, func(oncall.Target, time.Time) (oncall.Told, error) { return oncall.Told{}, boom })
	require.ErrorIs(t, err, boom)
}

// A forecast takes each step of each round that reaches somebody, in order, each when the one before it
// has waited, and tells of every other that it was skipped.
func TestI11AForecastTakesEveryStepOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ladder := oncall.Ladder{Repeat: rapid.IntRange(0, 4).Draw(t, "repeat"), After: rapid.IntRange(0, 20).Draw(t, "after")}
		for i := range rapid.IntRange(1, 5).Draw(t, "steps") {
			kind := rapid.SampledFrom([]oncall.TargetKind{oncall.TargetPerson, oncall.TargetSchedule}).Draw(t, "kind")
			ladder.Steps = append(ladder.Steps, oncall.Step{Minutes: rapid.IntRange(1, 100).Draw(t, "minutes"), Targets: []oncall.Target{target(kind, itsm.ID(rune('a'+i)))}})
		}
		require.NoError(t, ladder.Check())
		turns, err := ladder.Forecast(time.Unix(0, 0), oncall.Timetables{}.Reach) // no schedule has anybody
		require.NoError(t, err)
		at, want := time.Unix(0, 0).UTC().Add(time.Duration(ladder.After)*time.Minute), []oncall.Place{}
		reached := slices.ContainsFunc(ladder.Steps, func(s oncall.Step) bool { return s.Targets[0].Kind == oncall.TargetPerson })
		for round := 1; round <= ladder.Repeat+1; round++ {
			for i := range ladder.Steps {
				want = append(want, oncall.Place{Round: round, Step: i + 1})
			}
			if !reached {
				break // one round of nobody is enough to know
			}
		}
		var got []oncall.Place
		for i, turn := range turns {
			require.Equal(t, at, turn.At)
			got = append(got, turn.Skipped...)
			if turn.Nobody() {
				require.Equal(t, len(turns)-1, i, "nobody is the end")
				break
			}
			got = append(got, turn.Place)
			require.Equal(t, turn.At.Add(time.Duration(ladder.Steps[turn.Step-1].Minutes)*time.Minute), turn.Until)
			at = turn.Until
		}
		require.Equal(t, want, got)
	})
}

func TestALadderTellsAllItsFaultsAtOnce(t *testing.T) {
	ladder := oncall.Ladder{Repeat: -1, After: oncall.MaxStepMinutes + 1, Steps: []oncall.Step{
		{Minutes: 0},
		{Minutes: oncall.MaxStepMinutes + 1, Targets: []oncall.Target{{}, {Kind: "robot", ID: "r"}, target(oncall.TargetPerson, "ana"), target(oncall.TargetPerson, "ana")}},
		{Minutes: 1, Targets: make([]oncall.Target, oncall.MaxTargets+1)},
	}}
	var invalid *itsm.ValidationError
	require.True(t, errors.As(ladder.Check(), &invalid))
	var fields []string
	for _, f := range invalid.Faults {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{
		"after", "repeat", "steps[0].minutes", "steps[0].targets", "steps[1].minutes", "steps[1].targets[0].kind", "steps[1].targets[0].id",
		"steps[1].targets[1].kind", "steps[1].targets[3]", "steps[2].targets",
	}, fields)
	require.ErrorIs(t, oncall.Ladder{}.Check(), itsm.ErrInvalid)
	require.ErrorIs(t, oncall.Ladder{After: -1, Steps: []oncall.Step{{Minutes: 1, Targets: []oncall.Target{target(oncall.TargetPerson, "ana")}}}}.Check(), itsm.ErrInvalid)
	require.ErrorIs(t, oncall.Ladder{Steps: make([]oncall.Step, oncall.MaxSteps+1)}.Check(), itsm.ErrInvalid)
}

func FuzzParseLadder(f *testing.F) {
	f.Add([]byte(`{"steps":[{"minutes":5,"targets":[{"kind":"person","id":"ana"},{"kind":"schedule","id":"s"}]}],"repeat":2,"after":15}`))
	f.Add([]byte(`{"steps":[],"repeat":1e3}`))
	f.Add([]byte(`{"steps":null} x`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ladder, err := oncall.ParseLadder(raw)
		if err != nil {
			if !errors.Is(err, itsm.ErrInvalid) {
				t.Fatalf("not ErrInvalid: %v", err)
			}
			return
		}
		written, err := json.Marshal(ladder)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := oncall.ParseLadder(written); err != nil {
			t.Fatalf("%s: %v", written, err)
		} else if rewritten, _ := json.Marshal(again); string(rewritten) != string(written) {
			t.Fatalf("%s became %s", written, rewritten)
		}
		turns, err := ladder.Forecast(time.Unix(0, 0), oncall.Timetables{}.Reach)
		if err != nil || len(turns) == 0 || len(turns) > len(ladder.Steps)*(ladder.Repeat+1)+1 {
			t.Fatalf("%d turns, %v", len(turns), err)
		}
	})
}
