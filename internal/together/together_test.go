package together_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/together"
)

func TestRunHasAllAtOnceAndGivesTheirErrorsInOrder(t *testing.T) {
	odd := errors.New("odd")
	var inside atomic.Int64
	met := make(chan struct{})
	errs := together.Run(4, func(i int) error {
		if inside.Add(1) == 4 {
			close(met)
		}
		<-met // only all four get past this
		if i%2 == 1 {
			return odd
		}
		return nil
	})
	require.Equal(t, []error{nil, odd, nil, odd}, errs)
}
