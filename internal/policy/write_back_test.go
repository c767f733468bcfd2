package policy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/internal/joiner"
)

// What a contract says, for every condition, owner and consent.
func TestWriteBack_Decide(t *testing.T) {
	hr := func(f WriteBackField) WriteBackField { f.Owner = OwnerHR; return f }
	mail := WriteBackField{Connection: "hr", Field: joiner.WorkEmail, Write: OnlyIfEmpty}
	own := WriteBackField{Connection: "hr", Field: joiner.WorkEmail, Write: OverwriteOwn}
	equals := WriteBackField{Connection: "hr", Field: joiner.WorkEmail, Write: OnlyIfEquals, Equals: "=joiner.personal_email"}
	asks := func(f WriteBackField, how string) WriteBackField { f.Approve = how; return f }
	for name, c := range map[string]struct {
		f    WriteBackField
		s    Standing
		want Verdict
	}{
		"an empty field is written":                          {mail, Standing{Want: "a@x"}, Written},
		"the same value is not written again":                {mail, Standing{Now: "a@x", Want: "a@x"}, Unchanged},
		"an address in other case is the same":               {mail, Standing{Now: "a@x", Want: " A@X "}, Unchanged},
		"an empty value is never written":                    {own, Standing{Now: "a@x", Want: " ", Own: "a@x"}, Unchanged},
		"F1 c: a value of HR's is not overwritten":           {mail, Standing{Now: "hr@x", Want: "a@x", PlannedKnown: true}, Refused},
		"not even where it was there before":                 {mail, Standing{Now: "hr@x", Want: "a@x", Planned: "hr@x", PlannedKnown: true}, Refused},
		"HR's own field keeps HR's value":                    {hr(mail), Standing{Now: "hr@x", Want: "a@x", Planned: "hr@x", PlannedKnown: true}, Kept},
		"but a change after the plan is told":                {hr(mail), Standing{Now: "hr@x", Want: "a@x", PlannedKnown: true}, Refused},
		"what we wrote may be overwritten":                   {own, Standing{Now: "old@x", Want: "a@x", Own: "OLD@x"}, Written},
		"what HR wrote may not":                              {own, Standing{Now: "hr@x", Want: "a@x", Own: "old@x"}, Refused},
		"nor a value nobody here wrote":                      {own, Standing{Now: "hr@x", Want: "a@x"}, Refused},
		"overwrite_own fills an empty field":                 {own, Standing{Want: "a@x"}, Written},
		"the value asked for":                                {equals, Standing{Now: "me@home", Want: "a@x"}, Written},
		"another value than the one asked for":               {equals, Standing{Now: "hr@x", Want: "a@x"}, Refused},
		"each time asks a person":                            {asks(mail, ApproveEach), Standing{Want: "a@x"}, Asked},
		"each time does not ask to overwrite HR":             {asks(mail, ApproveEach), Standing{Now: "hr@x", Want: "a@x"}, Refused},
		"on conflict asks when HR has a value":               {asks(mail, ApproveOnConflict), Standing{Now: "hr@x", Want: "a@x"}, Asked},
		"on conflict does not ask for an empty field":        {asks(mail, ApproveOnConflict), Standing{Want: "a@x"}, Written},
		"what a person accepted stays without a word":        {mail, Standing{Now: "hr@x", Want: "a@x", Accepted: "hr@x"}, Kept},
		"what a person accepted, and HR changed since, asks": {asks(mail, ApproveOnConflict), Standing{Now: "hr2@x", Want: "a@x", Accepted: "hr@x"}, Asked},
	} {
		t.Run(name, func(t *testing.T) {
			sub := Subject{Worker: joiner.Worker{Attributes: map[string]any{joiner.PersonalEmail: "me@home"}}}
			got, why, err := c.f.Decide(t.Context(), c.s, sub)
			require.NoError(t, err)
			require.Equal(t, c.want, got, why)
			require.NotEmpty(t, why)
		})
	}
}

func TestWriteBack_Check(t *testing.T) {
	known := Known{Connections: map[string][]string{"hr": {"workers", "write_back"}, "readonly": {"workers"}}}
	row := func(text string) string {
		return "key: k\nname: K\ntype: write-back\nwrite_back:\n  fields:\n    - " + text
	}
	require.Empty(t, Check(parse(t, row("{connection: hr, field: work_email}")), known))
	for text, want := range map[string]string{
		"{connection: hr, field: Work E-Mail}":                                             "lower-case letters",
		"{connection: nowhere, field: work_email}":                                         `There is no connection "nowhere"`,
		"{connection: readonly, field: work_email}":                                        "no fields that can be written back",
		"{connection: hr, field: start_date}":                                              "HR's alone",
		"{connection: hr, field: work_email, owner: us}":                                   "Choose one of: joinery, hr",
		"{connection: hr, field: work_email, owner: hr, write: overwrite_own}":             "HR owns this field",
		"{connection: hr, field: work_email, write: only_if_equals}":                       "Say which value",
		"{connection: hr, field: work_email, write: only_if_equals, equals: =joiner.nam(}": "fields.0.equals",
		"{connection: hr, field: work_email, equals: x}":                                   "counts only with only_if_equals",
		"{connection: hr, field: work_email, verify_after: soon}":                          "Write a duration",
		"{connection: hr, field: work_email, drift: 1m}":                                   "at least 15m",
		"{connection: hr, field: work_email, echo: 30d}":                                   "at most 7d",
		"{connection: hr, field: work_email, verify_tries: 99}":                            "from 1 to 20",
		"{connection: hr, field: work_email}\n    - {connection: hr, field: work_email}":   "Row 1 is about this field already",
	} {
		var all string
		for _, p := range Check(parse(t, row(text)), known) {
			all += p.Path + ": " + p.Detail + "\n"
		}
		require.Contains(t, all, want, text)
	}
}

func TestWriteBack_Times(t *testing.T) {
	f := WriteBackField{}
	require.Zero(t, f.Lag())
	require.Equal(t, time.Hour, f.EchoWindow())
	require.Equal(t, 24*time.Hour, f.DriftEvery())
	require.Zero(t, WriteBackField{Owner: OwnerHR}.DriftEvery(), "HR's own fields are HR's to change")
	require.Zero(t, WriteBackField{Drift: "0s"}.DriftEvery())
	require.Equal(t, 30*time.Second, WriteBackField{VerifyAfter: "30s"}.Lag())
}

// Without values to write, a try tells what each row would say of a new value.
func TestWriteBack_TryTellsEveryRow(t *testing.T) {
	w := &WriteBack{Fields: []WriteBackField{{Connection: "hr", Field: "work_email"}, {Connection: "hr", Field: "phone"}}}
	out, err := w.Try(t.Context(), Subject{Worker: joiner.Worker{Attributes: map[string]any{"phone": "1"}}})
	require.NoError(t, err)
	require.Equal(t, []string{"work_email"}, out.Output["written"])
	require.Equal(t, []string{"phone"}, out.Output["refused"])
	require.Contains(t, out.Reasons[1].Detail, "HRIS: “1”")
	_, err = w.Try(t.Context(), Subject{Write: map[string]any{"title": "x"}})
	require.ErrorContains(t, err, "no row for title")
}
