package task_test

import (
	"context"
	"fmt"
	"time"

	"github.com/itsmkit/itsmkit/internal/tasksuite"
	"github.com/itsmkit/itsmkit/itsm"
	"github.com/itsmkit/itsmkit/itsm/engine"
	"github.com/itsmkit/itsmkit/itsm/task"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// exampleDesk makes the practice over a store in memory at a fixed time, with a record of the host's that
// tasks are about.
func exampleDesk() (*task.Practice, *engine.Engine, itsm.Ref) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	e, err := engine.New(memory.New(), engine.Options{Clock: func() time.Time { return now }, IDs: itsm.SequentialIDs("T")})
	if err != nil {
		panic(err)
	}
	host, err := tasksuite.NewHost(e)
	if err != nil {
		panic(err)
	}
	tasks, err := task.New(e, task.Options{})
	if err != nil {
		panic(err)
	}
	if err := e.Migrate(context.Background()); err != nil {
		panic(err)
	}
	order, err := host.Open(context.Background(), aManager, "")
	if err != nil {
		panic(err)
	}
	return tasks, e, order
}

var aManager = itsm.Actor{Tenant: "acme", ID: "mona", Name: "Mona", Roles: []itsm.RoleName{itsm.RoleChangeManager}}

func show(g task.Graph, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range g.Tasks {
		fmt.Printf("%-8s %s\n", t.Name, t.State)
	}
}

// An upgrade with a way back: when the second task fails, the third can never be ready and is skipped,
// and the fourth becomes ready.
func Example() {
	tasks, _, order := exampleDesk()
	ctx := context.Background()
	g, err := tasks.Add(ctx, aManager, order, task.Plan{
		Tasks: []task.Item{
			{Name: "backup", Title: "Back up"}, {Name: "install", Title: "Install"},
			{Name: "test", Title: "Test"}, {Name: "restore", Title: "Restore the backup"},
		},
		Edges: []task.Edge{
			{From: "backup", To: "install"}, {From: "install", To: "test"},
			{From: "install", To: "restore", Allows: task.AllowsFailed},
		},
	})
	show(g, err)

	backup, _ := g.Task("backup")
	install, _ := g.Task("install")
	_, err = tasks.Start(ctx, aManager, install.ID, itsm.Command{})
	fmt.Println(err)
	_, err = tasks.Complete(ctx, aManager, backup.ID, task.Ending{})
	if err != nil {
		fmt.Println(err)
	}
	_, err = tasks.Fail(ctx, aManager, install.ID, task.Ending{Command: itsm.Command{Reason: "The disk is full"}})
	if err != nil {
		fmt.Println(err)
	}
	g, err = tasks.Graph(ctx, aManager, order)
	show(g, err)
	test, _ := g.Task("test")
	fmt.Println(test.EndReason)
	// Output:
	// backup   ready
	// install  pending
	// test     pending
	// restore  pending
	// task T000000004: cannot start while pending; permitted: assign, accept, reassign, skip, cancel, precede, edit, record_effort
	// backup   done
	// install  failed
	// test     skipped
	// restore  ready
	// it comes after "Install" when done, which was failed
}

// What a record's tasks come to: a plain sum, made of nothing but the tasks.
func ExampleRollUp() {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	one := func(name string, minutes int64, o task.Outcome) task.Task {
		t := task.Task{Head: task.Head{Name: name, PlannedMinutes: minutes, Outcome: o, Open: o == ""}}
		t.ID = itsm.ID(name)
		return t
	}
	install := one("install", 60, "")
	install.After = []task.Dependency{{Task: "backup"}}
	tests := one("test", 30, "")
	tests.After = []task.Dependency{{Task: "install"}}
	s := task.RollUp([]task.Task{one("backup", 30, task.OutcomeDone), install, tests, one("train", 0, task.OutcomeSkipped)}, now)
	fmt.Printf("%+v\n", s.Tasks)
	fmt.Println("all done:", s.Tasks.AllDone())
	fmt.Printf("done %.0f%%, ended %.0f%%\n", 100*s.ShareDone, 100*s.ShareEnded)
	fmt.Println(s.Finish.Format(time.TimeOnly), s.CriticalPath)
	// Output:
	// {Open:2 Done:1 Failed:0 Skipped:1 Cancelled:0}
	// all done: false
	// done 19%, ended 44%
	// 10:30:00 [install test]
}

// A plan is data, and can be checked when it is written.
func ExamplePlan_Validate() {
	err := task.Plan{
		Tasks: []task.Item{{Name: "a", Title: "A"}, {Name: "b"}},
		Edges: []task.Edge{{From: "a", To: "b"}, {From: "b", To: "a"}, {From: "c", To: "b"}},
	}.Validate()
	fmt.Println(err)
	// Output:
	// plan: invalid: tasks[1].title is required; edges[2].from "c" is not a task of the plan; edges make a cycle: a → b → a
}

// A practice asks for blockers before it resolves a record.
func ExampleBlockers() {
	tasks, e, order := exampleDesk()
	ctx := context.Background()
	_, err := tasks.AddTask(ctx, aManager, order, task.Addition{Item: task.Item{Title: "Call the customer"}})
	if err != nil {
		fmt.Println(err)
	}
	blockers := task.Blockers[tasksuite.Order](tasks, task.BlockMandatory) // as incident.Options.Blockers
	record := tasksuite.Order{OrderHead: tasksuite.OrderHead{Meta: storage.Meta{ID: order.ID}}}
	// A practice calls it with the reader of its own transaction.
	_ = e.View(ctx, aManager, func(ctx context.Context, r storage.Reader) error {
		what, err := blockers(ctx, r, record)
		fmt.Println(what, err)
		return err
	})
	// Output:
	// [open tasks: 1] <nil>
}
