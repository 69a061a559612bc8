package storagetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

// Tenants never see or touch each other's records, counts, events, jobs, locks and numbers.
var tenantCases = []testCase{
	{"one id in many tenants is many records", tenantSameID},
	{"a record of another tenant is not found", tenantGet},
	{"another tenant's records cannot be written", tenantPut},
	{"queries and counts stay in the tenant", tenantQuery},
	{"a condition on the tenant does not reach another", tenantCondition},
	{"a page cannot begin in another tenant", tenantAfter},
	{"events stay in the tenant", tenantEvents},
	{"jobs stay in the tenant", tenantJobs},
	{"another tenant's job cannot be cancelled or finished", tenantFinish},
	{"a view of several tenants reads these and no other", tenantView},
	{"tenants are compared byte by byte", tenantBytes},
}

// everyTenant fills three tenants with the same names.
func (e *env) everyTenant() {
	e.Helper()
	for _, tenant := range []storage.Tenant{acme, capital, umbra} {
		e.put(tenant, ticket("1", "title", "of "+string(tenant)), ticket("2", "title", "of "+string(tenant), "open", true))
		e.append(tenant, event("1", 1, 0), event("2", 1, 0))
		e.enqueue(tenant, storage.Job{Kind: "timer", Key: "1", Subject: "s", Due: noon}, storage.Job{Kind: "timer", Key: "2", Subject: "s", Due: noon.Add(time.Hour)})
	}
	e.put(umbra, ticket("secret", "title", "of umbra alone"))
	e.append(umbra, event("secret", 1, 0))
	e.enqueue(umbra, storage.Job{Kind: "timer", Key: "secret", Due: noon.Add(time.Hour)})
}

func tenantSameID(e *env) {
	e.everyTenant()
	for _, tenant := range []storage.Tenant{acme, capital, umbra} {
		got := e.get(tenant, "1")
		require.Equal(e, tenant, got.Tenant)
		require.Equal(e, "of "+string(tenant), value(got, "title"))
	}
	row := e.get(acme, "1")
	set(tickets, &row, "title", "changed")
	e.put(acme, row)
	e.update(acme, func(ctx context.Context, tx storage.Tx) { require.NoError(e, tx.Delete(ctx, tickets, "2", 1)) })
	for _, tenant := range []storage.Tenant{capital, umbra} {
		require.Equal(e, "of "+string(tenant), value(e.get(tenant, "1"), "title"))
		require.Equal(e, int64(1), e.get(tenant, "1").Version)
		e.get(tenant, "2")
	}
}

func tenantGet(e *env) {
	e.everyTenant()
	absent := func(ctx context.Context, r storage.Reader) {
		for _, id := range []storage.ID{"1", "2", "secret", "none"} {
			_, err := r.Get(ctx, tickets, umbra, id)
			require.ErrorIs(e, err, storage.ErrNotFound, "ticket %s of a tenant that cannot be read here", id)
		}
		_, err := r.Get(ctx, tickets, acme, "secret")
		require.ErrorIs(e, err, storage.ErrNotFound)
	}
	e.view(absent, acme)
	e.view(absent, acme, capital)
	e.update(acme, func(ctx context.Context, tx storage.Tx) { absent(ctx, tx) })
}

func tenantPut(e *env) {
	e.everyTenant()
	secret := e.get(umbra, "secret")
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		guessed := secret
		set(tickets, &guessed, "title", "stolen")
		require.ErrorIs(e, tx.Put(ctx, tickets, &guessed), storage.ErrConflict, "it is not there in this tenant")
		require.ErrorIs(e, tx.Delete(ctx, tickets, "secret", 1), storage.ErrNotFound)
	})
	require.Equal(e, "of umbra alone", value(e.get(umbra, "secret"), "title"))
	e.put(acme, ticket("secret", "title", "of acme"))
	require.Equal(e, "of umbra alone", value(e.get(umbra, "secret"), "title"))
	require.Equal(e, "of acme", value(e.get(acme, "secret"), "title"))
}

