package main
import ("testing";"github.com/itsmkit/itsmkit/incident/auditlog";"github.com/itsmkit/itsmkit/incident";"bytes";"context";"time";"os")
func TestProfSQL(t *testing.T) {
	s := settings{store:"sqlite", db: t.TempDir()+"/x.db"}
	if os.Getenv("MEM") != "" { s = settings{store:"memory"} }
	d := openDesk(t, s)
	var b bytes.Buffer
	auditlog.Generate(&b, 20000, 1)
	r, _ := auditlog.NewReader(&b, auditlog.Mapping{})
	last, rows := time.Now(), 0
	d.incidents.Import(context.Background(), d.actor, "x", r.Rows(), incident.ImportOptions{Progress: func(p incident.ImportProgress) {
		if p.Rows - rows > 10000 { t.Logf("%d rows: %.0f/s", p.Rows, float64(p.Rows-rows)/time.Since(last).Seconds()); rows=p.Rows; last=time.Now() }
	}})
}
