package enginetest_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/throwaway"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

func TestMain(m *testing.M) {
	if how := os.Getenv(childKey); how != "" {
		if err := child(how); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	// Random commands on an engine cost many times what they cost in memory, where the same suites run
	// a hundred sequences, and under the race detector as many times again. The flag asks for more:
	// go test -rapid.checks 1000
	//
	// Tests wait for servers and locks more than for a processor, so more of them run at once.
	for name, value := range map[string]string{"rapid.checks": sequences, "test.parallel": fmt.Sprint(2 * runtime.GOMAXPROCS(0))} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(throwaway.Run(m))
}

// childKey is set for a process that a test starts to work beside it: what it does, its engine
// and its database.
const childKey = "ENGINETEST_CHILD"

func child(how string) error {
	what, rest, _ := strings.Cut(how, " ")
	name, dsn, _ := strings.Cut(rest, " ")
	for _, e := range engines {
		if e.name != name {
			continue
		}
		db, err := sql.Open(e.driver, dsn)
		if err != nil {
			return err
		}
		s, err := sqlstore.New(db, e.dialect, sqlstore.Options{})
		if err != nil {
			return err
		}
		if events, ok := strings.CutPrefix(what, "fire:"); ok {
			return fireAway(s, events)
		}
		if how, ok := strings.CutPrefix(what, "units:"); ok {
			return unitsAway(s, how)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if path, ok := strings.CutPrefix(what, "import:"); ok {
			return importFile(ctx, s, path)
		}
		switch what {
		case "levels":
			return fireLevels(ctx, s)
		case "migrate-desk":
			desk, err := newSeededDesk(s, deskBegin)
			if err != nil {
				return err
			}
			return desk.Migrate(ctx)
		case "migrate":
			return s.Migrate(ctx, newAssets)
		case "work":
			return work(ctx, e, s, db)
		}
	}
	return fmt.Errorf("nothing to do: %s", how)
}

// beside starts processes and waits for all of them.
func beside(t *testing.T, n int, what string, e engine, dsn string) {
	t.Helper()
	commands := make([]*exec.Cmd, n)
	outputs := make([]strings.Builder, n)
	for i := range commands {
		commands[i] = exec.Command(os.Args[0])
		commands[i].Env = append(os.Environ(), childKey+"="+what+" "+e.name+" "+dsn)
		commands[i].Stdout, commands[i].Stderr = &outputs[i], &outputs[i]
		require.NoError(t, commands[i].Start())
	}
	for i, c := range commands {
		if err := c.Wait(); err != nil {
			t.Errorf("%v: %s", err, &outputs[i])
		}
	}
}

func TestManyProcessesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			for _, dsn := range []string{e.empty(t), older(t, e)} {
				beside(t, 3, "migrate", e, dsn)
				require.NoError(t, open(t, e, dsn, nil).Check(t.Context(), newAssets))
			}
		})
	}
}

// The jobs of TestProcessesShareTheWork.
const (
	workSubjects = 20
	workEach     = 6
	workTenants  = 3
)

// TestProcessesShareTheWork has several processes, of several goroutines each, claim jobs of few
// subjects, while jobs that are due earlier keep being added. Each job has to be done once, and
// no two of a subject at the same time. The workers note what they do beside the store, in
// tables where doing so twice is an error.
func TestProcessesShareTheWork(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			dsn := e.empty(t)
			s := open(t, e, dsn, nil)
			require.NoError(t, s.Migrate(t.Context()))
			db := e.db(t, dsn)
			for _, text := range []string{
				"CREATE TABLE running (subject VARCHAR(100) PRIMARY KEY)",
				"CREATE TABLE done (name VARCHAR(100) PRIMARY KEY)",
			} {
				_, err := db.ExecContext(t.Context(), text)
				require.NoError(t, err)
			}
			for tenant := range workTenants {
				require.NoError(t, s.Update(t.Context(), storage.Tenant(fmt.Sprint("t", tenant)), func(ctx context.Context, tx storage.Tx) error {
					for n := range workSubjects * workEach {
						err := tx.Enqueue(ctx, storage.Job{Kind: "first", Key: fmt.Sprint(n), Subject: fmt.Sprint("s", n%workSubjects), Due: noon})
						if err != nil {
							return err
						}
					}
					return nil
				}))
			}
			beside(t, 3, "work", e, dsn)

			var done int
			require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM done").Scan(&done))
			require.Equal(t, 2*workTenants*workSubjects*workEach, done, "each job and the one that it added")
			require.NoError(t, s.View(t.Context(), []storage.Tenant{"t0", "t1", "t2"}, func(ctx context.Context, r storage.Reader) error {
				jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 10})
				require.Empty(t, jobs)
				return err
			}))
		})
	}
}