func tenantQuery(e *env) {
	e.everyTenant()
	look := func(ctx context.Context, r storage.Reader) {
		for _, c := range []storage.Condition{{}, or(where(storage.Equal, "open", false), where(storage.Equal, "open", true)), not(where(storage.In, "title")), where(storage.Prefix, "title", "of")} {
			for _, order := range [][]storage.Order{nil, {asc("title")}, {desc("updated")}} {
				rows := e.page(ctx, r, storage.RowQuery{Where: c, Order: order})
				require.Len(e, rows, 2)
				for _, row := range rows {
					require.Equal(e, acme, row.Tenant)
					require.Equal(e, "of acme", value(row, "title"))
				}
			}
			e.countedBy(ctx, r, []storage.Group{groupOf(2)}, c, nil)
			e.countedBy(ctx, r, []storage.Group{groupOf(2, "of acme")}, c, []string{"title"})
		}
	}
	e.view(look, acme)
	e.update(acme, func(ctx context.Context, tx storage.Tx) { look(ctx, tx) })
}

func tenantCondition(e *env) {
	e.everyTenant()
	for _, c := range []storage.Condition{
		where(storage.Equal, "tenant", "umbra"), where(storage.In, "tenant", "umbra", "ACME"), where(storage.Above, "tenant", "acme"),
		not(where(storage.Equal, "tenant", "acme")), where(storage.Prefix, "tenant", "umb"),
	} {
		require.Empty(e, e.query(storage.RowQuery{Where: c}, acme), "%+v", c)
		e.counted([]storage.Group{groupOf(0)}, c, nil, acme)
		e.counted(nil, c, []string{"tenant"}, acme)
	}
	all := or(where(storage.Equal, "tenant", "umbra"), where(storage.AtLeast, "id", ""))
	require.Equal(e, []string{"acme/1", "acme/2"}, places(e.query(storage.RowQuery{Where: all}, acme)))
	require.Equal(e, []string{"acme/1", "acme/2"}, places(e.query(storage.RowQuery{Where: not(where(storage.Equal, "tenant", "ACME"))}, capital, acme)))
	require.Equal(e, []string{"ACME/1", "ACME/2"}, places(e.query(storage.RowQuery{Where: where(storage.In, "tenant", "umbra", "ACME")}, capital, acme)))
}

func tenantAfter(e *env) {
	e.everyTenant()
	for _, order := range [][]storage.Order{nil, {asc("title")}, {desc("title")}} {
		for _, tenant := range []storage.Tenant{capital, umbra, ""} {
			for _, title := range []string{"", "of acme", "z"} {
				after := &storage.Position{Tenant: tenant, ID: "1"}
				for range order {
					after.Values = append(after.Values, title)
				}
				for _, row := range e.query(storage.RowQuery{Order: order, After: after}, acme) {
					require.Equal(e, acme, row.Tenant)
				}
			}
		}
	}
	for _, ev := range e.log(storage.EventQuery{After: storage.EventPosition{Tenant: "A"}}, acme) {
		require.Contains(e, ev, "acme/")
	}
	require.Empty(e, e.log(storage.EventQuery{After: storage.EventPosition{Tenant: "b"}}, acme))
	require.Empty(e, e.list(storage.JobQuery{After: storage.Job{Tenant: "b"}}, acme))
}

func tenantEvents(e *env) {
	e.everyTenant()
	want := []string{"acme/st_ticket/1/1/0", "acme/st_ticket/2/1/0"}
	require.Equal(e, want, e.log(storage.EventQuery{}, acme))
	require.Equal(e, want, e.log(storage.EventQuery{Kind: tickets.Name(), Types: []string{"ticket.changed.v1", "x"}}, acme))
	require.Empty(e, e.log(storage.EventQuery{Kind: tickets.Name(), Record: "secret"}, acme))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		events, err := tx.Events(ctx, storage.EventQuery{Limit: 100})
		require.NoError(e, err)
		require.Len(e, events, 2)
	})
}

