package storagetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Values come back exactly as they went in, and are compared exactly.
var valueCases = []testCase{
	{"ids are compared byte by byte", valueIDs},
	{"an id may be 200 bytes long", valueLongIDs},
	{"text comes back byte by byte", valueText},
	{"text is ordered byte by byte", valueTextOrder},
	{"text may be 255 characters long", valueLongText},
	{"empty text is not NULL", valueEmptyText},
	{"integers have 64 bits", valueIntegers},
	{"booleans stay booleans", valueBooleans},
	{"times have 64 bits of microseconds", valueTimes},
	{"created and updated are kept before 1970 and in the far future", valueInstants},
	{"created and updated are truncated to microseconds in UTC", valueTruncated},
	{"NULL stays NULL in every kind", valueNulls},
	{"bodies come back byte by byte", valueBodies},
	{"a body may be large", valueLargeBody},
	{"a description of 64 KiB comes back byte by byte", valueDescription},
	{"times are kept to the microsecond from year 1 to 9999", valueYears},
	{"decimals are exact", valueDecimals},
}

// tricky texts are pairwise different, and equal to a careless engine: case, trailing and
// leading spaces, accents, normal forms, width, folding, and what SQL and LIKE give a meaning.
// They are in the order of their bytes.
var tricky = sorted(
	"A", "AA", "Aa", "a", "a ", "a  ", " a", "aA", "aa", "ab", "B", "b", "Z", "z", "_", "%", "a%", "a_",
	`\`, `a\`, `\%`, `'`, `''`, `"`, "`", ";--", "$1", "?", ":a", "{}", "0", "00", "1", "1.0", "-1", "1e0", "NULL", "null", "true",
	"e\u0301", "\u00e9", "e", "E", "\u00c9", // é in two normal forms, and its case
	"\u00df", "ss", "SS", // ß
	"\u0131", "i", "I", "\u0130", // the Turkish i
	"\uff41", "\u00aa", // a in full width, and as an ordinal
	"\u00e5", "\u00e4", "\u00f6", "o", // sorted otherwise in Stockholm
	"\u200b", "a\u200b", "\u00ad", // no width at all
	"\u65e5\u672c", "\u65e5\u672c\u8a9e", "\uac00", "\ud7ff", "\ue000", "\ufeff", "\ufffd", "\uffff",
	"\U00010000", "\U0001f525", "\U0001f525\U0001f525", "\U0001f468\u200d\U0001f692", "\U0010ffff", "a\U0010ffff",
)

func sorted(texts ...string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

func valueIDs(e *env) {
	rows := make([]storage.Row, 0, len(tricky))
	for _, id := range tricky {
		rows = append(rows, ticket(storage.ID(id), "note", "note of "+id))
	}
	e.put(acme, rows...)
	for _, id := range tricky {
		got := e.get(acme, storage.ID(id))
		require.Equal(e, storage.ID(id), got.ID)
		require.Equal(e, "note of "+id, value(got, "note"))
		require.Equal(e, []string{id}, ids(e.query(storage.RowQuery{Where: where(storage.Equal, "id", id)}, acme)), "id %q", id)
	}
	require.Equal(e, tricky, ids(e.query(storage.RowQuery{Order: []storage.Order{asc("id")}}, acme)))
	e.missing(acme, "aAa", "zz", "b ", "z ", "é ")

	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, tickets, "a", 1))
		again := ticket("a ")
		again.Version = 1
		require.NoError(e, tx.Put(ctx, tickets, &again))
	})
	e.missing(acme, "a")
	require.Len(e, e.query(storage.RowQuery{}, acme), len(tricky)-1)
	require.Equal(e, int64(1), e.get(acme, "A").Version)
	require.Equal(e, int64(2), e.get(acme, "a ").Version)
}

