package enginetest_test

import (
	"slices"
	"testing"

	"github.com/itsmkit/itsmkit/storage/storagetest"
)

func TestX6Conformance(t *testing.T) {
	under := slices.Clone(engines)
	if slices.ContainsFunc(engines, func(e engine) bool { return e.name == mariaDB.name }) {
		under = append(under, mariaDBOtherwise)
	}
	for _, e := range under {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			storagetest.Run(t, e.reusingStore)
		})
	}
}
