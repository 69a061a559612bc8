// This file holds the catalogue of the types of events: what each says, as JSON Schema.

package cloudevents

import (
	_ "embed" // the catalogue is generated, and part of the program
	"encoding/json"
	"fmt"
	"sync"
)

//go:embed catalogue.json
var catalogue []byte

// Type is one type of event that the library emits.
type Type struct {
	// Name is the type with the version of its payload: "incident.resolved.v1". What a type says only
	// ever grows by fields; where it would change otherwise, there is a type of the next version.
	Name string `json:"name"`
	// Package is the package that emits it, below the module's path.
	Package string `json:"package"`
	// Description is what has happened.
	Description string `json:"description"`
	// Payload is the JSON Schema (draft 2020-12) of the payload.
	Payload json.RawMessage `json:"payload"`
}

var parsed = sync.OnceValue(func() (c struct {
	Data  json.RawMessage `json:"data"`
	Types []Type          `json:"types"`
}) {
	if err := json.Unmarshal(catalogue, &c); err != nil {
		panic(fmt.Sprintf("cloudevents: the catalogue cannot be read: %v", err)) // it is part of the program
	}
	return c
})

// Catalogue gives the types of events that the library emits, by their names. A host's own types are not
// among them.
func Catalogue() []Type {
	types := append([]Type(nil), parsed().Types...)
	for i := range types {
		types[i].Payload = append(json.RawMessage(nil), types[i].Payload...)
	}
	return types
}

// Schema gives the JSON Schema (draft 2020-12) of the data of events of a type, in both views: what a host
// publishes at [Options].SchemaBase. ok is false for a type that is not in the catalogue.
func Schema(name string) (schema json.RawMessage, ok bool) {
	for _, t := range parsed().Types {
		if t.Name != name {
			continue
		}
		var data map[string]any
		if err := json.Unmarshal(parsed().Data, &data); err != nil {
			return nil, false
		}
		data["$schema"], data["title"], data["description"] = "https://json-schema.org/draft/2020-12/schema", t.Name, t.Description
		if properties, is := data["properties"].(map[string]any); is {
			properties["payload"] = t.Payload
		}
		raw, err := json.Marshal(data)
		return raw, err == nil
	}
	return nil, false
}
