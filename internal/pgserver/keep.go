package pgserver

import (
	"context"
	"time"
)

// Keep starts the server again whenever it ended by itself, until ctx ends: it was
// killed, or its disk was full. It may take many tries until there is space again.
// Stop must not be called before Keep has returned.
func (s *Server) Keep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	down := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.runs() {
			continue
		}
		if !down {
			s.cfg.Log.Error("the private database ended; starting it again")
		}
		if err := s.launch(ctx); err != nil {
			if !down {
				s.cfg.Log.Error("the private database does not start; trying on", "err", err)
			}
			down = true
			continue
		}
		down = false
		s.cfg.Log.Info("the private database answers again")
	}
}

// runs reports whether the server's process is there.
func (s *Server) runs() bool {
	if s.exited == nil {
		pid := s.pid() // adopted: another Joinery started it
		return pid > 0 && !s.gone(pid)
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}
