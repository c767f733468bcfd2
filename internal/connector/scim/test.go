package scim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"joinery/internal/connector"
	"joinery/internal/fault"
)

// Test tries what a run would need. Whether accounts may be created shows only
// when one is, because SCIM has no way to ask.
func (c *conn) Test(ctx context.Context) []connector.Finding {
	var out []connector.Finding
	add := func(title string, ok bool, format string, args ...any) {
		out = append(out, connector.Finding{Title: title, OK: ok, Detail: fmt.Sprintf(format, args...)})
	}
	port := c.set.base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[c.set.base.Scheme]
	}
	raw, err := c.cfg.Dial(ctx, "tcp", net.JoinHostPort(c.set.base.Hostname(), port))
	var dns *net.DNSError
	if errors.As(err, &dns) || fault.Is(err, fault.Forbidden) {
		add("Address", false, "%s", fault.Sentence(err))
		return out
	}
	if err != nil {
		add("Address", true, "%s was found.", c.set.base.Hostname())
		add("Connect", false, "%s", fault.Sentence(err))
		return out
	}
	add("Address", true, "%s is %s.", c.set.base.Hostname(), raw.RemoteAddr())
	add("Connect", true, "Port %s answers.", port)
	_ = raw.Close()

	a, err := c.call(ctx, http.MethodGet, "/ServiceProviderConfig", nil, nil, "")
	if err != nil && status(err) == 0 {
		add("SCIM", false, "%s", fault.Sentence(err))
		return out
	}
	one := url.Values{"startIndex": {"1"}, "count": {"1"}}
	list, err := c.call(ctx, http.MethodGet, "/"+users, one, nil, "")
	switch code := status(err); {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		add("Sign in", false, "%s", fault.Sentence(err))
		return out
	case code == 0 && err != nil:
		add("SCIM", false, "%s", fault.Sentence(err))
		return out
	}
	add("Sign in", true, "The %s is accepted.", c.credential())
	if _, ok := get(list.resource, "totalResults").(float64); err != nil || !ok {
		add("Users", false, "%s", detail(err, "The answer is no SCIM list. Check the base address: it usually ends in /scim/v2."))
		return out
	}
	add("Users", true, "Users can be read.")
	if _, err := c.call(ctx, http.MethodGet, "/"+groups, one, nil, ""); err != nil {
		add("Groups", false, "%s", fault.Sentence(err))
		return out
	}
	add("Groups", true, "Groups can be read.")
	if supported, said := get(child(a.resource, "patch"), "supported").(bool); said && !supported {
		add("Changes", true, "The service has no PATCH; whole entries are sent instead.")
	} else {
		add("Changes", true, "Single attributes are changed with PATCH.")
	}
	return out
}

func detail(err error, otherwise string) string {
	if err != nil {
		return fault.Sentence(err)
	}
	return otherwise
}
