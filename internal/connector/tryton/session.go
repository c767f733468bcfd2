package tryton

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"joinery/internal/connector/hris"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// secretAfter is how long a password that was read counts: one that is revoked or
// changed ends the session opened with it.
const secretAfter = 2 * time.Second

// session is a sign-in and what Tryton said to send along with every call.
type session struct {
	key     secret.Value // the whole Authorization header
	context map[string]any
	with    [sha256.Size]byte
	knownAt time.Time
}

// sessionKey carries a session's header through a context to withSession.
type sessionKey struct{}

func (c *conn) withSession(ctx context.Context, req *http.Request) ([]secret.Value, error) {
	key, _ := ctx.Value(sessionKey{}).(secret.Value)
	req.Header.Set("Authorization", key.Reveal())
	return []secret.Value{key}, nil
}

// withoutSession serves sign-in, which carries the password in its body, and
// sign-out.
func (c *conn) withoutSession(ctx context.Context, req *http.Request) ([]secret.Value, error) {
	if key, ok := ctx.Value(sessionKey{}).(secret.Value); ok {
		req.Header.Set("Authorization", key.Reveal())
		return []secret.Value{key}, nil
	}
	if key, ok := ctx.Value(passwordKey{}).(secret.Value); ok {
		return []secret.Value{key}, nil
	}
	return nil, nil
}

type passwordKey struct{}

// session gives the session that counts, signing in when there is none. bad is
// one that the server no longer takes.
func (c *conn) session(ctx context.Context, bad secret.Value) (session, error) {
	c.signing.Lock()
	defer c.signing.Unlock()
	now := c.cfg.Now()
	if s := c.current; !s.key.Empty() && s.key.Reveal() != bad.Reveal() && now.Sub(s.knownAt) < secretAfter {
		return s, nil
	}
	password, err := c.cfg.Secret(ctx, credPassword)
	if err != nil {
		c.current = session{}
		return session{}, err
	}
	with := sha256.Sum256([]byte(password.Reveal()))
	if s := &c.current; !s.key.Empty() && s.key.Reveal() != bad.Reveal() && s.with == with {
		s.knownAt = now
		return *s, nil
	}
	c.current = session{}
	s, err := c.signIn(ctx, password)
	if err != nil {
		return session{}, err
	}
	s.with, s.knownAt = with, now
	c.current = s
	return s, nil
}