func valueLongIDs(e *env) {
	long := []string{
		strings.Repeat("x", storage.MaxKey-1) + "1", strings.Repeat("x", storage.MaxKey-1) + "2", strings.Repeat("x", storage.MaxKey-1),
		strings.Repeat(" ", storage.MaxKey), strings.Repeat("\U0001f525", storage.MaxKey/4), strings.Repeat("\u00e9", storage.MaxKey/2),
	}
	slices.Sort(long)
	for _, tenant := range long {
		rows := make([]storage.Row, 0, len(long))
		for _, id := range long {
			rows = append(rows, ticket(storage.ID(id)))
		}
		e.put(storage.Tenant(tenant), rows...)
		require.Equal(e, long, ids(e.query(storage.RowQuery{}, storage.Tenant(tenant))))
		e.get(storage.Tenant(tenant), storage.ID(long[0]))
	}
}

func valueText(e *env) {
	for i, text := range append([]string{"", " ", "two\nlines\r\n\t", "\u0001\u001f\u007f"}, tricky...) {
		id := storage.ID(fmt.Sprintf("%03d", i))
		e.put(acme, ticket(id, "title", text, "note", text))
		got := e.get(acme, id)
		require.Equal(e, text, value(got, "title"))
		require.Equal(e, text, value(got, "note"))
		for _, column := range []string{"title", "note"} {
			require.Equal(e, []string{string(id)}, ids(e.query(storage.RowQuery{Where: where(storage.Equal, column, text)}, acme)), "%s %q", column, text)
			require.Equal(e, []string{string(id)}, ids(e.query(storage.RowQuery{Where: where(storage.In, column, text, "something else")}, acme)), "%s %q", column, text)
		}
	}
}

func valueTextOrder(e *env) {
	rows := make([]storage.Row, 0, len(tricky))
	for i, text := range tricky {
		rows = append(rows, ticket(storage.ID(fmt.Sprintf("%03d", 7919*i%1000)), "title", text, "note", text))
	}
	e.put(acme, rows...)
	titles := func(q storage.RowQuery) []string {
		out := []string{}
		for _, r := range e.query(q, acme) {
			out = append(out, value(r, "title").(string))
		}
		return out
	}
	require.Equal(e, tricky, titles(storage.RowQuery{Order: []storage.Order{asc("title")}}))
	backwards := slices.Clone(tricky)
	slices.Reverse(backwards)
	require.Equal(e, backwards, titles(storage.RowQuery{Order: []storage.Order{desc("title")}}))
	for i, text := range tricky {
		for _, column := range []string{"title", "note"} {
			q := func(op storage.Op) storage.RowQuery {
				return storage.RowQuery{Where: where(op, column, text), Order: []storage.Order{asc("title")}}
			}
			require.Equal(e, tricky[:i], titles(q(storage.Below)), "%s below %q", column, text)
			require.Equal(e, tricky[:i+1], titles(q(storage.AtMost)), "%s at most %q", column, text)
			require.Equal(e, tricky[i+1:], titles(q(storage.Above)), "%s above %q", column, text)
			require.Equal(e, tricky[i:], titles(q(storage.AtLeast)), "%s at least %q", column, text)
		}
	}
}

func valueLongText(e *env) {
	for i, character := range []string{"x", "\u00e9", "\u65e5", "\U0001f525", " "} {
		id := storage.ID(fmt.Sprint(i))
		text := strings.Repeat(character, storage.MaxText)
		near := strings.Repeat(character, storage.MaxText-1) + "y"
		e.put(acme, ticket(id, "title", text, "note", near))
		got := e.get(acme, id)
		require.Equal(e, text, value(got, "title"))
		require.Equal(e, near, value(got, "note"))
		for _, c := range []storage.Condition{where(storage.Equal, "title", text), where(storage.Equal, "note", near), where(storage.Prefix, "title", text)} {
			require.Equal(e, []string{string(id)}, ids(e.query(storage.RowQuery{Where: c}, acme)))
		}
		require.Empty(e, e.query(storage.RowQuery{Where: where(storage.Equal, "title", near)}, acme))
	}
}

func valueEmptyText(e *env) {
	e.put(acme, ticket("empty", "note", ""), ticket("null"))
	require.Equal(e, "", value(e.get(acme, "empty"), "note"))
	require.Nil(e, value(e.get(acme, "null"), "note"))
	require.Equal(e, []string{"null"}, ids(e.query(storage.RowQuery{Where: where(storage.Null, "note")}, acme)))
	require.Equal(e, []string{"empty"}, ids(e.query(storage.RowQuery{Where: where(storage.Equal, "note", "")}, acme)))
}

