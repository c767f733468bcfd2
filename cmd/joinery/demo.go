package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"joinery/flows"
	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/connector"
	"joinery/internal/demo"
	"joinery/internal/fault"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/internal/secret"
)

// The demo company's two people.
const (
	demoBuilder  = "builder@demo.example"
	demoReviewer = "reviewer@demo.example"
)

// startDemo puts the demo company on the ports after the console's, so that two
// demos can run beside each other.
func startDemo(ctx context.Context, h *house) (*demo.Company, error) {
	return demo.Start(ctx, demo.Config{Dir: filepath.Join(h.cfg.DataDir, "demo"), HRISAddr: after(h.cfg.Addr, 1), DirectoryAddr: after(h.cfg.Addr, 2), MailAddr: after(h.cfg.Addr, 3),
		HookURL: loopback(h.cfg.Addr) + "/hooks/" + demo.HRISKey, Now: time.Now, Log: h.cfg.Log})
}

// after is the loopback address some ports after another one.
func after(addr string, n int) string {
	_, text, _ := net.SplitHostPort(addr)
	port, err := strconv.Atoi(text)
	if err != nil || port == 0 {
		port = 8080
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port+n))
}

// loopback is how the demo company on the same machine reaches the console.
func loopback(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	if i := strings.LastIndex(addr, ":"); i >= 0 {
		host, port = addr[:i], addr[i+1:]
	}
	if host == "" || host == "0.0.0.0" || host == "[::]" {
		host = "127.0.0.1"
	}
	return "http://" + host + ":" + port
}

// demoPeople makes the builder and the reviewer once, and prints their passwords once.
func (t *tool) demoPeople(ctx context.Context, h *house) error {
	for _, p := range []struct {
		email, name string
		roles       []auth.Role
	}{
		{demoBuilder, "Bo Builder", []auth.Role{auth.Builder, auth.Operator}},
		{demoReviewer, "Remy Reviewer", []auth.Role{auth.Reviewer, auth.Operator, auth.Auditor}},
	} {
		if _, err := h.db.FindUserByEmail(ctx, p.email); !fault.Is(err, fault.NotFound) {
			if err != nil {
				return err
			}
			continue
		}
		password := randomPassword()
		if _, err := h.db.AddUser(ctx, auth.Engine(), h.hasher, postgres.NewUser{Email: p.email, Name: p.name, Password: password, Roles: p.roles}); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "  %-22s password %s   (%s)\n", p.email, password, p.name)
	}
	return nil
}

// seedDemo brings the demo's connections and the shipped flows live, through the
// ordinary review path: the builder writes, the reviewer approves. What is there
// already is left as it is.
func seedDemo(ctx context.Context, h *house, c *demo.Company) error {
	builder, err := h.db.FindUserByEmail(ctx, demoBuilder)
	if err != nil {
		return err
	}
	reviewer, err := h.db.FindUserByEmail(ctx, demoReviewer)
	if err != nil {
		return err
	}
	s := seeder{h: h, builder: builder.Actor(), reviewer: reviewer.Actor()}
	connections := append(c.Connections(), ldapExample(c)...)
	for _, settings := range connections {
		raw, err := json.Marshal(settings)
		if err != nil {
			return err
		}
		if err := s.live(ctx, review.Connection, settings.Key, raw, "The demo company"); err != nil {
			return err
		}
	}
	credentials := c.Credentials()
	credentials["hris"] = credentials[demo.HRISKey]
	for connection, values := range credentials {
		if err := s.credentials(ctx, connection, values); err != nil {
			return err
		}
	}
	for _, key := range flows.Keys() {
		text, err := flows.Flow(key)
		if err != nil {
			return err
		}
		keys, policies, err := flows.Policies(key)
		if err != nil {
			return err
		}
		for _, own := range keys {
			if err := s.live(ctx, review.Policy, own, policies[own], "A policy that comes with Joinery"); err != nil {
				return err
			}
		}
		if err := s.live(ctx, review.Flow, key, text, "A flow that comes with Joinery"); err != nil {
			return err
		}
	}
	s.schema(ctx, demo.DirectoryKey)
	return nil
}

