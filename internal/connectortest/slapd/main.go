// Command slapd runs the tests' OpenLDAP server, so that a person can try the
// LDAP flow by hand: go run ./internal/connectortest/slapd
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/goccy/go-yaml"

	"joinery/internal/connectortest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until it is interrupted. The arguments are names of more groups.
func run(groups []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "joinery-slapd-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := connectortest.NewSlapd(ctx, dir, groups...)
	if err != nil {
		return err
	}
	defer s.Stop()
	text, err := yaml.Marshal(s.Settings("corp-ldap"))
	if err != nil {
		return err
	}
	fmt.Printf("OpenLDAP runs until you press Ctrl-C. Settings of a connection to it:\n\n%s\nCredential bind_password: %s\nAs administrator: ldapsearch -x -H %s -D %s -w %s -b %s\n",
		text, s.Password, s.URL, s.RootDN, s.RootPass, s.BaseDN)
	<-ctx.Done()
	return nil
}
