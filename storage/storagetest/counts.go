package storagetest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Counts are by the values that there are, in their order.
var countCases = []testCase{
	{"without columns there is one group, of zero too", countAll},
	{"one group for each value that there is", countGroups},
	{"groups are in the order of their values", countOrder},
	{"groups by several columns", countCombinations},
	{"NULL is a group of its own and the first", countNull},
	{"groups by the columns that every table has", countMeta},
	{"a count has the condition", countCondition},
	{"a count reads the unit's own writes", countOwnWrites},
}

// group makes a Group; an int stands for an int64.
func groupOf(count int, values ...any) storage.Group {
	for i, v := range values {
		if n, ok := v.(int); ok {
			values[i] = int64(n)
		}
	}
	return storage.Group{Values: values, Count: int64(count)}
}

// counted says what a count of the tenants' tickets gives.
func (e *env) counted(want []storage.Group, c storage.Condition, by []string, tenants ...storage.Tenant) {
	e.Helper()
	e.view(func(ctx context.Context, r storage.Reader) { e.countedBy(ctx, r, want, c, by) }, tenants...)
}

func (e *env) countedBy(ctx context.Context, r storage.Reader, want []storage.Group, c storage.Condition, by []string) {
	e.Helper()
	require.NoError(e, storage.CheckCount(tickets, c, by), "the case itself is wrong")
	got, err := r.Count(ctx, tickets, c, by)
	require.NoError(e, err)
	require.Len(e, got, len(want), "groups by %q", by)
	for i := range want {
		require.Equal(e, want[i].Count, got[i].Count, "group %d by %q, of %v", i, by, got[i].Values)
		require.Len(e, got[i].Values, len(by))
		if len(by) > 0 {
			require.Equal(e, want[i].Values, got[i].Values, "group %d by %q", i, by)
		}
	}
}

func countAll(e *env) {
	e.counted([]storage.Group{groupOf(0)}, storage.Condition{}, nil, acme)
	e.put(acme, fourTickets()...)
	e.put(umbra, ticket("1"))
	e.counted([]storage.Group{groupOf(4)}, storage.Condition{}, nil, acme)
	e.counted([]storage.Group{groupOf(4)}, storage.Condition{}, []string{}, acme)
	e.counted([]storage.Group{groupOf(5)}, storage.Condition{}, nil, acme, umbra)
	e.counted([]storage.Group{groupOf(0)}, where(storage.Equal, "title", "none"), nil, acme)
	e.counted([]storage.Group{groupOf(0)}, where(storage.In, "title"), nil, acme)
	e.counted([]storage.Group{groupOf(0)}, storage.Condition{}, nil, capital)
}

func countGroups(e *env) {
	e.counted(nil, storage.Condition{}, []string{"priority"}, acme)
	e.put(acme, ticket("1", "priority", 2), ticket("2", "priority", 1), ticket("3", "priority", 2), ticket("4", "priority", 2))
	e.counted([]storage.Group{groupOf(1, 1), groupOf(3, 2)}, storage.Condition{}, []string{"priority"}, acme)
	e.counted([]storage.Group{groupOf(4, false)}, storage.Condition{}, []string{"open"}, acme)
	e.counted(nil, where(storage.Equal, "open", true), []string{"open"}, acme)
	e.counted(nil, storage.Condition{}, []string{"priority"}, umbra)
}

func countOrder(e *env) {
	var texts, numbers, times []storage.Group
	rows := make([]storage.Row, 0, len(tricky))
	for i, text := range tricky {
		rows = append(rows, ticket(storage.ID(text), "title", text, "priority", extremes[i%len(extremes)], "due", extremes[i%len(extremes)], "open", i%3 == 0))
		texts = append(texts, groupOf(1, text))
	}
	e.put(acme, rows...)
	for i, n := range extremes {
		of := len(tricky) / len(extremes)
		if i < len(tricky)%len(extremes) {
			of++
		}
		numbers, times = append(numbers, groupOf(of, n)), append(times, groupOf(of, n))
	}
	e.counted(texts, storage.Condition{}, []string{"title"}, acme)
	e.counted(numbers, storage.Condition{}, []string{"priority"}, acme)
	e.counted(times, storage.Condition{}, []string{"due"}, acme)
	yes := (len(tricky) + 2) / 3
	e.counted([]storage.Group{groupOf(len(tricky)-yes, false), groupOf(yes, true)}, storage.Condition{}, []string{"open"}, acme)
}

