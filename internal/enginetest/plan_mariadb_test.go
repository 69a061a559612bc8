package enginetest_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wholeOnMariaDB is a plan that reads all jobs, or in a subquery of each job more than it gives.
var wholeOnMariaDB = regexp.MustCompile(`(?m)^SCAN (itsm__job|j|k) |^SEARCH k .* Rows Removed`)

// planOfMariaDB writes what MariaDB says of a statement in the words of the other engines' plans: how
// each table is read, and what is thrown away or sorted. Pages that are put together are a table of their
// own, which is read whole and sorted.
func planOfMariaDB(t *testing.T, document []byte) string {
	t.Helper()
	var plan any
	require.NoError(t, json.Unmarshal(document, &plan))
	var out strings.Builder
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(name, x)
			}
		case map[string]any:
			switch name {
			case "filesort":
				out.WriteString("Sort " + fmt.Sprint(v["sort_key"]) + "\n")
			case "temporary_table":
				out.WriteString("TEMP B-TREE\n")
			}
			if table, ok := v["table_name"].(string); ok && !strings.HasPrefix(table, "<") {
				how := "SEARCH "
				if v["access_type"] == "ALL" || v["access_type"] == "index" {
					how = "SCAN "
				}
				fmt.Fprintf(&out, "%s%s %v %v %v", how, table, v["access_type"], v["key"], v["used_key_parts"])
				if filtered, ok := v["r_filtered"].(float64); ok && filtered < 99.9 {
					fmt.Fprintf(&out, " Rows Removed: %v of %v", 100-filtered, v["r_rows"])
				}
				out.WriteString("\n")
			}
			names := make([]string, 0, len(v))
			for n := range v {
				names = append(names, n)
			}
			slices.Sort(names)
			for _, n := range names {
				walk(n, v[n])
			}
		}
	}
	walk("", plan)
	return out.String()
}
