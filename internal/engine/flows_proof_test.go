package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"joinery/flows"
	"joinery/internal/artifact"
	"joinery/internal/node"
	"joinery/internal/review"
)

// F1 (d): whichever answer of a system is lost, nothing is made twice, nothing is
// left half, and nobody is welcomed twice.
func TestF1_LostAnswersOfEachStep(t *testing.T) {
	t.Parallel()
	for _, mishap := range []string{"EnsureAccount#1:lose", "EnsureAccount#2:lose", "EnsureMember#1:lose", "EnsureMember#3:lose", "EnsureMember#5:lose", "SetEnabled#1:lose", "SetEnabled#2:lose", "UpdateWorker#1:lose", "Worker#1:fail"} {
		t.Run(mishap, func(t *testing.T) {
			t.Parallel()
			c := readCase(t, "employee", "d_restarts.yaml")
			c.Mishaps = []string{mishap}
			var timeline []happened
			for _, x := range c.Timeline {
				if x.Expect != nil && x.Expect.Accounts == nil {
					continue // where it waits differs while an answer is missing
				}
				if timeline = append(timeline, x); x.Expect == nil && !x.Restart {
					timeline = append(timeline, happened{Pass: "1m"})
				}
			}
			last := timeline[len(timeline)-1]
			c.Timeline = append(timeline[:len(timeline)-1], happened{Pass: "10m"}, happened{Pass: "2m"}, happened{Pass: "2m"}, last)
			runCase(t, "employee", c)
		})
	}
}

// F2: a change that gives contractors all-staff is stopped by the flow's invariant
// before anything is made.
func TestF2_AllStaffIsStopped(t *testing.T) {
	t.Parallel()
	c := readCase(t, "contractor", "sponsored.yaml")
	h := newCaseHouse(t, "contractor", c)
	_, texts, err := flows.Policies("contractor")
	require.NoError(t, err)
	kinds := artifact.Kinds{Flows: node.All(), Connectors: h.catalog}
	wrong := strings.ReplaceAll(string(texts["contractor-groups"]), "corp-ad: [contractors]", "corp-ad: [contractors, all-staff]")
	wrong = strings.Replace(wrong, "groups: [contractors], reason", "groups: [contractors, all-staff], reason", 1)
	doc, err := kinds.ReadText(review.Policy, "", []byte(wrong))
	require.NoError(t, err)
	h.release(doc)
	text, err := flows.Flow("contractor")
	require.NoError(t, err)
	// A release pins its policies, so the flow is released again with the changed table.
	doc, err = kinds.ReadText(review.Flow, "", []byte(strings.Replace(string(text), "name: Contractor\n", "name: Contractors\n", 1)))
	require.NoError(t, err)
	h.release(doc)
	h.happens(0, c.Timeline[0])
	none := []string{}
	h.expects(1, expect{Reason: "Contractors never get all-staff", Accounts: map[string][]wantAccount{"corp-ad": {}, "apps": {}}, Mails: &none})
}

// F10: changes of HR whose events come in any order end where the newest reading is.
func TestF10_AnyOrderOfEventsEndsTheSame(t *testing.T) {
	t.Parallel()
	departments := []string{"Sales", "Engineering", "People"}
	h := newCaseHouse(t, "employee", flowCase{Now: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)})
	for i := range 6 {
		hr := map[string]any{"first_name": "Ann", "last_name": "Lee", "department": departments[i%3], "title": "T", "location": "Berlin", "start_date": "2026-12-01"}
		h.happens(i, happened{HR: hr, Event: "worker.updated", Key: fmt.Sprint(6 - i)})
	}
	h.happens(6, happened{Event: "worker.hired"})
	for i := range 4 {
		h.happens(7+i, happened{Pass: "1m"})
	}
	mails := []string{"Ann Lee starts today"}
	h.expects(12, expect{Mails: &mails, Accounts: map[string][]wantAccount{
		"corp-ad": {{Name: "alee", Enabled: true, Groups: []string{"all-staff", "dept-people", "loc-berlin"}}}, "apps": {{Name: "ann.lee@example.com", Enabled: true, Groups: []string{}}}}})
}
