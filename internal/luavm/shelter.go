package luavm

import (
	"context"
	"strings"

	"joinery/internal/fault"
)

// Sheltered is how workers are shut in on this machine. Where none has started yet,
// one is.
func (p *Pool) Sheltered(ctx context.Context) (Level, []Layer, error) {
	if level, layers, err := p.Shelter(); len(layers) > 0 || err != nil {
		return level, layers, err
	}
	w, err := p.worker(ctx)
	if err != nil {
		_, _, broken := p.Shelter()
		return Reduced, nil, firstError(broken, err)
	}
	p.leave(w)
	return p.Shelter()
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// enough says whether workers are shut in well enough to run code: fully, or less where
// that is allowed.
func (p *Pool) enough(ctx context.Context) error {
	if p.cfg.AllowReduced {
		return nil
	}
	level, layers, err := p.Sheltered(ctx)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "No worker for functions can be started on this machine; see the server's log.")
	}
	if level == Full || p.cfg.MayReduce != nil && p.cfg.MayReduce(ctx) {
		return nil
	}
	return fault.New(fault.Unavailable, "Functions do not run here: their workers cannot be shut in fully on this system (missing: %s). Run Joinery on Linux, or let an administrator allow it under System, Functions.", strings.Join(missing(layers), ", "))
}

// missing are the layers without which a worker is not shut in fully.
func missing(layers []Layer) []string {
	active := map[string]bool{}
	for _, l := range layers {
		active[l.Name] = l.Active
	}
	var out []string
	for _, name := range []string{layerCalls, layerLimits, layerPrivs} {
		if !active[name] {
			out = append(out, name)
		}
	}
	return out
}