// work does jobs until there are none.
func work(ctx context.Context, e engine, s *sqlstore.Store, db *sql.DB) error {
	const goroutines = 3
	errs := make([]error, goroutines)
	var all sync.WaitGroup
	for i := range errs {
		all.Add(1)
		go func() {
			defer all.Done()
			for idle := 0; idle < 20 && errs[i] == nil; {
				jobs, err := s.Claim(ctx, storage.Claim{Now: noon.Add(time.Hour), Lease: time.Hour, Limit: 1 + rand.IntN(8)})
				if errors.Is(err, storage.ErrRetry) {
					continue
				}
				if err != nil {
					errs[i] = err
				}
				if len(jobs) == 0 {
					idle++
					time.Sleep(10 * time.Millisecond)
					continue
				}
				idle = 0
				for _, j := range jobs {
					errs[i] = errors.Join(errs[i], do(ctx, e, s, db, j))
				}
			}
		}()
	}
	all.Wait()
	return errors.Join(errs...)
}

// do does a job: it takes its subject, adds a job of that subject that is due earlier, as no
// other has it now, and lets go.
func do(ctx context.Context, e engine, s *sqlstore.Store, db *sql.DB, j storage.Job) error {
	note := func(text string, args ...any) error {
		if e.dialect == sqlstore.PostgreSQL {
			text = strings.Replace(text, "?", "$1", 1)
		}
		if _, err := db.ExecContext(ctx, text, args...); err != nil {
			return fmt.Errorf("%s %v: %w", text, args, err)
		}
		return nil
	}
	subject := string(j.Tenant) + "/" + j.Subject
	if err := note("INSERT INTO running (subject) VALUES (?)", subject); err != nil {
		return err // another has a job of this subject
	}
	if err := note("INSERT INTO done (name) VALUES (?)", string(j.Tenant)+"/"+j.Kind+"/"+j.Key); err != nil {
		return err // it was done before
	}
	if j.Kind == "first" {
		err := again(func() error {
			return s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
				return tx.Enqueue(ctx, storage.Job{Kind: "more", Key: j.Key, Subject: j.Subject, Due: noon.Add(-time.Minute)})
			})
		})
		if err != nil {
			return err
		}
	}
	if err := note("DELETE FROM running WHERE subject = ?", subject); err != nil {
		return err
	}
	return again(func() error {
		return s.Update(ctx, j.Tenant, func(ctx context.Context, tx storage.Tx) error {
			return tx.Finish(ctx, j, storage.Outcome{Done: true})
		})
	})
}

func again(fn func() error) error {
	for {
		if err := fn(); !errors.Is(err, storage.ErrRetry) {
			return err
		}
	}
}

// TestAClaimStaysFairBehindALongBacklog has one tenant with far more due than a claim looks at.
func TestAClaimStaysFairBehindALongBacklog(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			s, _ := e.store(t, sqlstore.Options{})
			backlog(t, s, 1, 1500, func(_, n int) time.Time { return noon })
			for _, tenant := range []storage.Tenant{"a", "tenant-0001", "z"} {
				require.NoError(t, s.Update(t.Context(), tenant, func(ctx context.Context, tx storage.Tx) error {
					return tx.Enqueue(ctx, storage.Job{Kind: "mail", Key: "1", Due: noon.Add(time.Minute)})
				}))
			}
			claim := storage.Claim{Now: noon.Add(time.Hour), Lease: time.Hour, Limit: 1}
			seen := map[storage.Tenant]int{}
			for range 4 {
				jobs, err := s.Claim(t.Context(), claim)
				require.NoError(t, err)
				require.Len(t, jobs, 1)
				seen[jobs[0].Tenant]++
			}
			require.Equal(t, map[storage.Tenant]int{"a": 1, "tenant-0000": 1, "tenant-0001": 1, "z": 1}, seen)
			claim.Limit = 100
			jobs, err := s.Claim(t.Context(), claim)
			require.NoError(t, err)
			require.Len(t, jobs, 100)
		})
	}
}