// extremes of 64 bits in order, with those that a float64 would run together.
var extremes = []int64{
	math.MinInt64, math.MinInt64 + 1, -1<<53 - 1, -1 << 53, math.MinInt32 - 1, math.MinInt32, -1, 0, 1,
	math.MaxInt32, math.MaxInt32 + 1, 1 << 53, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64,
}

func valueIntegers(e *env) { extremesIn(e, "priority", "effort") }
func valueTimes(e *env)    { extremesIn(e, "due", "ended") }

func extremesIn(e *env, columns ...string) {
	names := make([]string, len(extremes))
	rows := make([]storage.Row, len(extremes))
	for i, n := range extremes {
		names[i] = fmt.Sprintf("%02d", 7*i%len(extremes))
		rows[i] = ticket(storage.ID(names[i]))
		for _, c := range columns {
			set(tickets, &rows[i], c, n)
		}
	}
	e.put(acme, rows...)
	order := []storage.Order{asc(columns[0])}
	for i, n := range extremes {
		got := e.get(acme, storage.ID(names[i]))
		for _, c := range columns {
			require.Equal(e, n, value(got, c))
			for op, want := range map[storage.Op][]string{
				storage.Equal: names[i : i+1], storage.In: names[i : i+1], storage.Below: names[:i],
				storage.AtMost: names[:i+1], storage.Above: names[i+1:], storage.AtLeast: names[i:],
			} {
				require.Equal(e, want, ids(e.query(storage.RowQuery{Where: where(op, c, n), Order: order}, acme)), "%s %s %d", c, op, n)
			}
		}
	}
	require.Equal(e, names, ids(e.query(storage.RowQuery{Order: order}, acme)))
}

func valueBooleans(e *env) {
	e.put(acme, ticket("1", "open", true, "vip", false), ticket("2", "open", false, "vip", true))
	require.Equal(e, true, value(e.get(acme, "1"), "open"))
	require.Equal(e, false, value(e.get(acme, "1"), "vip"))
	require.Equal(e, false, value(e.get(acme, "2"), "open"))
	require.Equal(e, true, value(e.get(acme, "2"), "vip"))
	require.Equal(e, []string{"2", "1"}, ids(e.query(storage.RowQuery{Order: []storage.Order{asc("open")}}, acme)), "false is first")
	require.Equal(e, []string{"2"}, ids(e.query(storage.RowQuery{Where: where(storage.Equal, "open", false)}, acme)))
	require.Equal(e, []string{"2"}, ids(e.query(storage.RowQuery{Where: where(storage.Below, "open", true)}, acme)))
	require.Equal(e, []string{"1", "2"}, ids(e.query(storage.RowQuery{Where: where(storage.In, "vip", true, false)}, acme)))
}

func valueInstants(e *env) {
	instants := []time.Time{
		time.UnixMicro(math.MinInt64).UTC(),
		{}, // the zero time
		time.Date(1582, time.October, 10, 0, 0, 0, 1000, time.UTC),
		time.Date(1969, time.December, 31, 23, 59, 59, 999999000, time.UTC),
		time.Unix(0, 0).UTC(),
		noon,
		time.Date(2038, time.January, 19, 3, 14, 8, 0, time.UTC),
		time.Date(9999, time.December, 31, 23, 59, 59, 999999000, time.UTC),
		time.UnixMicro(math.MaxInt64).UTC(),
	}
	var want []string
	for i, at := range instants {
		row := ticket(storage.ID(fmt.Sprint(i)))
		row.Created, row.Updated = at, instants[len(instants)-1-i]
		written := e.put(acme, row)[0]
		got := e.get(acme, row.ID)
		require.Equal(e, at, got.Created)
		require.Equal(e, row.Updated, got.Updated)
		require.Equal(e, written, got)
		want = append(want, string(row.ID))
	}
	require.Equal(e, want, ids(e.query(storage.RowQuery{Order: []storage.Order{asc("created")}}, acme)))
	require.Equal(e, want, ids(e.query(storage.RowQuery{Order: []storage.Order{desc("updated")}}, acme)))
}

