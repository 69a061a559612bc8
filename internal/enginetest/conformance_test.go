package enginetest_test

import (
	"testing"

	"github.com/itsmkit/itsmkit/storage/storagetest"
)

func TestX6Conformance(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			storagetest.Run(t, e.reusingStore)
		})
	}
}
