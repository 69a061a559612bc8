package throwaway

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
)

// account is who a server runs as.
type account struct{ uid, gid int }

// unprivileged gives the named account where this program runs as root, and nil, its own user,
// where it does not.
func unprivileged(name string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("a server does not run as root: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	return &account{uid: uid, gid: gid}, nil
}

// process is a server process that this program started and reaps.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once it has ended
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process and its children at once, and returns when they are gone.
func (p *process) kill() error {
	if err := killTree(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}
