package memory

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The tree is what every promise of a snapshot rests on, so it is tested by itself too: any
// mix of edits leaves the older versions as they were.
func TestATreeIsAnOrderedMapWhoseOldVersionsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			tree tree[int]
			keys []string
			vals map[string]int
		}
		var versions []version
		var now tree[int]
		vals := map[string]int{}
		edit := uint64(0)
		key := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("%03d", rapid.IntRange(0, 999).Draw(t, "key")) })
		next := 0
		for range rapid.IntRange(1, 12).Draw(t, "edits") {
			edit++
			how := rapid.SampledFrom([]string{"any", "upward", "delete", "delete"}).Draw(t, "how")
			from := rapid.IntRange(0, 500).Draw(t, "from")
			for i := range rapid.IntRange(0, 400).Draw(t, "writes") {
				next++
				switch how {
				case "any":
					k := key.Draw(t, "k")
					now.set(edit, k, next)
					vals[k] = next
				case "upward":
					k := fmt.Sprintf("%03d", from+i)
					now.set(edit, k, next)
					vals[k] = next
				case "delete":
					k := fmt.Sprintf("%03d", from+i)
					now.delete(edit, k)
					delete(vals, k)
				}
			}
			v := version{tree: now, vals: map[string]int{}}
			for k, n := range vals {
				v.keys = append(v.keys, k)
				v.vals[k] = n
			}
			slices.Sort(v.keys)
			versions = append(versions, v)
		}
		for _, v := range versions {
			require.Equal(t, len(v.keys), v.tree.len())
			lo, hi := key.Draw(t, "lo"), key.Draw(t, "hi")
			for _, s := range []span{{}, {lo: lo}, {hi: hi}, {lo: lo, hi: hi}} {
				var want []string
				for _, k := range v.keys {
					if k >= s.lo && (s.hi == "" || k < s.hi) {
						want = append(want, k)
					}
				}
				require.Equal(t, len(want), v.tree.count(s))
				for _, up := range []bool{true, false} {
					var got []string
					walk := v.tree.walk(s, up)
					for k, n, ok := walk.next(); ok; k, n, ok = walk.next() {
						require.Equal(t, v.vals[k], n)
						got = append(got, k)
					}
					if !up {
						slices.Reverse(got)
					}
					require.Equal(t, want, got)
					_, _, more := walk.next()
					require.False(t, more)
				}
			}
			for range 20 {
				k := key.Draw(t, "get")
				n, ok := v.tree.get(k)
				want, has := v.vals[k]
				require.Equal(t, has, ok)
				require.Equal(t, want, n)
			}
		}
	})
}
