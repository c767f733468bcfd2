package luavm

import (
	"bufio"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"
)

// A worker has its time, however often the host answers it and however long that takes.
func TestWatch_S53(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers []time.Duration // after 100 ms of the worker's each
		end     time.Duration   // when the worker is stopped
	}{
		"silent":              {nil, time.Second},
		"asks":                {[]time.Duration{time.Millisecond, time.Millisecond}, 1002 * time.Millisecond},
		"host is slow":        {[]time.Duration{10 * time.Second}, 11 * time.Second},
		"host is slow, twice": {[]time.Duration{900 * time.Millisecond, 1800 * time.Millisecond}, 3700 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w watch
				began, stopped := time.Now(), time.Duration(0)
				w.begin(time.Second, func() { stopped = time.Since(began) })
				for _, a := range c.answers {
					time.Sleep(100 * time.Millisecond)
					w.pause()
					time.Sleep(a)
					w.resume()
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if stopped != c.end || !w.isLate() {
					t.Errorf("stopped after %s, late %v; %s is right", stopped, w.isLate(), c.end)
				}
				w.end()
			})
		})
	}
	t.Run("over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var w watch
			w.begin(time.Second, func() { t.Error("stopped") })
			w.pause()
			w.end()
			time.Sleep(time.Minute)
			if w.isLate() {
				t.Error("late")
			}
		})
	})
}

// Where a worker is not fully shut in, something else may hold its ends of the pipes:
// then its death ends no wait, and the call ends all the same.
func TestTalk_PipesOutliveTheWorker_S53(t *testing.T) {
	t.Parallel()
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
		return r, w
	}
	_, in := pipe()
	out, _ := pipe()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := &process{cmd: cmd, in: in, out: bufio.NewReader(out), ends: []*os.File{in, out}, errs: &head{}}
	k := &talk{w: w, order: order{Mode: modeRun, Limits: Limits{Compute: time.Millisecond}}, call: &Call{}, nonce: "n"}
	k.hold(t.Context())
	if k.out.Kind != Timeout {
		t.Errorf("ended as %s", k.out.Kind)
	}
	w.wait()
}
