package luavm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// talk is the host's side of one call.
type talk struct {
	w      *process
	calls  map[string]Func
	order  order
	grants map[string]bool
	call   *Call
	nonce  string
	out    Outcome
	lines  int

	watch watch
	room  []byte // for answers on their way out
}

type heard struct {
	f   frame
	err error
}

// hold sends the order and listens until the worker is done, dead or late. All of
// it happens on one goroutine, because each change of goroutine costs as much as
// the answer to a question. A worker that does not read would hold a write, and one
// that says nothing a read: the end of its time is the worker's end, and so is the
// caller's, and with the worker both end.
func (t *talk) hold(ctx context.Context) {
	stop := context.AfterFunc(ctx, t.w.stop)
	defer stop()
	t.watch.begin(t.order.Limits.Compute+grace+compileTime, t.w.stop)
	defer t.watch.end()
	defer t.w.asideAfter(patience)()
	if err := writeFrame(t.w.in, frame{Type: frameExec, Nonce: t.nonce, Exec: &t.order}); err != nil {
		if !t.late(ctx) {
			t.died()
		}
		return
	}
	for {
		f, err := readFrame(t.w.out)
		if err != nil && t.late(ctx) || t.heard(ctx, heard{f, err}) {
			return
		}
	}
}

// late ends a call whose time is over, or that its caller wants no more.
func (t *talk) late(ctx context.Context) bool {
	if ctx.Err() == nil && !t.watch.isLate() {
		return false
	}
	t.end(Timeout, "")
	return true
}

func (t *talk) end(kind Kind, message string) {
	t.out.Kind, t.out.Message = kind, message
	t.out.Result, t.out.Plan = nil, nil
	t.w.kill()
}

func (t *talk) died() {
	t.w.kill()
	t.w.wait()
	kind, message := t.w.death()
	t.end(kind, message)
}

func (t *talk) broke(what string) { t.end(Security, "The worker "+what+".") }

// heard takes one frame and says whether the call is over.
func (t *talk) heard(ctx context.Context, h heard) bool {
	if h.err != nil {
		if strings.Contains(h.err.Error(), errFrame.Error()) {
			t.broke("sent what is no frame")
		} else {
			t.died()
		}
		return true
	}
	if h.f.Nonce != t.nonce {
		t.broke("answered for another call")
		return true
	}
	switch {
	case h.f.Type == frameLog && h.f.Log != nil:
		return t.log(*h.f.Log)
	case h.f.Type == frameCall && h.f.Call != nil:
		return t.answer(ctx, *h.f.Call)
	case h.f.Type == frameDone && h.f.Done != nil:
		t.done(*h.f.Done)
		return true
	}
	t.broke("sent a frame that has no place here")
	return true
}

func (t *talk) log(l Line) bool {
	t.lines++
	if t.lines > maxLogLines || len(l.Message) > maxLogLine+8 || len(l.Fields) > maxLogLine*4 || !utf8.ValidString(l.Message) ||
		l.Level != "info" && l.Level != "warn" || len(l.Fields) > 0 && !json.Valid(l.Fields) {
		t.broke("logged more than it may")
		return true
	}
	t.out.Log = append(t.out.Log, l)
	return false
}

// answer judges a question by the grants that were approved, whatever the worker
// thought of it, and has it answered.
func (t *talk) answer(ctx context.Context, c hostCall) bool {
	if t.order.Mode != modeRun || c.ID != len(t.out.Asked)+1 || len(c.Args) > maxArgument*2 || !json.Valid(c.Args) {
		t.broke("asked out of turn")
		return true
	}
	t.watch.pause()
	asked := Asked{Name: c.Name, Args: c.Args, Line: c.Line}
	asked.Answer, asked.Fault = t.judge(ctx, c)
	if len(asked.Answer) > maxAnswer {
		asked.Answer, asked.Fault = nil, &HostFault{Code: "too_large", Message: "The answer has more than 256 kB."}
	}
	if asked.Answer == nil && asked.Fault == nil {
		asked.Answer = json.RawMessage("null")
	}
	if asked.Fault != nil && asked.Fault.Retryable {
		t.out.Retryable = true
	}
	t.out.Asked = append(t.out.Asked, asked)
	t.watch.resume()
	var err error
	if t.room, err = sendFrame(t.w.in, frame{Type: frameRet, Nonce: t.nonce, Ret: &hostReturn{ID: c.ID, OK: asked.Answer, Fault: asked.Fault}}, t.room); err != nil {
		if !t.late(ctx) {
			t.died()
		}
		return true
	}
	return false
}

