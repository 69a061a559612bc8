package rrule_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/recurrence/rrule"
)

func problems(t *testing.T, err error) (all []string) {
	t.Helper()
	var invalid *itsm.ValidationError
	require.ErrorAs(t, err, &invalid)
	for _, f := range invalid.Faults {
		all = append(all, f.Field+" "+f.Problem)
	}
	return all
}

func TestD13ARuleThatCannotBeIsRefusedWithEveryFault(t *testing.T) {
	_, err := rrule.Rule{Zone: "Mars/Olympus", Start: "tomorrow", RRule: "FREQ=SECONDLY;INTERVAL=0;COUNT=99999;UNTIL=2026;BYDAY=XX;BYHOUR=24;BYHOUR=1;BYEASTER=1;X", Except: []string{"?"}}.Compile()
	all := strings.Join(problems(t, err), "\n")
	for _, part := range []string{`zone is "Mars/Olympus"`, `start is "tomorrow"`, `frequency "SECONDLY"`, `INTERVAL="0"`, `COUNT="99999"`, `UNTIL="2026"`,
		`"XX" in BYDAY`, `"24" in BYHOUR`, `"BYHOUR" twice`, `"BYEASTER"`, `"X", which is not a part`, `both COUNT and UNTIL`, `except[0] is "?"`} {
		require.Contains(t, all, part)
	}
	for rule, problem := range map[string]string{
		"":                                                 "is required",
		"INTERVAL=2":                                       "has no FREQ",
		"FREQ=MINUTELY":                                    "frequency",
		"FREQ=DAILY;BYWEEKNO=3":                            "BYWEEKNO",
		"FREQ=WEEKLY;BYMONTHDAY=3":                         "BYMONTHDAY",
		"FREQ=MONTHLY;BYYEARDAY=3":                         "BYYEARDAY",
		"FREQ=WEEKLY;BYDAY=2MO":                            "numbered BYDAY",
		"FREQ=MONTHLY;BYDAY=-53MO":                         "at most 5",
		"FREQ=YEARLY;BYMONTH=2;BYDAY=6MO":                  "at most 5",
		"FREQ=YEARLY;BYWEEKNO=3;BYDAY=1MO":                 "BYWEEKNO",
		"FREQ=MONTHLY;BYSETPOS=1":                          "BYSETPOS",
		"FREQ=HOURLY;BYMINUTE=0;BYSETPOS=1":                "BYSETPOS",
		"FREQ=HOURLY;INTERVAL=2;BYHOUR=8":                  "never comes to its BYHOUR",
		"FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2":               "never occurs",
		"FREQ=DAILY;UNTIL=20260101T000000Z":                "never occurs",
		"FREQ=DAILY;INTERVAL=1001":                         "INTERVAL",
		"FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=" + upTo(20): "names 100 times",
		"FREQ=HOURLY;BYMINUTE=" + upTo(60) + ";BYSECOND=" + upTo(2): "names 120 times",
		"FREQ=DAILY;BYMONTH=" + strings.Repeat("1,", 600) + "1":     "is longer than",
		"FREQ=YEARLY;BYMONTHDAY=0":                                  "BYMONTHDAY",
		"FREQ=DAILY;BYDAY=0MO":                                      "BYDAY",
	} {
		_, err := rrule.Rule{Start: "2026-03-02T09:00:00", RRule: rule}.Compile()
		require.ErrorIs(t, err, itsm.ErrInvalid, rule)
		require.Contains(t, err.Error(), problem, rule)
	}
}

func upTo(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strings.TrimSpace(time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC).Format("4")))
	}
	return b.String()
}

// A question ends however old the rule is, and however seldom it is met: it is some hundred milliseconds of
// work, where a search day by day or hour by hour would not end within the test.
func TestD13AHostileRuleIsAnswered(t *testing.T) {
	for _, rule := range []string{
		"FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=HOURLY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO;BYHOUR=9", "FREQ=HOURLY;BYMINUTE=" + upTo(60),
		"FREQ=YEARLY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=29", "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO;BYSETPOS=366", "FREQ=YEARLY;BYDAY=-53SU;BYSETPOS=-366",
		"FREQ=MONTHLY;INTERVAL=1000;BYDAY=5MO", "FREQ=WEEKLY;INTERVAL=1000;BYSETPOS=7;BYDAY=MO", "FREQ=DAILY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU",
	} {
		c, err := rrule.Rule{Zone: "Europe/Vienna", Start: "1970-01-01T09:00:00", RRule: rule}.Compile()
		if err == nil {
			for _, at := range []time.Time{{}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2199, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
				c.Next(at, 3)
			}
		}
	}
}

func TestD13UntilIsAnInstantAndIncluded(t *testing.T) {
	c, err := rrule.Rule{Zone: "Europe/Vienna", Start: "2026-03-27T02:30:00", RRule: "FREQ=DAILY;UNTIL=20260329T013000Z"}.Compile()
	require.NoError(t, err)
	var got []string
	for at := range c.From(time.Time{}) {
		got = append(got, at.Format(time.RFC3339))
	}
	// 02:30 is skipped on the 29th: by the offset before it is 01:30 UTC, the very end.
	require.Equal(t, []string{"2026-03-27T01:30:00Z", "2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z"}, got)
	_, any := c.After(time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC))
	require.False(t, any)
	require.Empty(t, c.Next(time.Time{}, 0))
}

func FuzzRule(f *testing.F) {
	for _, rule := range []string{"FREQ=DAILY", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=MO,SU", "FREQ=YEARLY;BYDAY=-53MO", "FREQ=HOURLY;INTERVAL=5;BYHOUR=3",
		"FREQ=WEEKLY;WKST=SU;BYDAY=TU,TH;COUNT=4", "FREQ=YEARLY;BYYEARDAY=-366,366;BYSETPOS=-1", "FREQ=MONTHLY;BYMONTHDAY=-31"} {
		f.Add("2026-03-02T09:00:00", rule, "2026-12-25")
	}
	f.Fuzz(func(t *testing.T, start, rule, except string) {
		c, err := rrule.Rule{Zone: "America/New_York", Start: start, RRule: rule, Except: []string{except}}.Compile()
		if err != nil {
			if !errors.Is(err, itsm.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		var last time.Time
		for _, at := range c.Next(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 20) {
			if !at.After(last) {
				t.Fatalf("%v after %v", at, last)
			}
			last = at
		}
	})
}
