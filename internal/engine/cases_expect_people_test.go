package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"joinery/internal/exception"
	"joinery/internal/policy"
	"joinery/internal/postgres"
	"joinery/internal/run"
)

func (h *caseHouse) namesDiffer(want expect) string {
	if want.Names == nil {
		return ""
	}
	rows, _, err := h.db.Names(h.t.Context(), postgres.NameFilter{})
	require.NoError(h.t, err)
	have := stateOf(rows)
	for _, n := range slices.Sorted(maps.Keys(want.Names)) {
		if have[n] != want.Names[n] {
			return fmt.Sprintf("the name %s should be %q; there are %v", n, want.Names[n], have)
		}
	}
	return ""
}

func (h *caseHouse) hrDiffers(want expect) string {
	if want.HRIS == nil && want.Written == nil {
		return ""
	}
	s := h.stateOf(h.hris)
	for id, fields := range want.HRIS {
		for k, v := range fields {
			if !policy.SameValue(k, s.Workers[id].Attributes[k], v) {
				return fmt.Sprintf("%s of worker %s should be %v, and is %v", k, id, v, s.Workers[id].Attributes[k])
			}
		}
	}
	if want.Written != nil && !slices.Equal(s.Updates, *want.Written) {
		return fmt.Sprintf("written should be %v, and is %v", *want.Written, s.Updates)
	}
	return ""
}

// peopleDiffer compares what people are told and asked.
func (h *caseHouse) peopleDiffer(want expect) string {
	if want.Mails != nil {
		if have := h.mails.subjects(); !slices.Equal(have, *want.Mails) {
			return fmt.Sprintf("the messages should be %q, and are %q", *want.Mails, have)
		}
	}
	if want.Asked != nil {
		open, err := h.db.OpenSignoffs(h.t.Context())
		require.NoError(h.t, err)
		var have []string
		for _, s := range open {
			have = append(have, s.Title)
		}
		slices.Sort(have)
		if !slices.Equal(have, slices.Sorted(slices.Values(*want.Asked))) {
			return fmt.Sprintf("people should be asked %q, and are asked %q", *want.Asked, have)
		}
	}
	if want.Tasks != nil || want.Why != "" {
		rows, _, err := h.db.Exceptions(h.t.Context(), postgres.ExceptionFilter{})
		require.NoError(h.t, err)
		var have []string
		why := want.Why == ""
		for _, r := range rows {
			if r.State == exception.Open {
				have, why = append(have, r.Title), why || strings.Contains(r.Reason, want.Why)
			}
		}
		slices.Sort(have)
		if want.Tasks != nil && !slices.Equal(have, slices.Sorted(slices.Values(*want.Tasks))) {
			return fmt.Sprintf("tasks should be %q, and are %q", *want.Tasks, have)
		}
		if !why {
			return fmt.Sprintf("no task says %q", want.Why)
		}
	}
	if want.Exceptions != nil {
		rows, _, err := h.db.Exceptions(h.t.Context(), postgres.ExceptionFilter{})
		require.NoError(h.t, err)
		var have []string
		for _, r := range rows {
			if r.State == exception.Open {
				have = append(have, r.Field)
			}
		}
		slices.Sort(have)
		if !slices.Equal(have, *want.Exceptions) {
			return fmt.Sprintf("exceptions should be open for %v, and are for %v", *want.Exceptions, have)
		}
	}
	return ""
}

func (h *caseHouse) stepsDiffer(want expect) string {
	rows := h.runs()
	if len(rows) == 0 {
		return ""
	}
	d, err := h.db.RunDetail(h.t.Context(), rows[0].ID)
	require.NoError(h.t, err)
	for _, s := range d.Steps {
		if w, ok := want.Ports[string(s.Node)]; ok && w != s.Port && w != string(s.State) {
			return fmt.Sprintf("step %s should leave by %q, and is %s %q %s", s.Node, w, s.State, s.Port, s.Error)
		}
	}
	if want.Waits == "" {
		return ""
	}
	for _, r := range rows {
		d, err := h.db.RunDetail(h.t.Context(), r.ID)
		require.NoError(h.t, err)
		for _, s := range d.Steps {
			if string(s.Node) == want.Waits && s.State == run.StepWaiting && r.State == run.Waiting {
				return ""
			}
		}
	}
	return "no run waits at " + want.Waits
}