func countCombinations(e *env) {
	e.put(acme,
		ticket("1", "title", "a", "priority", 2), ticket("2", "title", "a ", "priority", 1), ticket("3", "title", "A", "priority", 1),
		ticket("4", "title", "a", "priority", 1), ticket("5", "title", "a", "priority", 2), ticket("6", "title", "A", "priority", 1))
	e.counted([]storage.Group{groupOf(2, "A", 1), groupOf(1, "a", 1), groupOf(2, "a", 2), groupOf(1, "a ", 1)},
		storage.Condition{}, []string{"title", "priority"}, acme)
	e.counted([]storage.Group{groupOf(2, 1, "A"), groupOf(1, 1, "a"), groupOf(1, 1, "a "), groupOf(2, 2, "a")},
		storage.Condition{}, []string{"priority", "title"}, acme)
}

func countNull(e *env) {
	e.put(acme, ticket("1"), ticket("2", "note", "", "effort", -1, "vip", false, "ended", -1),
		ticket("3"), ticket("4", "note", "x", "effort", 0, "vip", true, "ended", 0))
	e.counted([]storage.Group{groupOf(2, nil), groupOf(1, ""), groupOf(1, "x")}, storage.Condition{}, []string{"note"}, acme)
	e.counted([]storage.Group{groupOf(2, nil), groupOf(1, -1), groupOf(1, 0)}, storage.Condition{}, []string{"effort"}, acme)
	e.counted([]storage.Group{groupOf(2, nil), groupOf(1, false), groupOf(1, true)}, storage.Condition{}, []string{"vip"}, acme)
	e.counted([]storage.Group{groupOf(2, nil), groupOf(1, -1), groupOf(1, 0)}, storage.Condition{}, []string{"ended"}, acme)
	e.counted([]storage.Group{groupOf(2, nil, nil), groupOf(1, "", false), groupOf(1, "x", true)}, storage.Condition{}, []string{"note", "vip"}, acme)
	e.counted([]storage.Group{groupOf(2, nil)}, where(storage.Null, "note"), []string{"note"}, acme)
	e.counted([]storage.Group{groupOf(2, nil), groupOf(1, "")}, not(where(storage.Equal, "note", "x")), []string{"note"}, acme)
}

func countMeta(e *env) {
	e.put(acme, ticket("1"), ticket("2"))
	row := e.put(umbra, ticket("1"))[0]
	row.Updated = noon.AddDate(-100, 0, 0)
	e.put(umbra, row)
	at, before := noon.UnixMicro(), row.Updated.UnixMicro()
	e.counted([]storage.Group{groupOf(2, "acme"), groupOf(1, "umbra")}, storage.Condition{}, []string{"tenant"}, umbra, acme)
	e.counted([]storage.Group{groupOf(2, "acme")}, storage.Condition{}, []string{"tenant"}, acme)
	e.counted([]storage.Group{groupOf(2, "1"), groupOf(1, "2")}, storage.Condition{}, []string{"id"}, umbra, acme)
	e.counted([]storage.Group{groupOf(2, 1), groupOf(1, 2)}, storage.Condition{}, []string{"version"}, umbra, acme)
	e.counted([]storage.Group{groupOf(3, at)}, storage.Condition{}, []string{"created"}, umbra, acme)
	e.counted([]storage.Group{groupOf(1, before, "umbra"), groupOf(2, at, "acme")}, storage.Condition{}, []string{"updated", "tenant"}, umbra, acme)
}

func countCondition(e *env) {
	e.put(acme, fourTickets()...)
	e.put(umbra, fourTickets()...)
	e.counted([]storage.Group{groupOf(1, false), groupOf(1, true)},
		or(where(storage.Equal, "note", "b"), where(storage.Equal, "note", "c")), []string{"open"}, acme)
	e.counted([]storage.Group{groupOf(2, false)}, not(where(storage.Equal, "open", true)), []string{"open"}, acme)
	e.counted([]storage.Group{groupOf(3)}, where(storage.Prefix, "note", ""), nil, acme)
}

func countOwnWrites(e *env) {
	e.put(acme, ticket("1", "priority", 1), ticket("2", "priority", 1))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		require.NoError(e, tx.Delete(ctx, tickets, "1", 1))
		changed, created := ticket("2", "priority", 3), ticket("3", "priority", 2)
		changed.Version = 1
		require.NoError(e, tx.Put(ctx, tickets, &changed))
		require.NoError(e, tx.Put(ctx, tickets, &created))
		e.countedBy(ctx, tx, []storage.Group{groupOf(1, 2), groupOf(1, 3)}, storage.Condition{}, []string{"priority"})
	})
	e.counted([]storage.Group{groupOf(1, 2), groupOf(1, 3)}, storage.Condition{}, []string{"priority"}, acme)
}