func (c *conn) signIn(ctx context.Context, password secret.Value) (session, error) {
	if password.Empty() {
		return session{}, fault.New(fault.Invalid, "The password is empty. Set it with the connection's credentials.")
	}
	a, err := c.open.Call(context.WithValue(ctx, passwordKey{}, password), http.MethodPost, c.path(), nil, call("common.db.login", c.set.user, map[string]any{"password": password.Reveal()}, "en"))
	switch {
	case fault.Is(err, fault.Forbidden):
		return session{}, fault.Wrap(fault.Forbidden, err, "Tryton did not let %s sign in: the login or the password is wrong. Correct the login in the settings, or set the password with the connection's credentials.", hris.Short(c.set.user))
	case fault.Is(err, fault.NotFound):
		return session{}, fault.Wrap(fault.Invalid, err, "Tryton has no database %s. Correct its name in the settings.", hris.Short(c.set.database))
	case err != nil:
		return session{}, err
	}
	result, err := c.result(a)
	if err != nil {
		return session{}, err
	}
	pair, _ := result.([]any)
	if len(pair) != 2 || hris.Plain(pair[0]) == "" || hris.Plain(pair[1]) == "" {
		return session{}, fault.Wrap(fault.Invalid, errShape, "%s did not answer as Tryton does. Check the address and the database.", c.set.base.Host)
	}
	s := session{key: secret.New("Session " + base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s:%s:%s", c.set.user, hris.Plain(pair[0]), hris.Plain(pair[1]))))}
	a, err = c.signedIn.Call(context.WithValue(ctx, sessionKey{}, s.key), http.MethodPost, c.path(), nil, call("model.res.user.get_preferences", true, map[string]any{}))
	if err != nil {
		return session{}, err
	}
	if result, err = c.result(a); err != nil {
		return session{}, err
	}
	s.context, _ = result.(map[string]any)
	if s.context == nil {
		s.context = map[string]any{}
	}
	s.context["language"] = "en" // what it says is read here
	return s, nil
}

// rpc calls a method. The session's context goes last, with more added to it. A
// session that has ended is renewed once.
func (c *conn) rpc(ctx context.Context, more map[string]any, method string, params ...any) (any, error) {
	var bad secret.Value
	for range 2 {
		s, err := c.session(ctx, bad)
		if err != nil {
			return nil, err
		}
		with := maps.Clone(s.context)
		maps.Copy(with, more)
		all := append(append([]any{}, params...), with)
		a, err := c.signedIn.Call(context.WithValue(ctx, sessionKey{}, s.key), http.MethodPost, c.path(), nil, call(method, all...))
		if fault.Is(err, fault.Forbidden) { // 401: nothing was done
			bad = s.key
			continue
		}
		if err != nil {
			return nil, err
		}
		return c.result(a)
	}
	return nil, fault.New(fault.Forbidden, "Tryton ends each session at once. Its user may have been deactivated, or may not sign in from here.")
}

// result takes the result out of an answer. Tryton says what went wrong in an
// answer with status 200.
func (c *conn) result(a hris.Answer) (any, error) {
	m, ok := a.Body.(map[string]any)
	if !ok {
		return nil, fault.Wrap(fault.Invalid, errShape, "%s did not answer as Tryton does. Check the address and the database.", c.set.base.Host)
	}
	if e, failed := m["error"]; failed {
		list, _ := e.([]any)
		return nil, explain(list)
	}
	if _, ok := m["result"]; !ok {
		return nil, fault.Wrap(fault.Invalid, errShape, "%s did not answer as Tryton does. Check the address and the database.", c.set.base.Host)
	}
	return m["result"], nil
}

// explain turns an error of the protocol into a fault: [name, arguments] for
// those that are meant for people, [text, traceback] for a failure inside.
func explain(list []any) error {
	if len(list) == 0 {
		return fault.Wrap(fault.Invalid, errShape, "Tryton failed and did not say why.")
	}
	name, _ := list[0].(string)
	said := ""
	if len(list) > 1 {
		args := list[1]
		if all, ok := args.([]any); ok && name == "UserWarning" && len(all) > 1 {
			args = all[1:] // the first is the warning's key
		}
		said = words(args)
	}
	cause := fmt.Errorf("%s: %s", name, hris.Short(said))
	said = strings.TrimRight(hris.Short(said), ". ")
	switch name {
	case "UserError":
		switch {
		case strings.Contains(said, "not allowed to"):
			return fault.Wrap(fault.Forbidden, cause, "Tryton does not allow this to Joinery's user. It says: %s. Give the user the right in Tryton.", said)
		case strings.Contains(said, "don't exist anymore") || strings.Contains(said, "does not exist"):
			return fault.Wrap(fault.NotFound, cause, "Tryton does not have what was asked for. It says: %s.", said)
		}
		return fault.Wrap(fault.Invalid, cause, "Tryton refused it. It says: %s.", said)
	case "UserWarning":
		return fault.Wrap(fault.Invalid, cause, "Tryton asks a question that a person must answer. It says: %s. Make the change in Tryton, or switch the warning off for Joinery's user.", said)
	case "ConcurrencyException":
		return fault.Wrap(fault.Conflict, cause, "Somebody changed the record in Tryton at the same moment. Look at it again and decide.")
	case "LoginException":
		return fault.Wrap(fault.Invalid, cause, "Tryton asks for more than a password to sign in. Let Joinery's user sign in with the password alone.")
	case "RateLimitException":
		return fault.Wrap(fault.Unavailable, cause, "Tryton asks us to call less often.")
	}
	// The text is a Python exception's, the rest its traceback, which stays in the log.
	for _, sign := range []string{"OperationalError", "could not serialize", "deadlock", "LockNotAvailable", "server closed the connection", "QueryCanceled", "InterfaceError"} {
		if strings.Contains(name+said, sign) {
			return fault.Wrap(fault.Unavailable, cause, "Tryton's database is busy or not available just now.")
		}
	}
	return fault.Wrap(fault.Invalid, cause, "Tryton stopped with an error of its own: %s. A field in the settings may not exist there; its log says more.", hris.Short(name))
}

// words joins what an error says to people: a message and a description.
func words(x any) string {
	switch v := x.(type) {
	case string:
		return strings.TrimSpace(v)
	case []any:
		var out []string
		for _, e := range v {
			if s, ok := e.(string); ok && strings.TrimSpace(s) != "" {
				out = append(out, strings.TrimSpace(s))
			}
		}
		return strings.Join(out, " ")
	}
	return ""
}
