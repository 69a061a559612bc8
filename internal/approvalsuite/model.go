package approvalsuite

import "testing"

func runModel(t *testing.T, d *desk) {}
