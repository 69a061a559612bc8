package directorytest_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/itsm/directory"
	"github.com/itsmkit/itsmkit/itsm/directory/directorytest"
	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/memory"
)

// Example shows how a host holds its own directory to the suite.
func Example() {
	test := func(t *testing.T) {
		directorytest.Run(t, func(t *testing.T, content directory.Static) (directory.Directory, storage.Store) {
			return content, memory.New() // the host's own, filled with the content
		})
	}
	_ = test // func TestDirectory(t *testing.T)
}

func TestAStaticDirectory(t *testing.T) {
	directorytest.Run(t, func(_ *testing.T, content directory.Static) (directory.Directory, storage.Store) {
		return content, memory.New()
	})
}