// schema reads which attributes the demo directory has, as a test of its connection
// does, so that mappings are checked against it from the first page on. One that does
// not answer in time is asked by the pages.
func (s seeder) schema(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	settings, hash, err := s.approved(ctx, key)
	if err == nil {
		var list []connector.SchemaAttribute
		if list, err = s.h.pool.Schema(ctx, settings, hash); err == nil {
			err = s.h.db.KeepSchema(ctx, key, list)
		}
	}
	if err != nil {
		s.h.cfg.Log.Warn("the demo directory has not told its attributes", "err", err)
	}
}

func (s seeder) approved(ctx context.Context, key string) (connector.Settings, string, error) {
	rev, err := s.h.db.Revision(ctx, review.Connection, key, 0)
	if err != nil {
		return connector.Settings{}, "", err
	}
	settings, err := artifact.Settings([]byte(rev.Content))
	return settings, rev.Hash, err
}

// ldapExample gives the connections of the LDAP flow: an example to be changed to
// one's own HRIS and directory.
func ldapExample(c *demo.Company) []connector.Settings {
	hris := c.Connections()[0]
	hris.Key, hris.Name, hris.Description = "hris", "HRIS of the LDAP example", "An example: change its address to your own HRIS."
	return []connector.Settings{hris, {Key: "corp-ldap", Name: "LDAP example", Description: "An example: change its address to your own directory.", Type: "ldap",
		Settings: map[string]any{"urls": []string{"ldaps://127.0.0.1:1636"}, "tls": "ldaps", "dialect": "openldap", "bind_dn": "cn=joinery,ou=svc,dc=joinery,dc=test",
			"people_base": "ou=people,dc=joinery,dc=test", "groups_base": "ou=groups,dc=joinery,dc=test"},
		Private: []string{"127.0.0.1"}}}
}

type seeder struct {
	h                 *house
	builder, reviewer auth.Actor
}

func (s seeder) live(ctx context.Context, kind review.Kind, key string, text []byte, message string) error {
	db := s.h.db
	a, err := db.Artifact(ctx, kind, key)
	if err == nil && (a.Live != nil || a.Head > 0) {
		return nil
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	var doc artifact.Doc
	if doc, err = s.h.kinds.ReadText(kind, key, text); err != nil {
		return fmt.Errorf("%s %s: %w", kind, key, err)
	}
	if _, err := db.SaveRevision(ctx, s.builder, postgres.Save{Doc: doc, Message: message, Base: 0, Via: "demo"}); err != nil {
		return fmt.Errorf("%s %s: %w", kind, key, err)
	}
	r, err := db.OpenReview(ctx, s.builder, kind, key, 0, message)
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, key, err)
	}
	_, err = db.ApproveReview(ctx, s.reviewer, r.ID, r.Hash, "Looked at it.")
	return err
}

func (s seeder) credentials(ctx context.Context, connection string, values map[string]string) error {
	have, err := s.h.db.Credentials(ctx, connection)
	if err != nil {
		return err
	}
	for name, value := range values {
		known := false
		for _, c := range have {
			known = known || c.Name == name
		}
		if known {
			continue
		}
		_, err := s.h.db.SetCredential(ctx, auth.Engine(), postgres.NewCredential{Connection: connection, Name: name, Value: secret.New(value), Owner: demoBuilder, Deputy: demoReviewer,
			Purpose: "Talks to the demo company", ExpiresAt: time.Now().AddDate(1, 0, 0)})
		if err != nil {
			return err
		}
	}
	return nil
}

// randomPassword gives about 90 bits in a form that can be typed.
func randomPassword() string {
	return strings.ToLower(rand.Text()[:6] + "-" + rand.Text()[:6] + "-" + rand.Text()[:6])
}
