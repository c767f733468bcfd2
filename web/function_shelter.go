package web

import (
	"context"
	"fmt"
	"strings"
	"time"

	"joinery/internal/luavm"
	"joinery/views/ui"
)

// shelterWithin is how long the system page waits for the first worker.
const shelterWithin = 5 * time.Second

// shelter says how function code is shut in on this machine, layer by layer.
func (s *Server) shelter(ctx context.Context) []ui.Pair {
	if s.Functions == nil {
		return []ui.Pair{{Label: "Isolation", Value: "this process runs no functions"}}
	}
	ctx, cancel := context.WithTimeout(ctx, shelterWithin)
	defer cancel()
	level, layers, err := s.Functions.Sheltered(ctx)
	if err != nil {
		return []ui.Pair{{Label: "Isolation", Value: "no worker starts on this machine, so no function runs; see the server's log", Badge: &ui.Badge{Tone: "bad", Text: "Broken"}}}
	}
	out := []ui.Pair{{Label: "Isolation", Value: "full: code can compute and nothing else", Badge: &ui.Badge{Tone: "good", Text: "Full"}}}
	if level != luavm.Full {
		out[0] = ui.Pair{Label: "Isolation", Value: s.reducedWords(ctx), Badge: &ui.Badge{Tone: "bad", Text: "Reduced"}}
	}
	for _, l := range layers {
		label, value := layerWords(l.Name)
		pair := ui.Pair{Label: label, Value: value, Badge: &ui.Badge{Tone: "good", Text: "On"}}
		if !l.Active {
			pair.Value, pair.Badge = value+": "+l.Why, &ui.Badge{Tone: "warn", Text: "Off"}
		}
		out = append(out, pair)
	}
	return out
}

// layerWords parts a layer's name into a short label and what it does.
func layerWords(name string) (label, does string) {
	if does, label, ok := strings.Cut(strings.TrimSuffix(name, ")"), " ("); ok {
		return label, does
	}
	for _, word := range []string{"process ", "memory "} {
		if rest, ok := strings.CutPrefix(name, word); ok {
			return capitalFirst(strings.TrimSpace(word)), rest
		}
	}
	return "Privileges", name
}

func (s *Server) reducedWords(ctx context.Context) string {
	set, err := s.DB.FunctionSetting(ctx)
	if err == nil && set.Rules.AllowReduced {
		return "reduced, and allowed: a fault of the interpreter could reach what the user who runs this server can reach"
	}
	return "reduced, so functions do not run in flows here"
}

// sheltered is the same in lines for whoever watches the process. It starts no worker.
func (s *Server) sheltered() string {
	if s.Functions == nil {
		return "functions: none run in this process\n"
	}
	level, layers, err := s.Functions.Shelter()
	switch {
	case err != nil:
		return "functions: no worker starts\n"
	case len(layers) == 0:
		return "functions: no worker has started yet\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "functions: %s isolation\n", level)
	for _, l := range layers {
		state := "on"
		if !l.Active {
			state = "off: " + strings.ReplaceAll(l.Why, "\n", " ")
		}
		fmt.Fprintf(&b, "  %s: %s\n", l.Name, state)
	}
	return b.String()
}
