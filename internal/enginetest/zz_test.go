package enginetest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

func TestZZ(t *testing.T) {
	e := postgreSQL
	p := &tap{}
	dsn := e.empty(t)
	s := open(t, e, dsn, p)
	require.NoError(t, s.Migrate(t.Context()))
	for from := 0; from < 3_000; from += 1_000 {
		require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
			jobs := make([]storage.Job, 1_000)
			for i := range jobs {
				jobs[i] = storage.Job{Kind: "mail", Key: fmt.Sprint(from + i), Subject: "one", Due: noon.Add(-time.Duration(from+i) * time.Second)}
			}
			return tx.Enqueue(ctx, jobs...)
		}))
	}
	db := e.db(t, dsn)
	_, err := db.Exec("ANALYZE")
	require.NoError(t, err)
	p.statements()
	at := time.Now()
	_, err = s.Claim(t.Context(), storage.Claim{Now: noon, Lease: time.Microsecond, Limit: 10})
	fmt.Println(time.Since(at))
	require.NoError(t, err)
	for _, text := range p.statements() {
		if strings.HasPrefix(text, "SELECT ") || strings.HasPrefix(text, "WITH ") {
			at := time.Now()
			plan := explain(t, e, db, text, p.argsOf(text))
			fmt.Println(time.Since(at), text, "\n", plan)
		}
	}
}
