package connectortest

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"joinery/internal/connector"
	"joinery/internal/secret"
)

// Directory says how the suite reaches one kind of directory.
type Directory struct {
	// Open opens a connection; it closes with the test.
	Open func(t testing.TB, o Options) connector.Conn
	// Target is the server's host:port; "" when there is no network between.
	Target string
	// Attributes gives what an account of this login needs at least.
	Attributes func(login string) map[string]any
	// Field is a text attribute that may be absent; Wide one that takes any script.
	Field, Wide string
	// Group is a group that exists; Foreign the login of an account made by
	// someone else, without a mark.
	Group, Foreign string
	// Password says that accounts can be given one.
	Password bool
	// Lacks names what this system cannot do: "disable", "remove", "rename".
	Lacks []string
}

// Options vary a connection.
type Options struct {
	Address  string        // host:port instead of the server's own
	Password string        // instead of the right one
	Timeout  time.Duration // of one call; 0 = the default
}

// suite is one run of the tests.
type suite struct {
	Directory
}

// RunDirectory proves that a directory keeps the contract of connector.Directory.
func RunDirectory(t *testing.T, d Directory) {
	s := suite{d}
	for _, c := range []struct {
		name string
		test func(*testing.T)
		when bool
	}{
		{"create_and_find", s.createAndFind, true},
		{"create_again_finds_it", s.createAgain, true},
		{"create_disabled", s.createDisabled, s.can("disable")},
		{"name_of_another_joiner", s.nameOfAnother, true},
		{"name_of_a_stranger", s.nameOfStranger, true},
		{"update_and_remove", s.update, true},
		{"rename", s.rename, true},
		{"missing_account", s.missingAccount, true},
		{"enable_and_disable", s.enable, s.can("disable")},
		{"groups", s.groups, true},
		{"missing_group", s.missingGroup, true},
		{"accounts_of_others_are_found", s.accountsWith, true},
		{"adopt_and_abandon", s.adopt, true},
		{"any_script", s.anyScript, true},
		{"S84_injection_is_literal", s.injection, true},
		{"huge_name", s.hugeName, true},
		{"invalid_text", s.invalidText, true},
		{"same_joiner_at_once", s.atOnce, true},
		{"cancelled", s.cancelled, true},
		{"test_connection", s.testConnection, true},
		{"lost_reply_anywhere", s.lostReply, d.Target != ""},
		{"late_first_try", s.lateFirstTry, d.Target != ""},
		{"lost_reply_of_a_membership", s.lostMembership, d.Target != ""},
		{"unreachable", s.unreachable, d.Target != ""},
		{"wrong_password", s.wrongPassword, d.Target != ""},
		{"silent_server", s.silent, d.Target != ""},
	} {
		if c.when {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.test(t)
			})
		}
	}
}

func (s suite) can(what string) bool {
	for _, l := range s.Lacks {
		if l == what {
			return false
		}
	}
	return true
}

// open gives the directory of a fresh connection.
func (s suite) open(t *testing.T, o Options) connector.Directory {
	t.Helper()
	dir, ok := s.Open(t, o).(connector.Directory)
	if !ok {
		t.Fatal("the connection is no connector.Directory")
	}
	return dir
}

// want asks for a new account nobody else in this suite has.
func (s suite) want(prefix string) connector.Ensure {
	login := prefix + strings.ToLower(rand.Text()[:8])
	return s.wantAs(login)
}

func (s suite) wantAs(login string) connector.Ensure {
	e := connector.Ensure{Key: rand.Text(), Stamp: "hris:" + rand.Text()[:12], Name: login, Enabled: true, Attributes: s.Attributes(login)}
	if s.Password {
		e.Password = secret.New("Str0ng-" + rand.Text())
	}
	return e
}

// ctx bounds one test, so that a hanging server fails it and not the run.
func ctx(t *testing.T) context.Context {
	c, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return c
}
