package main

import (
	"bytes"
	"os"
	"testing"
)

func Example() {
	main()
	// Output:
	// incident: invalid: title is required
	// INC0000001 resolved order stopped: 1
}

// The README says how long it is.
func TestAHostEmbedsIncidentsInUnder80Lines(t *testing.T) {
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(program, []byte("\n")); n != 79 {
		t.Errorf("main.go has %d lines; the README says 79", n)
	}
}
