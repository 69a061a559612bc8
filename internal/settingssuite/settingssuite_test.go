package settingssuite_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/internal/settingssuite"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

func TestG7SettingsOverAStoreInMemory(t *testing.T) {
	settingssuite.Run(t, func(*testing.T) storage.Store { return memory.New() })
}
