package incidenttest_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/incident/incidenttest"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestThePracticeOverAStoreInMemory(t *testing.T) {
	incidenttest.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
