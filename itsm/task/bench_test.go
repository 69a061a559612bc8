package task_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
)

// BenchmarkReadinessOfAThousandTasks ends one task of a plan of 1,000 with about 3,000 edges and opens
// it again: two commands, each of which looks at the whole plan. The store is in memory.
func BenchmarkReadinessOfAThousandTasks(b *testing.B) {
	d := openDesk(b, task.Options{}, engine.Options{})
	p := task.Plan{}
	for i := range task.MaxTasks {
		p.Tasks = append(p.Tasks, task.Item{Name: fmt.Sprint(i), Title: "T", PlannedMinutes: 30})
		for _, back := range []int{1, 10, 100} {
			if i >= back {
				p.Edges = append(p.Edges, task.Edge{From: fmt.Sprint(i - back), To: fmt.Sprint(i), Allows: task.AllowsAny})
			}
		}
	}
	g := d.add(d.order(), p)
	first := g.Tasks[0].ID
	b.Run("commands", func(b *testing.B) {
		for b.Loop() {
			_, err := d.Fail(b.Context(), mona, first, task.Ending{Command: because("It broke")})
			require.NoError(b, err)
			_, err = d.Retry(b.Context(), mona, first, itsm.Command{Reason: "Again"})
			require.NoError(b, err)
		}
	})
	b.Run("roll-up", func(b *testing.B) {
		for b.Loop() {
			task.RollUp(g.Tasks, d.now.Add(time.Hour))
		}
	})
}
