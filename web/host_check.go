package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/fault"
)

// checkHost refuses a request that was meant for another name: a page of another
// site whose name was pointed at this server would otherwise count as our own.
// Known are the base URL's host and the very address the connection came in at.
// What proves itself by a signature or a token, and probes, may ask by any name.
func (s *Server) checkHost(c *fiber.Ctx) error {
	name, path := hostName(string(c.Request().Host())), c.Path()
	switch {
	case name == hostName(s.base.Host), path == "/healthz", path == "/readyz", strings.HasPrefix(path, "/hooks/"):
		return nil
	case (strings.HasPrefix(path, "/api/") || path == "/metrics") && c.Get("Authorization") != "":
		return nil // no session counts beside a token
	}
	here, _ := netip.AddrFromSlice(c.Context().LocalIP())
	here = here.Unmap()
	if name == "localhost" && here.IsLoopback() {
		return nil
	}
	if at, err := netip.ParseAddr(name); err == nil && at.Unmap() == here {
		return nil
	}
	return statusError{http.StatusMisdirectedRequest, fault.New(fault.Invalid, "This server answers to %s only. Open that address, or set JOINERY_BASE_URL to the address that browsers use.", s.base.Host)}
}

// hostName is a host without its port, as it is compared.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}
