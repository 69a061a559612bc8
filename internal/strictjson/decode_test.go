package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/itsmkit/itsmkit/internal/strictjson"
	"github.com/itsmkit/itsmkit/storage"
)

type color string

func (c *color) UnmarshalJSON(raw []byte) error {
	if string(raw) != `"red"` {
		return storage.Invalid("color", "", "must be red")
	}
	*c = "red"
	return nil
}

type paint struct {
	Name  string `json:"name"`
	Color color  `json:"color"`
	Coats []struct {
		Litres int `json:"litres"`
	} `json:"coats"`
}

func TestOneObjectOfKnownFieldsIsRead(t *testing.T) {
	var p paint
	require.NoError(t, strictjson.Decode("paint", []byte(" \n"+`{"name": "A", "color": "red", "coats": [{"litres": 2}]}`+"\n"), 100, &p))
	require.Equal(t, "A", p.Name)
	require.Equal(t, 2, p.Coats[0].Litres)
}

func TestWhatIsNotOneObjectOfKnownFieldsIsRefused(t *testing.T) {
	for raw, want := range map[string][2]string{
		``:                               {"json", "is not a JSON object"},
		`[]`:                             {"json", "is not a JSON object"},
		`null`:                           {"json", "is not a JSON object"},
		`{"name"`:                        {"json", "is not a JSON object"},
		`{"name": "A"} {}`:               {"json", "goes on after its end"},
		`{"name": "A"}]`:                 {"json", "goes on after its end"},
		`{"hue": "A"}`:                   {"json", `has a field that is not known: "hue"`},
		`{"name": 1}`:                    {"name", "must not be a JSON number"},
		`{"coats": [{"litres": "two"}]}`: {"coats.litres", "must not be a JSON string"},
		`{"color": "green"}`:             {"", "must be red"},
		strings.Repeat(" ", 300) + "{}":  {"json", "is longer than 300 bytes"},
		`{"` + strings.Repeat("x", 200) + `": 1}`: {"json", "has a field that is not known: \"" + strings.Repeat("x", 99) + "…"},
	} {
		err := strictjson.Decode("paint", []byte(raw), 300, &paint{})
		var v *storage.ValidationError
		require.ErrorAs(t, err, &v, raw)
		require.Equal(t, []storage.Fault{{Field: want[0], Problem: want[1]}}, v.Faults, raw)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name": "A"}`))
	f.Add([]byte(`{"name": 1} x`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p paint
		err := strictjson.Decode("paint", raw, 1000, &p)
		if err != nil {
			require.ErrorIs(t, err, storage.ErrInvalid)
			require.Less(t, len(err.Error()), 500)
			return
		}
		require.True(t, json.Valid(raw))
	})
}