func valueTruncated(e *env) {
	zone := time.FixedZone("east", 5*3600+1800)
	for i, at := range []time.Time{
		time.Date(2026, time.March, 2, 12, 0, 0, 123456789, zone),
		time.Date(1965, time.March, 2, 12, 0, 0, 123456789, zone),
		time.Date(2026, time.March, 2, 12, 0, 0, 999999999, time.UTC),
		time.Now(), // of this machine's zone, and with a monotonic reading
	} {
		row := ticket(storage.ID(fmt.Sprint(i)))
		row.Created, row.Updated = at, at.Add(time.Nanosecond)
		e.put(acme, row)
		got := e.get(acme, row.ID)
		require.Equal(e, storage.Instant(at), got.Created)
		require.Equal(e, storage.Instant(at.Add(time.Nanosecond)), got.Updated)
		heads := e.query(storage.RowQuery{Where: where(storage.Equal, "created", at.UnixMicro())}, acme)
		require.Equal(e, []string{string(row.ID)}, ids(heads))
		require.Equal(e, storage.Instant(at), heads[0].Created)
	}
}

func valueNulls(e *env) {
	e.put(acme, ticket("1"))
	for _, got := range []storage.Row{e.get(acme, "1"), one(e, e.query(storage.RowQuery{}, acme))} {
		require.Equal(e, []any{"", nil, int64(0), nil, false, nil, int64(0), nil}, got.Columns)
	}
}

var oddBodies = []string{
	`{}`, `[]`, `null`, `true`, `0`, `""`, `"text"`,
	`{"b":1,"a":2}`,
	`{"twice":1,"twice":2}`,
	"  {\n\t\"spaced\" :  [ 1 , 2 ]\r\n}\n",
	`{"number":1.0,"exact":0.1000,"large":12345678901234567890123456789,"tiny":1e-400,"huge":1E+400,"minus":-0}`,
	`{"nul":"\u0000","escaped":"\u0061\u00e9\ud83d\udd25","lone":"\ud800","slash":"\/","quotes":"\"'","html":"<a href='x'>&</a>"}`,
	"{\"raw\":\"\u00e9 \U0001f525 \u2028\u2029\ufeff\",\"\":\"an empty name\"}",
	`{"$ref":"?","sql":"'; DROP TABLE st_ticket; --","percent":"%s %d 100%","backslash":"\\","dollar":"$1 :x @y"}`,
}

func valueBodies(e *env) {
	for i, body := range oddBodies {
		require.True(e, json.Valid([]byte(body)), "the case itself is wrong")
		row := ticket(storage.ID(fmt.Sprint(i)))
		row.Body = []byte(body)
		e.put(acme, row)
		require.Equal(e, body, string(e.get(acme, row.ID).Body))
		rows := e.query(storage.RowQuery{Where: where(storage.Equal, "id", string(row.ID)), Bodies: true}, acme)
		require.Equal(e, body, string(one(e, rows).Body))
	}
}

func valueLargeBody(e *env) {
	var b bytes.Buffer
	b.WriteString(`{"lines":[`)
	for i := 0; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, `"line %d: \u0000 \U0001f525 é \\ ' %%",`, i)
	}
	b.WriteString(`"end"]}`)
	body := bytes.ReplaceAll(b.Bytes(), []byte(`\U0001f525`), []byte("\U0001f525"))
	require.True(e, json.Valid(body), "the case itself is wrong")
	row := ticket("1")
	row.Body = body
	row = e.put(acme, row)[0]
	require.True(e, bytes.Equal(body, e.get(acme, "1").Body), "a body of %d bytes is not the same", len(body))

	// As long as it may be, of what a driver may write as two bytes each.
	row.Body = []byte(`"` + strings.Repeat(`\"`, (storage.MaxDocument-2)/2) + `"`)
	row = e.put(acme, row)[0]
	require.True(e, bytes.Equal(row.Body, e.get(acme, "1").Body), "a body of %d bytes is not the same", storage.MaxDocument)

	row.Body = body[:len(body)-len(`,"end"]}`)]
	row.Body = append(slices.Clone(row.Body), `]}`...)
	e.put(acme, row)
	require.True(e, bytes.Equal(row.Body, e.get(acme, "1").Body), "after a second put")
}

