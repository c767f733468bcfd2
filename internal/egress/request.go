package egress

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"joinery/internal/fault"
)

// Target is one line of an approved list of places a flow may call:
// "https://api.example.com/v1", or with methods "GET,POST https://api.example.com".
type Target struct {
	Methods []string // empty: any
	Scheme  string
	Host    string // lower case
	Port    string
	Path    string // prefix, at a segment boundary; "/" is all
}

// ParseTarget reads a target.
func ParseTarget(text string) (Target, error) {
	bad := fault.New(fault.Invalid, "%q is not a place to call. Write https://host/path, maybe with methods before it: GET,POST https://host/path.", short(text))
	var t Target
	methods, address, two := strings.Cut(strings.TrimSpace(text), " ")
	if !two {
		address = methods
	} else {
		for m := range strings.SplitSeq(methods, ",") {
			if m = strings.ToUpper(strings.TrimSpace(m)); m != "" {
				t.Methods = append(t.Methods, m)
			}
		}
	}
	if !strings.Contains(address, "://") {
		address = "https://" + strings.TrimSpace(address)
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return Target{}, bad
	}
	t.Scheme, t.Host, t.Port, t.Path = u.Scheme, normalHost(u.Hostname()), port(u), cleanPath(u.Path)
	return t, nil
}

// CheckTarget gives the parsed address when one of the targets covers the
// request, else fault.Forbidden.
func CheckTarget(allowed []Target, method, address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, fault.New(fault.Invalid, "%q is not an address that can be called. Write https://host/path.", short(address))
	}
	if u.User != nil {
		return nil, fault.New(fault.Forbidden, "The address of %s holds a user name or password. Keep them in the credentials.", short(u.Hostname()))
	}
	if u.Opaque != "" || strings.ContainsAny(u.Path, "\\") || strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
		return nil, fault.New(fault.Forbidden, "The path of %q is not a plain one.", short(address))
	}
	clean := cleanPath(u.Path)
	for _, t := range allowed {
		if t.covers(method, u, clean) {
			return u, nil
		}
	}
	return nil, fault.New(fault.Forbidden, "%s %s://%s%s is not on the list of places this may call. Add it there and have it approved, or call another.",
		short(method), short(u.Scheme), short(u.Host), short(u.Path))
}

func (t Target) covers(method string, u *url.URL, clean string) bool {
	if len(t.Methods) > 0 && !slices.Contains(t.Methods, strings.ToUpper(method)) {
		return false
	}
	if u.Scheme != t.Scheme || normalHost(u.Hostname()) != t.Host || port(u) != t.Port {
		return false
	}
	return t.Path == "/" || clean == t.Path || strings.HasPrefix(clean, t.Path+"/")
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}

func cleanPath(p string) string { return path.Clean("/" + p) }

// ours are headers that belong to the connection or to us, never to a flow.
var ours = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Http2-Settings": true, "Host": true, "Content-Length": true, "Authorization": true, "Expect": true, "Forwarded": true, "Via": true,
	"X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Forwarded-Proto": true, "X-Real-Ip": true,
	"Metadata": true, "Metadata-Flavor": true, "X-Aws-Ec2-Metadata-Token": true, "X-Aws-Ec2-Metadata-Token-Ttl-Seconds": true,
}

// CleanHeader gives the headers a flow may send: without hop-by-hop headers,
// Host and Authorization, which are dropped, and refused when a name or value
// cannot be one (a line break would let data write headers of its own).
func CleanHeader(in http.Header) (http.Header, error) {
	out := make(http.Header, len(in)+2) // the transport adds its own
	var named []string
	for k, vs := range in {
		if !httpguts.ValidHeaderFieldName(k) {
			return nil, fault.New(fault.Invalid, "%q is not a header name.", short(k))
		}
		if strings.EqualFold(k, "Connection") {
			named = append(named, strings.Split(strings.Join(vs, ","), ",")...)
		}
		for _, v := range vs {
			if !httpguts.ValidHeaderFieldValue(v) {
				return nil, fault.New(fault.Invalid, "The value of header %s holds a line break or another control character.", short(k))
			}
			out.Add(k, v)
		}
	}
	for _, k := range named {
		out.Del(strings.TrimSpace(k))
	}
	for k := range out {
		if ours[k] {
			delete(out, k)
		}
	}
	return out, nil
}
