// Package mail hands messages to an SMTP server.
package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"joinery/internal/fault"
)

// Message is one plain-text message. ID is the same on every try, so that a
// receiver can drop a repeated one.
type Message struct {
	ID      string
	To, Cc  []string
	Subject string
	Text    string
}

// Sender hands messages to one server. It is safe for concurrent use.
type Sender struct {
	host   string
	port   int
	user   string
	pass   string
	from   string
	tls    string
	domain string
	now    func() time.Time
}

// New reads an address: smtp://user:password@host:587?from=joinery@example.com,
// smtps:// for TLS from the first byte, and tls=none|starttls (default:
// starttls when the server offers it, required when there is a password).
func New(address string, now func() time.Time) (*Sender, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, fault.New(fault.Invalid, "JOINERY_SMTP_URL is not an SMTP address. It looks like smtp://user:password@mail.example.com:587?from=joinery@example.com.")
	}
	s := &Sender{host: u.Hostname(), port: 587, user: u.User.Username(), from: u.Query().Get("from"), tls: u.Query().Get("tls"), now: now}
	s.pass, _ = u.User.Password()
	if u.Scheme == "smtps" {
		s.port, s.tls = 465, "implicit"
	}
	if p := u.Port(); p != "" {
		if s.port, err = strconv.Atoi(p); err != nil || s.port < 1 || s.port > 65535 {
			return nil, fault.New(fault.Invalid, "JOINERY_SMTP_URL has no valid port.")
		}
	}
	switch s.tls {
	case "", "none", "starttls", "implicit":
	default:
		return nil, fault.New(fault.Invalid, "In JOINERY_SMTP_URL, tls is none or starttls.")
	}
	if s.from == "" {
		s.from = "joinery@" + s.host
		if net.ParseIP(s.host) != nil || !strings.Contains(s.host, ".") {
			s.from = "joinery@localhost.localdomain"
		}
	}
	_, s.domain, _ = strings.Cut(s.from, "@")
	return s, nil
}

// Send hands over one message. fault.Unavailable when trying again may help.
func (s *Sender) Send(ctx context.Context, m Message) error {
	msg := gomail.NewMsg()
	if err := msg.From(s.from); err != nil {
		return fault.Wrap(fault.Invalid, err, "The sender address %q is not right.", s.from)
	}
	if err := msg.To(m.To...); err != nil {
		return fault.Wrap(fault.Invalid, err, "A receiver's address is not right.")
	}
	if len(m.Cc) > 0 {
		if err := msg.Cc(m.Cc...); err != nil {
			return fault.Wrap(fault.Invalid, err, "A receiver's address is not right.")
		}
	}
	if strings.ContainsAny(m.Subject, "\r\n") {
		return fault.New(fault.Invalid, "The subject holds a line break.")
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.ID + "@" + s.domain)
	msg.SetDateWithValue(s.now())
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	opts := []gomail.Option{gomail.WithPort(s.port), gomail.WithTimeout(20 * time.Second), gomail.WithHELO("joinery")}
	switch {
	case s.tls == "implicit":
		opts = append(opts, gomail.WithSSL())
	case s.tls == "none":
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	case s.tls == "starttls" || s.pass != "":
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	}
	if s.user != "" {
		opts = append(opts, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.user), gomail.WithPassword(s.pass))
	}
	client, err := gomail.NewClient(s.host, opts...)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "The mail server's address is not right.")
	}
	return s.explain(client.DialAndSendWithContext(ctx, msg))
}

func (s *Sender) explain(err error) error {
	if err == nil {
		return nil
	}
	at := fmt.Sprintf("%s:%d", s.host, s.port)
	var send *gomail.SendError
	if errors.As(err, &send) && send.ErrorCode() > 0 {
		if send.IsTemp() {
			return fault.Wrap(fault.Unavailable, err, "The mail server %s cannot take the message now (%d).", at, send.ErrorCode())
		}
		return fault.Wrap(fault.Invalid, err, "The mail server %s refused the message (%d): %s", at, send.ErrorCode(), firstLine(err))
	}
	text := err.Error()
	if strings.Contains(text, "535") || strings.Contains(strings.ToLower(text), "auth") {
		return fault.Wrap(fault.Invalid, err, "The mail server %s does not accept the user name and password.", at)
	}
	return fault.Wrap(fault.Unavailable, err, "The mail server %s could not be reached.", at)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	if len(line) > 200 {
		line = line[:200]
	}
	return line
}
