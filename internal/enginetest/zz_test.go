package enginetest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/storage"
)

func TestZZ(t *testing.T) {
	for _, e := range []engine{sqliteC, postgreSQL} {
	p := &tap{}
	dsn := e.empty(t)
	s := open(t, e, dsn, p)
	require.NoError(t, s.Migrate(t.Context()))
	backlog(t, s, 100, 100, func(_, n int) time.Time { return noon.Add(-time.Duration(n) * time.Second) })
	db := e.db(t, dsn)
	_, err := db.Exec("ANALYZE")
	require.NoError(t, err)
	p.statements()
	_, err = s.Claim(t.Context(), storage.Claim{Now: noon, Lease: time.Microsecond, Limit: 100})
	require.NoError(t, err)
	for _, text := range p.statements() {
		if strings.HasPrefix(text, "UPDATE \"itsm__job") {
			at := time.Now()
			plan := explain(t, e, db, text, p.argsOf(text))
			fmt.Println(time.Since(at), text[:200], "\n", plan)
		}
	}
	}
}