// valueDescription has texts about as long as some engine's longest, in characters of one to four
// bytes and in two normal forms, that end in spaces: in a body, and in the envelope of an event, which
// has what changed.
func valueDescription(e *env) {
	for i, character := range []string{"x", " ", "e\u0301", "\u00e9", "\u65e5", "\U0001f468\u200d\U0001f692"} {
		for _, size := range []int{1<<16 - 2, 1<<16 - 1, 1 << 16, 1<<16 + 1} {
			text := strings.Repeat(character, size/len(character)+1)[:size-size%len(character)]
			text += strings.Repeat(" ", size-len(text))
			row := ticket(storage.ID(fmt.Sprintf("%d-%d", i, size)))
			row.Body = []byte(`{"description":"` + text + `"}`)
			row = e.put(acme, row)[0]
			require.True(e, bytes.Equal(row.Body, e.get(acme, row.ID).Body), "%d bytes of %q are not the same", size, character)
			row.Body = []byte(`{"description":" ` + text + `"}`)
			e.put(acme, row)
			rows := e.query(storage.RowQuery{Where: where(storage.Equal, "id", string(row.ID)), Bodies: true}, acme)
			require.True(e, bytes.Equal(row.Body, one(e, rows).Body), "%d bytes of %q after a second put are not the same", size+1, character)

			ev := event(row.ID, 1, 0)
			ev.Envelope = []byte(`{"old":"` + text + `","new":" ` + text + `"}`)
			e.append(umbra, ev)
			e.view(func(ctx context.Context, r storage.Reader) {
				events, err := r.Events(ctx, storage.EventQuery{Kind: ev.Kind, Record: ev.Record, Limit: 2})
				require.NoError(e, err)
				require.True(e, bytes.Equal(ev.Envelope, one(e, events).Envelope), "an event with twice %d bytes of %q is not the same", size, character)
			}, umbra)
		}
	}
}

// years are instants from the first year to the last that calendars of four digits have, in order;
// neighbours differ by a microsecond where a float64 would run them together.
var years = []time.Time{
	time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC),
	time.Date(1, time.January, 1, 0, 0, 0, 1000, time.UTC),
	time.Date(1000, time.February, 28, 23, 59, 59, 999999000, time.UTC),
	time.Date(1582, time.October, 10, 0, 0, 0, 1000, time.UTC), // which the calendar of that time did not have
	time.Date(1752, time.September, 5, 12, 0, 0, 123456000, time.UTC),
	time.Date(1899, time.December, 31, 23, 59, 59, 999999000, time.UTC),
	time.Date(1970, time.January, 1, 0, 0, 0, 0, time.UTC),
	noon,
	noon.Add(time.Microsecond),
	time.Date(2100, time.February, 28, 23, 59, 59, 999999000, time.UTC),
	time.Date(9999, time.December, 31, 23, 59, 59, 999998000, time.UTC),
	time.Date(9999, time.December, 31, 23, 59, 59, 999999000, time.UTC),
}

