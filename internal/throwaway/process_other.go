//go:build !linux

package throwaway

import (
	"os"
	"os/exec"
)

// No server starts here, so these have nothing to do.

func isolate(*exec.Cmd, *account) {}

func killGroup(p *os.Process) error { return p.Kill() }

func killTree(p *os.Process) error { return p.Kill() }
