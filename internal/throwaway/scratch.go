package throwaway

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// scratch is the temporary directory of one server, and the shell that cleans up after it: once
// its input ends, because remove closed it or because this program is no more, the shell ends
// the process that it was last told of, if any, and removes the directory.
type scratch struct {
	dir   string
	shell *exec.Cmd
	input io.WriteCloser
}

// cleanup is the shell's program. An empty line says that the process has ended already, so
// that a process that has got the same id since is safe.
const cleanup = `
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null; then
	n=0
	while [ $n -lt 50 ] && kill -0 "$pid" 2>/dev/null; do sleep 0.1; n=$((n + 1)); done
	kill -KILL "$pid" 2>/dev/null
fi
rm -rf -- "$1"
`

// newScratch makes a directory that only a, or the user of this program where a is nil, can
// enter.
func newScratch(prefix string, a *account) (*scratch, error) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return nil, err
	}
	s := &scratch{dir: dir, shell: exec.Command("/bin/sh", "-c", cleanup, "sh", dir)}
	s.shell.Dir = "/"
	isolate(s.shell, nil)
	if s.input, err = s.shell.StdinPipe(); err == nil {
		err = s.shell.Start()
	}
	if err != nil {
		os.Remove(dir)
		return nil, err
	}
	if a != nil {
		if err := os.Chown(dir, a.uid, a.gid); err != nil {
			return nil, errors.Join(err, s.remove())
		}
	}
	return s, nil
}

// start starts cmd as a, in a session of its own, for the shell to end should this program die.
func (s *scratch) start(cmd *exec.Cmd, a *account) (*process, error) {
	isolate(cmd, a)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	_, err := fmt.Fprintln(s.input, p.pid())
	go func() {
		// How it ended stands in its log, and a shell that is gone itself is reported by
		// remove.
		_ = cmd.Wait()
		_, _ = fmt.Fprintln(s.input)
		close(p.done)
	}()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the shell that cleans up: %w", err), p.kill())
	}
	return p, nil
}

// remove has the shell remove the directory, and waits until it has.
func (s *scratch) remove() error {
	s.input.Close()
	if err := s.shell.Wait(); err != nil {
		return fmt.Errorf("remove %s: %w", s.dir, err)
	}
	return nil
}
