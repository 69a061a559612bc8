package throwaway

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// isolate has cmd run as a, where it is not nil, and in a session of its own, so that what is
// typed at the terminal of the tests ends the tests, which then end it.
func isolate(cmd *exec.Cmd, a *account) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
}

// killGroup sends SIGKILL to a child that isolate has prepared and to what it has started.
func killGroup(p *os.Process) error {
	if err := syscall.Kill(-p.Pid, syscall.SIGKILL); err != nil {
		return os.ErrProcessDone
	}
	return nil
}

// killTree sends SIGKILL to a child process of this program and to all that descend from it, and
// returns when those are gone. A parent is stopped before its children are looked for: it can
// then neither start nor reap a child, so that every id still names the process it was read for.
func killTree(parent *os.Process) error {
	below, err := freeze(parent.Pid)
	if err != nil {
		return err
	}
	for _, pid := range below {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill process %d: %w", pid, err)
		}
	}
	if err := parent.Kill(); err != nil {
		return err
	}
	for _, pid := range below {
		if !await(func() bool { _, state := stat(pid); return ended(state) }) {
			return fmt.Errorf("process %d did not die", pid)
		}
	}
	return nil
}

// freeze stops a process and all that descend from it, and gives the latter.
func freeze(pid int) (below []int, err error) {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return nil, err
	}
	if !await(func() bool { _, state := stat(pid); return state == "T" || ended(state) }) {
		return nil, fmt.Errorf("process %d did not stop", pid)
	}
	found, err := children(pid)
	for _, child := range found {
		var more []int
		if err == nil {
			more, err = freeze(child)
		}
		below = append(append(below, child), more...)
	}
	return below, err
}

// ended reports whether a process in this state runs no more.
func ended(state string) bool { return state == "" || state == "Z" || state == "X" }

// await waits, 5 seconds at most, until done says so, and gives its last word.
func await(done func() bool) bool {
	for range 1000 {
		if done() {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return done()
}

// children gives the processes whose parent is pid.
func children(pid int) ([]int, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, folder := range folders {
		p, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			continue
		}
		if parent, _ := stat(p); parent == pid {
			found = append(found, p)
		}
	}
	return found, nil
}

// stat gives a process's parent and state, a letter of proc(5); 0 and "" where it is no more.
func stat(pid int) (parent int, state string) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	// The second field is the program's name in brackets, and may hold anything.
	line := string(content)
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 2 {
		return 0, ""
	}
	parent, err = strconv.Atoi(fields[1])
	if err != nil {
		return 0, ""
	}
	return parent, fields[0]
}