func tenantJobs(e *env) {
	e.everyTenant()
	require.Equal(e, []string{"timer/1", "timer/2"}, e.list(storage.JobQuery{}, acme))
	require.Empty(e, e.list(storage.JobQuery{Key: "secret"}, acme))
	alive := false
	require.Equal(e, []string{"timer/1", "timer/2"}, e.list(storage.JobQuery{Kind: "timer", Subject: "s", Dead: &alive}, acme))
	e.update(acme, func(ctx context.Context, tx storage.Tx) {
		jobs, err := tx.Jobs(ctx, storage.JobQuery{Limit: 100})
		require.NoError(e, err)
		require.Len(e, jobs, 2)
	})
	other := e.jobs(umbra)
	e.enqueue(acme, storage.Job{Kind: "timer", Key: "1", Due: noon.AddDate(1, 0, 0), Payload: []byte(`1`)})
	require.Equal(e, other, e.jobs(umbra), "a job of the same name was replaced")
}

func tenantFinish(e *env) {
	e.everyTenant()
	jobs := e.claim(claimAll(noon))
	require.Len(e, jobs, 3)
	before := map[storage.Tenant][]storage.Job{}
	for _, tenant := range []storage.Tenant{acme, capital, umbra} {
		before[tenant] = e.jobs(tenant)
	}
	for _, j := range jobs {
		if j.Tenant != umbra {
			continue
		}
		for _, o := range []storage.Outcome{{Done: true}, {Due: noon}, {Dead: true}} {
			err := e.store.Update(e.ctx, acme, func(ctx context.Context, tx storage.Tx) error {
				return tx.Finish(ctx, j, o)
			})
			require.Error(e, err, "a job of umbra was finished in a unit of acme")
			disguised := j
			disguised.Tenant = acme
			require.ErrorIs(e, e.tryFinish(disguised, o), storage.ErrConflict, "a token of umbra finished a job of acme")
		}
	}
	for tenant, jobs := range before {
		require.Equal(e, jobs, e.jobs(tenant))
	}
	e.cancel(acme, "timer", "secret")
	e.cancel(acme, "timer", "1")
	require.Equal(e, before[umbra], e.jobs(umbra))
	require.Equal(e, before[capital], e.jobs(capital))
	for _, j := range jobs {
		if j.Tenant == umbra {
			e.finish(j, storage.Outcome{Done: true})
		}
	}
}

func tenantView(e *env) {
	e.everyTenant()
	e.view(func(ctx context.Context, r storage.Reader) {
		require.ElementsMatch(e, []storage.Tenant{umbra, acme}, r.Tenants())
		for _, tenant := range []storage.Tenant{acme, umbra} {
			got, err := r.Get(ctx, tickets, tenant, "1")
			require.NoError(e, err)
			require.Equal(e, "of "+string(tenant), value(got, "title"))
		}
		_, err := r.Get(ctx, tickets, capital, "1")
		require.ErrorIs(e, err, storage.ErrNotFound)
		require.Equal(e, []string{"acme/1", "acme/2", "umbra/1", "umbra/2", "umbra/secret"}, places(e.page(ctx, r, storage.RowQuery{})))
		e.countedBy(ctx, r, []storage.Group{groupOf(2, "acme"), groupOf(3, "umbra")}, storage.Condition{}, []string{"tenant"})
		e.countedBy(ctx, r, []storage.Group{groupOf(5)}, storage.Condition{}, nil)
	}, umbra, acme)
	require.Equal(e, []string{
		"acme/st_ticket/1/1/0", "acme/st_ticket/2/1/0", "umbra/st_ticket/1/1/0", "umbra/st_ticket/2/1/0", "umbra/st_ticket/secret/1/0",
	}, e.log(storage.EventQuery{}, umbra, acme))
	require.Equal(e, map[storage.Tenant]int{acme: 2, umbra: 3}, perTenant(e.jobs(umbra, acme)))
	require.Empty(e, e.query(storage.RowQuery{}, "nobody"))
}

func tenantBytes(e *env) {
	all := make([]storage.Tenant, len(tricky))
	var want []string
	for i, text := range tricky {
		all[len(tricky)-1-i] = storage.Tenant(text)
		e.put(storage.Tenant(text), ticket("1", "title", text))
		want = append(want, text+"/1")
	}
	require.Equal(e, want, places(e.query(storage.RowQuery{}, all...)))
	for _, text := range tricky {
		rows := e.query(storage.RowQuery{}, storage.Tenant(text))
		require.Equal(e, []string{text + "/1"}, places(rows))
		require.Equal(e, text, value(rows[0], "title"))
	}
	require.Empty(e, e.query(storage.RowQuery{}, "b ", "zz", "é "))
}