// valueYears puts every instant wherever there can be one.
func valueYears(e *env) {
	const lease = time.Microsecond
	for i, at := range years {
		name := fmt.Sprintf("%02d", len(years)-i)
		row := ticket(storage.ID(name), "due", at.UnixMicro(), "ended", at.UnixMicro())
		row.Created, row.Updated = at, at
		e.put(acme, row)
		got := e.get(acme, row.ID)
		require.Equal(e, []any{at, at, at.UnixMicro(), at.UnixMicro()}, []any{got.Created, got.Updated, value(got, "due"), value(got, "ended")})
		ev := event(row.ID, 1, 0)
		ev.At = at
		e.append(acme, ev)
		e.enqueue(acme, storage.Job{Kind: "timer", Key: name, Due: at})
		require.Equal(e, at, e.job(acme, "timer", name).Due)

		if before := at.Add(-time.Microsecond); !before.IsZero() { // which no claim is of
			require.Empty(e, e.claim(storage.Claim{Now: before, Lease: lease, Limit: 2}), "%s is claimed before it is due", at)
		}
		if at.IsZero() {
			at = at.Add(time.Microsecond)
			e.enqueue(acme, storage.Job{Kind: "timer", Key: name, Due: at})
		}
		job := one(e, e.claim(storage.Claim{Now: at, Lease: lease, Limit: 2}))
		require.Equal(e, []time.Time{at, at.Add(lease)}, []time.Time{job.Due, job.Lease})
		require.Equal(e, at.Add(lease), e.job(acme, "timer", name).Lease)
		e.finish(job, storage.Outcome{Due: at.Add(lease), Error: "not yet"})
		require.Equal(e, at.Add(lease), e.job(acme, "timer", name).Due)
		e.update(acme, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Cancel(ctx, "timer", name)) })
	}
	for i, ev := range e.events(acme) {
		require.Equal(e, years[len(years)-1-i], ev.At)
	}
	for _, column := range []string{"created", "updated", "due", "ended"} {
		for i, at := range years {
			for op, want := range map[storage.Op]int{storage.Equal: 1, storage.Below: i, storage.AtMost: i + 1, storage.Above: len(years) - 1 - i, storage.AtLeast: len(years) - i} {
				require.Len(e, e.query(storage.RowQuery{Where: where(op, column, at.UnixMicro())}, acme), want, "%s %s %s", column, op, at)
			}
		}
		if column == "ended" {
			continue // may be NULL, and is no order
		}
		for i, r := range e.query(storage.RowQuery{Order: []storage.Order{asc(column)}}, acme) {
			require.Equal(e, years[i].UnixMicro(), value(r, "due"))
		}
	}
}

// valueDecimals has the three ways in which a decimal is kept: as a JSON number or text of a body, of
// which no digit is lost or added; as text in a column, compared byte by byte, so that 0.1 is not 0.10;
// and where an engine is to order, as a whole number of the smallest unit.
func valueDecimals(e *env) {
	decimals := []string{
		"-99999999999999999.99", "-0.30", "-0.3", "-0.1", "0", "0.0", "0.1", "0.10", "0.1000000000000000055511151231257827", "0.3",
		"1.10", "1234567890123456789012345678901234567890.123456789", "9007199254740993", "90071992547409.93", "1e2", "1E+2",
	}
	for i, d := range decimals {
		row := ticket(storage.ID(fmt.Sprintf("%02d", i)), "title", d, "note", d)
		row.Body = []byte(`{"number":` + d + `,"text":"` + d + `"}`)
		row = e.put(acme, row)[0]
		for range 2 {
			got := e.get(acme, row.ID)
			require.Equal(e, string(row.Body), string(got.Body))
			require.Equal(e, []any{d, d}, []any{value(got, "title"), value(got, "note")})
			require.Equal(e, []string{string(row.ID)}, ids(e.query(storage.RowQuery{Where: where(storage.Equal, "note", d)}, acme)))
			row = e.put(acme, got)[0] // what was read, again
		}
		ev := event(row.ID, 1, 0)
		ev.Envelope = row.Body
		e.append(acme, ev)
		e.enqueue(acme, storage.Job{Kind: "timer", Key: string(row.ID), Due: noon, Payload: row.Body})
		require.Equal(e, string(row.Body), string(e.job(acme, "timer", string(row.ID)).Payload))
	}
	for i, ev := range e.events(acme) {
		require.Equal(e, `{"number":`+decimals[i]+`,"text":"`+decimals[i]+`"}`, string(ev.Envelope))
	}

	cents := []int64{-9999999999999999_99, -30, -10, -9, 0, 1, 9, 10, 11, 100, 101, 9007199254740992_99, 9007199254740993_01}
	for i, n := range cents {
		e.put(umbra, ticket(storage.ID(fmt.Sprintf("%02d", 7*i%len(cents))), "priority", n, "effort", n))
	}
	for i, r := range e.query(storage.RowQuery{Order: []storage.Order{asc("priority")}}, umbra) {
		require.Equal(e, []any{cents[i], cents[i]}, []any{value(r, "priority"), value(r, "effort")})
	}
	for i, n := range cents {
		require.Len(e, e.query(storage.RowQuery{Where: where(storage.Above, "effort", n)}, umbra), len(cents)-1-i)
	}
}