func (t *talk) judge(ctx context.Context, c hostCall) (json.RawMessage, *HostFault) {
	denied := func(format string, args ...any) (json.RawMessage, *HostFault) {
		return nil, &HostFault{Code: "denied", Message: fmt.Sprintf(format, args...)}
	}
	if len(t.out.Asked) >= t.order.Limits.HostCalls {
		return denied("The function asked more than %d times.", t.order.Limits.HostCalls)
	}
	f, ok := t.calls[c.Name]
	if !ok || f.Effect != Reads {
		return denied("There is no %s to ask.", clip(c.Name, 60))
	}
	args, connection, ok := arguments(c.Args)
	if !ok || len(args) > len(f.Params) {
		return denied("%s was asked with arguments that it does not take.", f.Name)
	}
	if !t.grants[f.Grant(connection)] {
		return denied("%s needs the grant %s, which this function does not have.", f.Name, f.Grant(clip(connection, 60)))
	}
	if t.call.Answer == nil {
		return denied("%s cannot be asked here.", f.Name)
	}
	return t.call.Answer(ctx, f.Name, args)
}

// done takes the worker's word for how the code ended, and checks what it brings.
func (t *talk) done(d done) {
	known := map[Kind]bool{OK: true, Error: true, Failed: true, Compile: true, Steps: true, Timeout: true, Memory: true, Denied: true, Result: true, Host: true}
	if !known[d.Kind] || len(d.Message) > maxErrorText+8 || len(d.Code) > 70 || !utf8.ValidString(d.Message) || !utf8.ValidString(d.Code) {
		t.broke("ended in a way that there is not")
		return
	}
	if len(d.Result) > maxResult+1024 || d.Kind == OK && t.order.Mode == modeRun && !json.Valid(d.Result) || !utf8.Valid(d.Result) {
		t.broke("gave a result that cannot be one")
		return
	}
	if d.Kind != OK && (len(d.Plan) > 0 || len(d.Result) > 0) {
		t.broke("planned something although it did not end well")
		return
	}
	if len(d.Plan) > t.order.Limits.PlanEntries {
		t.broke("planned more than it may")
		return
	}
	for _, e := range d.Plan {
		f, ok := t.calls[e.Do]
		args, connection, read := arguments(e.Args)
		if !ok || f.Effect != Plans || !read || len(args) != len(f.Params) || bytes.Contains(args[len(args)-1], []byte{0}) {
			t.broke("planned what cannot be done")
			return
		}
		if !t.grants[f.Grant(connection)] {
			t.end(Denied, fmt.Sprintf("%s needs the grant %s, which this function does not have.", f.Name, f.Grant(clip(connection, 60))))
			t.out.Line = e.Line
			return
		}
	}
	t.out.Kind, t.out.Result, t.out.Plan, t.out.Code, t.out.Message = d.Kind, d.Result, d.Plan, d.Code, d.Message
	t.out.Line, t.out.Steps, t.out.Peak, t.out.Covered, t.out.Lines, t.out.check = d.Line, d.Steps, d.Peak, d.Covered, d.Lines, d.Check
}

// anyGrant says whether a function may be asked for any connection.
func anyGrant(f Func, grants []string) bool {
	for _, g := range grants {
		if strings.HasPrefix(g, f.Capability+":") && strings.HasSuffix(g, ":"+f.Operation) {
			return true
		}
	}
	return false
}
