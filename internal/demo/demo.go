// Package demo is a demo company: an HRIS with a page to hire people and a SCIM
// 2.0 directory, each a listener of its own that Joinery talks to over HTTP like
// to any other system. It exists so that a newcomer can see a joiner come in
// within minutes, and is absent unless asked for.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// Keys of the demo connections.
const (
	HRISKey      = "demo-hris"
	DirectoryKey = "demo-scim"
)

// Config says where the company lives.
type Config struct {
	// Dir keeps its state between starts; "" keeps none.
	Dir string
	// Addresses to listen on; "127.0.0.1:0" takes a free port.
	HRISAddr, DirectoryAddr, MailAddr string
	// HookURL is where the HRIS sends its webhooks.
	HookURL string
	Now     func() time.Time
	Log     *slog.Logger
}

func (c Config) file(name string) string {
	if c.Dir == "" {
		return ""
	}
	return filepath.Join(c.Dir, name)
}

// Company is a running demo company.
type Company struct {
	HRISURL      string
	DirectoryURL string
	MailURL      string

	hris    *hris
	dir     *directory
	mails   *mailbox
	servers []*http.Server
	stop    context.CancelFunc
	done    chan struct{}
}

// keys are the company's secrets, made at its first start.
type keys struct {
	HRISToken      string `json:"hris_token"`
	DirectoryToken string `json:"directory_token"`
	WebhookSecret  string `json:"webhook_secret"`
}

// Start opens the company's doors.
func Start(ctx context.Context, cfg Config) (*Company, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	var k keys
	ks := store[keys]{path: cfg.file("keys.json")}
	if err := ks.load(&k); err != nil {
		return nil, err
	}
	if k.HRISToken == "" {
		k = keys{HRISToken: random(), DirectoryToken: random(), WebhookSecret: "whsec_" + random()}
		if err := ks.save(k); err != nil {
			return nil, err
		}
	}
	c := &Company{done: make(chan struct{}), mails: &mailbox{}}
	var err error
	if c.dir, err = openDirectory(cfg.file("directory.json"), k.DirectoryToken, cfg.Now); err != nil {
		return nil, err
	}
	if c.hris, err = openHRIS(cfg.file("hris.json"), k, cfg, c.mails); err != nil {
		return nil, err
	}
	if c.HRISURL, err = c.serve(cfg.HRISAddr, c.hris.handler()); err != nil {
		return nil, err
	}
	if c.DirectoryURL, err = c.serve(cfg.DirectoryAddr, c.dir.handler()); err != nil {
		c.closeServers(ctx)
		return nil, err
	}
	if cfg.MailAddr != "" {
		at, err := c.mails.listen(cfg.MailAddr)
		if err != nil {
			c.closeServers(ctx)
			return nil, fault.Wrap(fault.Invalid, err, "The demo mailbox cannot listen on %s.", cfg.MailAddr)
		}
		c.MailURL = "smtp://" + at + "?tls=none&from=joinery@demo.example"
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	go func() { defer close(c.done); c.hris.deliver(run) }()
	return c, nil
}

func (c *Company) serve(addr string, h http.Handler) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "The demo company cannot listen on %s: another program uses it. Stop that one, or start without --demo.", addr)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second}
	c.servers = append(c.servers, s)
	go func() { _ = s.Serve(l) }()
	return "http://" + l.Addr().String(), nil
}

// Stop closes the doors.
func (c *Company) Stop(ctx context.Context) error {
	c.stop()
	<-c.done
	c.mails.close()
	return c.closeServers(ctx)
}

func (c *Company) closeServers(ctx context.Context) error {
	var errs []error
	for _, s := range c.servers {
		errs = append(errs, s.Shutdown(ctx))
	}
	return errors.Join(errs...)
}

// Connections gives the settings of the two connections to the company.
func (c *Company) Connections() []connector.Settings {
	host := func(u string) string { return u[len("http://"):] }
	return []connector.Settings{
		{Key: HRISKey, Name: "Demo HRIS", Description: "The HRIS of the demo company.", Type: "hris-rest",
			Settings: map[string]any{"base_url": c.HRISURL + "/api", "event_actor": "data.actor", "own_actor": apiActor}, Private: []string{host(c.HRISURL)}},
		{Key: DirectoryKey, Name: "Demo directory", Description: "The SCIM 2.0 directory of the demo company.", Type: "scim",
			Settings: map[string]any{"base_url": c.DirectoryURL + "/scim/v2"}, Private: []string{host(c.DirectoryURL)}},
	}
}

// Credentials gives the secrets of the connections, by connection and name.
func (c *Company) Credentials() map[string]map[string]string {
	return map[string]map[string]string{
		HRISKey:      {"token": c.hris.keys.HRISToken, connector.WebhookSecret: c.hris.keys.WebhookSecret},
		DirectoryKey: {"token": c.dir.token},
	}
}

func random() string {
	raw := make([]byte, 24)
	if _, err := rand.Read(raw); err != nil {
		panic(fmt.Sprint("no randomness: ", err))
	}
	return base64.StdEncoding.EncodeToString(raw)
}
