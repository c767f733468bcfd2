package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"syscall"

	"joinery/internal/fault"
)

func explainLookup(host string, err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return fault.Wrap(fault.Unavailable, err, "No address was found for %s. Check the spelling, or the name server.", short(host))
	}
	return fault.Wrap(fault.Unavailable, err, "The name server did not answer for %s.", short(host))
}

func explainDial(host string, port uint16, err error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault.Wrap(fault.Unavailable, err, "%s refused the connection on port %d: nothing listens there.", short(host), port)
	case errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Unavailable, err, "The call to %s was stopped before it was answered.", short(host))
	case isTimeout(err):
		return fault.Wrap(fault.Unavailable, err, "%s did not answer on port %d in time.", short(host), port)
	}
	return fault.Wrap(fault.Unavailable, err, "%s could not be reached on port %d.", short(host), port)
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}

// ExplainTLS turns a failed handshake into a fault that names what is wrong with
// the certificate; other errors give nil. Certificates do not mend by waiting,
// so these are never Unavailable.
func ExplainTLS(host string, err error) error {
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		alert    tls.AlertError
		verify   *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &unknown):
		return fault.Wrap(fault.Invalid, err, "The certificate of %s is signed by an authority we do not know. Put that authority's certificate (PEM) into the settings.", short(host))
	case errors.As(err, &hostname):
		return fault.Wrap(fault.Invalid, err, "The certificate of %s is for another name (%s). Use a name from the certificate, or give the server a matching one.", short(host), short(names(hostname.Certificate)))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fault.Wrap(fault.Invalid, err, "The certificate of %s is not valid now: it runs from %s to %s.", short(host),
			invalid.Cert.NotBefore.Format("2 Jan 2006"), invalid.Cert.NotAfter.Format("2 Jan 2006"))
	case errors.As(err, &invalid), errors.As(err, &verify):
		return fault.Wrap(fault.Invalid, err, "The certificate of %s cannot be accepted.", short(host))
	case errors.As(err, &record):
		return fault.Wrap(fault.Invalid, err, "%s does not speak TLS on this port. Check the port and the kind of encryption.", short(host))
	case errors.As(err, &alert):
		return fault.Wrap(fault.Invalid, err, "%s ended the TLS handshake. It may offer only versions before TLS 1.2, or ask for a client certificate.", short(host))
	}
	// The standard library has no type for a server that offers old versions only.
	if err != nil && (contains(err, "protocol version not supported") || contains(err, "unsupported protocol version") || contains(err, "unsupported versions")) {
		return fault.Wrap(fault.Invalid, err, "%s offers only versions before TLS 1.2, which are not safe. Switch on TLS 1.2 or 1.3 there.", short(host))
	}
	return nil
}

func names(c *x509.Certificate) string {
	if c == nil {
		return "none"
	}
	out := ""
	for _, n := range c.DNSNames {
		out += n + " "
	}
	for _, ip := range c.IPAddresses {
		out += ip.String() + " "
	}
	if out == "" {
		return "it names none; the subject alone does not count"
	}
	return out[:len(out)-1]
}
