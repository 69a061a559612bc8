package tasksuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/tasksuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestTasksOverAStoreInMemory(t *testing.T) {
	tasksuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