// TestTwoClaimsNeverHaveJobsOfOneSubject stops a claim before each of its statements in turn.
// Meanwhile the first of the subject's jobs becomes another, and another claim is made. On
// SQLite a claim that has begun to write keeps the others waiting, so there is nothing to stop.
func TestTwoClaimsNeverHaveJobsOfOneSubject(t *testing.T) {
	t.Parallel()
	timer := func(n int, due time.Duration) storage.Job {
		return storage.Job{Kind: "timer", Key: fmt.Sprintf("%02d", n), Subject: "s", Due: noon.Add(due)}
	}
	meanwhile := []struct {
		name string
		do   func(ctx context.Context, tx storage.Tx) error
		// first is the job that is first then.
		first string
	}{
		{"one is added before it", func(ctx context.Context, tx storage.Tx) error { return tx.Enqueue(ctx, timer(99, -time.Hour)) }, "99"},
		{"another is moved before it", func(ctx context.Context, tx storage.Tx) error { return tx.Enqueue(ctx, timer(1, -time.Hour)) }, "01"},
		{"it is cancelled", func(ctx context.Context, tx storage.Tx) error { return tx.Cancel(ctx, "timer", "00") }, "01"},
		{"it is moved behind the others", func(ctx context.Context, tx storage.Tx) error { return tx.Enqueue(ctx, timer(0, 59*time.Minute)) }, "01"},
		{"it leaves the subject", func(ctx context.Context, tx storage.Tx) error {
			j := timer(0, 0)
			j.Subject, j.Due = "", noon.AddDate(1, 0, 0)
			return tx.Enqueue(ctx, j)
		}, "01"},
		{"it becomes a dead letter", func(ctx context.Context, tx storage.Tx) error {
			j := timer(0, 0)
			j.Dead = true
			return tx.Enqueue(ctx, j)
		}, "01"},
	}
	for _, e := range engines {
		if e.dialect == sqlstore.SQLite {
			continue // has one writer
		}
		for _, jobs := range []int{2, 20} { // with many, the first is in a lane
			for _, m := range meanwhile {
				t.Run(fmt.Sprintf("%s/%d jobs/%s", e.name, jobs, m.name), func(t *testing.T) {
					t.Parallel()
					for stop := 0; stopClaim(t, e, stop, func(ctx context.Context, tx storage.Tx) error {
						for n := jobs - 1; n >= 0; n-- {
							if err := tx.Enqueue(ctx, timer(n, time.Duration(n)*time.Minute)); err != nil {
								return err
							}
						}
						return nil
					}, m.do, m.first); stop++ {
					}
				})
			}
		}
	}
}

// stopClaim stops a claim before a statement, until what is done meanwhile has happened and another
// claim has been made, or both wait for the first. It says whether the claim has that statement.
func stopClaim(t *testing.T, e engine, stop int, begin, meanwhile func(ctx context.Context, tx storage.Tx) error, then string) bool {
	p := &tap{}
	dsn := e.empty(t)
	first, second := open(t, e, dsn, p), open(t, e, dsn, nil)
	ctx := timed(t)
	require.NoError(t, second.Migrate(ctx))
	require.NoError(t, second.Update(ctx, acme, begin))
	claim := storage.Claim{Now: noon.Add(time.Hour), Lease: time.Hour, Limit: 10}
	n := 0
	reached, goOn := make(chan struct{}), make(chan struct{})
	p.setFail(func(text string) error {
		if text == "CONNECT" {
			return nil
		}
		if n++; n == stop+1 {
			close(reached)
			p.mu.Unlock()
			<-goOn
			p.mu.Lock()
		}
		return nil
	})
	took := make(chan error, 2)
	go func() {
		_, err := first.Claim(ctx, claim)
		took <- err
	}()
	select {
	case <-reached:
	case err := <-took:
		require.NoError(t, err)
		return false
	}
	other := make(chan struct{})
	go func() {
		defer close(other)
		err := second.Update(ctx, acme, meanwhile)
		if err == nil {
			_, err = second.Claim(ctx, claim)
		}
		took <- err
	}()
	select {
	case <-other:
	case <-time.After(100 * time.Millisecond): // it waits for a row that the first claim has
	}
	close(goOn)
	require.NoError(t, <-took)
	require.NoError(t, <-took)

	claimed := func() (names []string) {
		require.NoError(t, second.View(ctx, []storage.Tenant{acme}, func(ctx context.Context, r storage.Reader) error {
			jobs, err := r.Jobs(ctx, storage.JobQuery{Limit: 100})
			for _, j := range jobs {
				if j.Token != "" && j.Subject == "s" && !j.Dead {
					names = append(names, j.Key)
				}
			}
			return err
		}))
		return names
	}
	got := claimed()
	require.LessOrEqual(t, len(got), 1, "at statement %d", stop)
	// What neither took is there for the next one, in its order.
	if len(got) == 0 {
		jobs, err := second.Claim(ctx, claim)
		require.NoError(t, err)
		if len(jobs) > 0 {
			require.Len(t, jobs, 1)
			require.Equal(t, then, jobs[0].Key)
			require.Equal(t, []string{then}, claimed())
		}
	}
	return true
}

