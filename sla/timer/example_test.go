package timer_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/sla/calendar"
	"github.com/itsmkit/itsmkit/sla/timer"
)

// office9to5 is an office in London.
func office9to5() map[string]*calendar.Calendar {
	c, err := calendar.Compile(calendar.Definition{Name: "office", Zone: "Europe/London",
		Hours: []calendar.Hours{{Days: calendar.MondayToFriday(), From: "09:00", To: "17:00"}}}, calendar.Options{})
	if err != nil {
		panic(err)
	}
	return map[string]*calendar.Calendar{"office": c}
}

// An incident comes on Friday afternoon. It waits for the caller over the weekend, and on Monday it becomes urgent.
func Example() {
	resolution := timer.Resolution("office", []string{"caller"}, timer.ForPriority(1, 4*time.Hour), timer.Within(8*time.Hour))
	resolution.Thresholds = []timer.Threshold{
		{Name: "warning", Share: timer.Percent(75), Actions: []string{"notify-assignee"}},
		{Name: "breach", Share: timer.Percent(100), Actions: []string{"notify-manager"}},
	}
	compiled, err := timer.Compile(timer.Policy{Name: "gold", Kind: "incident", Targets: []timer.Target{resolution}}, office9to5(), timer.Options{})
	if err != nil {
		panic(err)
	}
	clock, _ := compiled.Timer("resolution")

	at := func(day, hour, minute int) time.Time { return time.Date(2026, 2, day, hour, minute, 0, 0, time.UTC) }
	values := func(priority int64) map[string]any { return map[string]any{"priority": priority} }
	var state timer.State
	for _, m := range []timer.Moment{
		{Version: 1, At: at(6, 15, 0), Action: "log", To: itsm.CategoryNew, Values: values(3)},
		{Version: 2, At: at(6, 16, 0), Action: "hold", From: itsm.CategoryNew, To: itsm.CategoryWaiting, HoldReason: "caller", Values: values(3)},
		{Version: 3, At: at(9, 10, 0), Action: "resume", From: itsm.CategoryWaiting, To: itsm.CategoryActive, Values: values(3)},
		{Version: 4, At: at(9, 11, 30), Action: "classify", From: itsm.CategoryActive, To: itsm.CategoryActive, Values: values(1)},
	} {
		var happened []timer.Happening
		if state, happened, err = clock.Apply(state, m); err != nil {
			panic(err)
		}
		for _, h := range happened {
			due := "not defined"
			if !h.Due.IsZero() {
				due = h.Due.Format("Mon 15:04")
			}
			fmt.Printf("%s %s; due %s\n", h.At.Format("Mon 15:04"), h.Why, due)
		}
	}

	state, fired, err := clock.Fire(state, at(9, 12, 30))
	if err != nil {
		panic(err)
	}
	for _, h := range fired {
		fmt.Printf("%s %s: %v\n\n", h.At.Format("Mon 15:04"), h.Why, h.Actions)
	}
	explanation, err := clock.Explain(state, at(9, 12, 30))
	if err != nil {
		panic(err)
	}
	fmt.Print(explanation)
	// Output:
	// Fri 15:00 started: log; due Mon 15:00
	// Fri 16:00 paused: caller; due not defined
	// Mon 10:00 resumed: resume; due Mon 17:00
	// Mon 11:30 the goal is shorter: classify, priority 1, 4h of office instead of 8h of office; due Mon 13:00
	// Mon 12:00 warning was reached 30m ago: [notify-assignee]
	//
	// resolution of gold: priority 1, 4h of office, Europe/London
	// Fri 2026-02-06 15:00  Fri 2026-02-06 16:00        1h       1h  counts
	// Fri 2026-02-06 16:00  Mon 2026-02-09 10:00                     paused: caller (2h open)
	// Mon 2026-02-09 10:00  Mon 2026-02-09 12:30     2h30m    3h30m  counts
	// counted 3h30m of 4h, 30m left; due Mon 2026-02-09 13:00
}

