package luavm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is one worker as the host sees it: something not to be trusted.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	ends   []*os.File // of the pipes
	held   bool       // reading and writing wait in the system, and only the worker's death ends that
	errs   *head
	hello  hello
	exited chan struct{}
	state  *os.ProcessState

	mu   sync.Mutex
	gone bool // its number may be another's soon
}

// head keeps the first bytes that a worker writes to its standard error, to tell
// kinds of death apart. They are shown to nobody.
type head struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if room := 8<<10 - h.b.Len(); room > 0 {
		h.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (h *head) has(s string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Contains(h.b.Bytes(), []byte(s))
}

// startProcess starts a worker and waits for its hello.
func startProcess(command []string) (*process, error) {
	keepDescriptors()
	p := &process{errs: &head{}, exited: make(chan struct{})}
	p.cmd = exec.Command(command[0], command[1:]...)
	// An environment that is nil would be ours.
	// One processor and no garbage collection until there is an order; the limits of
	// the machine's groups of processes need not be read for that.
	p.cmd.Env = []string{"GOMAXPROCS=1", "GOTRACEBACK=none", "GOGC=off", "GODEBUG=containermaxprocs=0,updatemaxprocs=0"}
	p.cmd.Dir = "/"
	p.cmd.SysProcAttr = &syscall.SysProcAttr{}
	apart(p.cmd.SysProcAttr)
	p.cmd.Stderr = p.errs
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	p.out = bufio.NewReaderSize(out, 8<<10)
	for _, end := range []any{p.in, out} {
		if f, ok := end.(*os.File); ok {
			p.ends = append(p.ends, f)
		}
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	late := time.AfterFunc(20*time.Second, p.kill)
	f, err := readFrame(p.out)
	if !late.Stop() && err == nil {
		err = errors.New("it said hello too late")
	}
	if err == nil && (f.Type != frameHello || f.Hello == nil || f.Hello.Build != buildID() || p.out.Buffered() > 0) {
		err = errFrame
	}
	if err == nil && levelOf(f.Hello.Layers) == Full {
		err = p.hold()
	}
	if err != nil {
		p.kill()
		p.wait()
		return nil, fmt.Errorf("start worker: %w", err)
	}
	p.hello = *f.Hello
	return p, nil
}

// hold lets reading and writing wait in the system itself, which wakes up sooner than
// the runtime's poller does. Only where a worker is fully shut in: such a one cannot
// hand its ends of the pipes to a process of its own, so its death ends every wait.
func (p *process) hold() error {
	for i, f := range p.ends {
		held, err := unpolled(f)
		if err != nil {
			return err
		}
		p.ends[i] = held
	}
	p.in, p.held = p.ends[0], true
	p.out.Reset(p.ends[1])
	return nil
}

// stop ends the worker, and whatever waits for it.
func (p *process) stop() {
	p.kill()
	if !p.held {
		for _, f := range p.ends {
			_ = f.SetDeadline(time.Unix(1, 0)) // long gone
		}
	}
}

func (p *process) kill() { _ = p.cmd.Process.Kill() }

// asideAfter has the worker leave a processor to others as soon as it has computed for
// so long, until stop is called. Waiting, for an answer or for a processor, is not
// computing: on a busy machine a short call would be put behind everybody for it.
func (p *process) asideAfter(most time.Duration) (stop func()) {
	before, _ := computed(p.cmd.Process.Pid)
	var mu sync.Mutex
	var look *time.Timer
	pause, ended := most, false
	mu.Lock()
	defer mu.Unlock()
	look = time.AfterFunc(most, func() {
		mu.Lock()
		defer mu.Unlock()
		now, known := computed(p.cmd.Process.Pid)
		switch left := most - (now - before); {
		case ended:
		case known && left > 0:
			pause = min(2*pause, 8*most) // a call may wait for half a minute
			look.Reset(max(left, pause/2))
		default:
			p.aside()
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		look.Stop()
	}
}

// aside has a worker that computes for long leave a processor to others.
func (p *process) aside() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		aside(p.cmd.Process.Pid)
	}
}

// wait takes the dead process off the system's list.
func (p *process) wait() {
	p.mu.Lock()
	p.gone = true
	p.mu.Unlock()
	for _, f := range p.ends {
		_ = f.Close()
	}
	_ = p.cmd.Wait()
	p.state = p.cmd.ProcessState
}

// death says what a worker died of.
func (p *process) death() (Kind, string) {
	switch {
	case p.state == nil:
		return Crashed, "The worker ended by itself."
	case closedBySystem(p.state):
		return Security, "The worker made a system call that it may not make, and was ended."
	case p.state.ExitCode() == heapDeath, p.errs.has("out of memory"), p.errs.has("cannot allocate memory"):
		return Memory, ""
	case p.errs.has("stack exceeds"), p.errs.has("stack overflow"):
		return Memory, ""
	case outOfTime(p.state):
		return Timeout, ""
	}
	return Crashed, "The worker ended by itself."
}