// TestAClaimOfLongSubjectsReadsAlongIndexes has more due than a claim looks at to see what there is,
// most of it in lanes.
func TestAClaimOfLongSubjectsReadsAlongIndexes(t *testing.T) {
	t.Parallel()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			p := &tap{}
			dsn := e.empty(t)
			s := open(t, e, dsn, p)
			require.NoError(t, s.Migrate(t.Context()))
			for _, tenant := range []storage.Tenant{acme, "umbra"} {
				require.NoError(t, s.Update(t.Context(), tenant, func(ctx context.Context, tx storage.Tx) error {
					jobs := make([]storage.Job, 6000)
					for n := range jobs {
						jobs[n] = storage.Job{Kind: "mail", Key: fmt.Sprint(n), Subject: fmt.Sprint("s", n%60), Due: noon.Add(-time.Duration(n) * time.Second)}
					}
					return tx.Enqueue(ctx, jobs...)
				}))
			}
			db := e.db(t, dsn)
			for _, analyzed := range []bool{false, true} {
				if analyzed {
					e.analyze(t, db)
				}
				p.statements()
				got, err := s.Claim(t.Context(), storage.Claim{Now: noon.Add(time.Hour), Lease: time.Minute, Limit: 50})
				require.NoError(t, err)
				require.Len(t, got, 50)
				for _, text := range p.statements() {
					if strings.HasPrefix(text, "SELECT ") || strings.HasPrefix(text, "WITH ") {
						plan := explain(t, e, db, text, p.argsOf(text))
						require.NotContains(t, plan, "Seq Scan on itsm__job", text)
						require.NotContains(t, plan, "SCAN itsm__job\n", text)
						require.NotContains(t, plan, "SCAN j\n", text)
						require.NotRegexp(t, wholeOnMariaDB, plan, text)
					}
				}
			}
		})
	}
}

// TestAClaimOverManyLanesIsOfStatementsThatAreBounded has more subjects with a lane than a statement may name.
func TestAClaimOverManyLanesIsOfStatementsThatAreBounded(t *testing.T) {
	t.Parallel()
	const subjects = 2345
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			p := &tap{}
			dsn := e.empty(t)
			s := open(t, e, dsn, p)
			require.NoError(t, s.Migrate(t.Context()))
			// The later a subject's name, the sooner its jobs are due.
			due := func(n int) time.Time { return noon.Add(-time.Duration(n) * time.Second) }
			require.NoError(t, s.Update(t.Context(), acme, func(ctx context.Context, tx storage.Tx) error {
				jobs := make([]storage.Job, subjects)
				for n := range jobs {
					jobs[n] = storage.Job{Kind: "mail", Key: fmt.Sprint(n), Subject: fmt.Sprintf("s%04d", n), Due: due(n)}
				}
				return tx.Enqueue(ctx, jobs...)
			}))
			_, err := e.db(t, dsn).ExecContext(t.Context(), e.sql(`UPDATE "itsm__job" SET "lane" = "subject"`))
			require.NoError(t, err)
			left, prepared := subjects, map[string]bool{}
			for round := 0; left > 0; round++ {
				p.mu.Lock()
				p.seen = nil
				p.mu.Unlock()
				got, err := s.Claim(t.Context(), storage.Claim{Now: noon.Add(time.Hour), Lease: time.Hour, Limit: 100 + round})
				require.NoError(t, err)
				want := min(left, 100+round)
				require.Len(t, got, want)
				for i, j := range got {
					require.Equal(t, due(left-1-i), j.Due, "those that are due first")
				}
				left -= want
				p.mu.Lock()
				for _, text := range p.seen {
					if strings.HasPrefix(text, "PREPARE ") {
						prepared[text] = true
					}
					require.LessOrEqual(t, len(p.args[text]), 1500)
				}
				p.mu.Unlock()
			}
			for text := range prepared {
				require.NotContains(t, text, "UNION ALL SELECT ?", "what is never the same again")
			}
		})
	}
}

func TestAClaimWithoutAnIndexSaysWhatToDo(t *testing.T) {
	for _, e := range engines {
		if e.dialect != sqlstore.MySQL {
			continue // is not told which index to use
		}
		t.Run(e.name, func(t *testing.T) {
			s, db := e.store(t, sqlstore.Options{})
			_, err := db.ExecContext(t.Context(), e.dropIndex("itsm__job_ready", "itsm__job"))
			require.NoError(t, err)
			claim := func() error {
				_, err := s.Claim(t.Context(), storage.Claim{Now: noon, Lease: time.Minute, Limit: 1})
				return err
			}
			require.ErrorIs(t, claim(), storage.ErrInvalid)
			require.ErrorContains(t, claim(), "call Migrate")
			require.NoError(t, s.Migrate(t.Context()))
			require.NoError(t, claim())
		})
	}
}