// A policy is kept as JSON.
func ExampleParse() {
	policy, err := timer.Parse([]byte(`{
		"name": "network OLA", "type": "ola", "kind": "incident",
		"targets": [{
			"name": "network", "calendar": "office",
			"start": [{"actions": ["assign"], "when": {"op": "equal", "column": "group", "values": ["network"]}}],
			"stop":  [{"in": ["resolved", "closed"]}, {"actions": ["reassign"]}],
			"goals": [{"working_days": {"days": 1, "at": "16:00"}}],
			"thresholds": [{"name": "soon", "offset": "-1h", "actions": ["notify-group"]}]
		}]
	}`))
	if err != nil {
		panic(err)
	}
	compiled, err := timer.Compile(policy, office9to5(), timer.Options{})
	if err != nil {
		panic(err)
	}
	clock := compiled.Timers()[0]
	state, _, err := clock.Apply(timer.State{}, timer.Moment{Version: 7, At: time.Date(2026, 2, 6, 15, 0, 0, 0, time.UTC),
		Action: "assign", To: itsm.CategoryActive, Values: map[string]any{"group": "network"}})
	if err != nil {
		panic(err)
	}
	next, _, err := clock.NextThreshold(state)
	if err != nil {
		panic(err)
	}
	fmt.Println("job at", next.Format("Mon 15:04"))
	kept, err := json.Marshal(state)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(kept))
	// Output:
	// job at Mon 15:00
	// {"cycles":[{"start":"2026-02-06T15:00:00Z","since":"2026-02-06T15:00:00Z","goals":[{"at":"2026-02-06T15:00:00Z","from":"2026-02-06T15:00:00Z","rule":0,"calendar":"office","open":"9h","until":"2026-02-09T16:00:00Z"}]}],"last":{"at":"2026-02-06T15:00:00Z","version":7}}
}

// What cannot do what it seems to is refused with the reason.
func ExampleCompile_traps() {
	target := timer.Resolution("office", nil, timer.Within(8*time.Hour))
	target.Pause = []timer.Match{{In: []itsm.Category{itsm.CategoryWaiting}}}
	target.Stop = []timer.Match{{In: []itsm.Category{itsm.CategoryWaiting, itsm.CategoryResolved}}}
	_, err := timer.Compile(timer.Policy{Name: "gold", Kind: "incident", Targets: []timer.Target{target}}, office9to5(), timer.Options{})
	fmt.Println(err)
	// Output:
	// policy: invalid: targets[0].pause holds only where stop does: the timer would stop instead of pausing
}

// A promise of eight hours does not hold if the desk may take two and the carrier, which works on the same days, seven.
func ExampleCheckChain() {
	link := func(name string, d time.Duration) timer.Link {
		return timer.Link{Name: name, Calendar: "office", Goal: timer.Within(d)}
	}
	chain := timer.Link{Name: "repair", Sequence: []timer.Link{link("desk OLA", 2*time.Hour), link("carrier contract", 7*time.Hour)}}
	report, err := timer.CheckChain(link("customer SLA", 8*time.Hour), chain, office9to5(),
		time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		panic(err)
	}
	fmt.Println("kept:", report.Kept)
	fmt.Println("broken by:", report.First.Link[len(report.First.Link)-1])
	fmt.Println("begun", report.First.Start.Format("Mon 15:04"), "promised", report.First.Promised.Format("Mon 15:04"), "delivered", report.First.Delivered.Format("Mon 15:04"))
	// Output:
	// kept: false
	// broken by: carrier contract
	// begun Thu 00:00 promised Thu 17:00 delivered Fri 10:00
}

// An explanation can be drawn.
func ExampleExplanation_Mermaid() {
	compiled, err := timer.Compile(timer.Policy{Name: "gold", Kind: "incident", Targets: []timer.Target{
		timer.Resolution("office", []string{"caller"}, timer.Within(8*time.Hour))}}, office9to5(), timer.Options{})
	if err != nil {
		panic(err)
	}
	clock := compiled.Timers()[0]
	at := func(hour int) time.Time { return time.Date(2026, 2, 6, hour, 0, 0, 0, time.UTC) }
	state, _, err := clock.Replay([]timer.Moment{
		{Version: 1, At: at(15), To: itsm.CategoryNew},
		{Version: 2, At: at(16), From: itsm.CategoryNew, To: itsm.CategoryWaiting, HoldReason: "caller"},
		{Version: 3, At: at(18), From: itsm.CategoryWaiting, To: itsm.CategoryActive},
	})
	if err != nil {
		panic(err)
	}
	explanation, err := clock.Explain(state, at(19))
	if err != nil {
		panic(err)
	}
	fmt.Print(explanation.Mermaid())
	// Output:
	// gantt
	//     title resolution of gold - 8h of office
	//     dateFormat YYYY-MM-DDTHH:mm:ss
	//     axisFormat %a %H:%M
	//     section Counted
	//     open :active, 2026-02-06T15:00:00, 2026-02-06T16:00:00
	//     section Paused
	//     caller :crit, 2026-02-06T16:00:00, 2026-02-06T18:00:00
	//     section Closed
	//     closed :done, 2026-02-06T18:00:00, 2026-02-06T19:00:00
	//     section Due
	//     due :milestone, 2026-02-09T16:00:00, 0d
}
