package ldap

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"unicode/utf16"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/connector"
	"joinery/internal/fault"
	"joinery/internal/secret"
)

// EnsureAccount finds the account with the stamp or makes it.
func (c *conn) EnsureAccount(ctx context.Context, want connector.Ensure) (connector.Account, error) {
	if want.Stamp == "" {
		return connector.Account{}, fault.New(fault.Internal, "An account was asked for without the joiner's mark.")
	}
	if err := c.checkName(want.Name); err != nil {
		return connector.Account{}, err
	}
	req, err := c.addRequest(want)
	if err != nil {
		return connector.Account{}, err
	}
	unlock, err := c.locks.Lock(ctx, want.Stamp)
	if err != nil {
		return connector.Account{}, err
	}
	defer unlock()

	if e, err := c.single(ctx, c.set.stamp, want.Stamp); err != nil || e != nil {
		return c.ours(ctx, e, want, err)
	}
	if e, err := c.single(ctx, c.set.login, want.Name); err != nil || e != nil {
		return c.named(ctx, e, want, err)
	}
	err = c.do(ctx, func(l *goldap.Conn) error { return l.Add(req) })
	if alreadyThere(err) {
		return c.collision(ctx, want, req, err)
	}
	if noSuchObject(err) {
		return connector.Account{}, fault.Wrap(fault.Invalid, err, "The directory has no entry %s to put accounts below. Check the people base in the connection's settings.", short(c.set.peopleBase))
	}
	if err != nil {
		return connector.Account{}, c.refusal(ctx, "create an account", req.DN, requested(req), err)
	}
	want.Attempted = true // what follows finishes our own account
	e, err := c.entry(ctx, req.DN, wanted)
	if err == nil && e == nil {
		err = fault.New(fault.Forbidden, "The account was created, but the bind account may not read it. Give it read access below the people base.")
	}
	return c.ours(ctx, e, want, err)
}

// ours completes an account that carries our stamp. An attempt that died between
// creating, setting the password and enabling is finished here.
func (c *conn) ours(ctx context.Context, e *goldap.Entry, want connector.Ensure, err error) (connector.Account, error) {
	if err != nil {
		return connector.Account{}, err
	}
	if want.Attempted {
		if e, err = c.finish(ctx, e, want); err != nil {
			return connector.Account{}, err
		}
	}
	a := c.account(e)
	a.Existed = !want.Attempted
	return a, nil
}

// finish gives our new account its password and its state.
func (c *conn) finish(ctx context.Context, e *goldap.Entry, want connector.Ensure) (*goldap.Entry, error) {
	dn := e.DN
	if !want.Password.Empty() {
		if err := c.setPassword(ctx, dn, want.Password); err != nil {
			return nil, err
		}
		// OpenLDAP's password policy unlocks an account whose password is set.
		var err error
		if e, err = c.reread(ctx, dn); err != nil {
			return nil, err
		}
	}
	if c.enabled(e) == want.Enabled {
		return e, nil
	}
	if err := c.setEnabled(ctx, e, want.Enabled); err != nil {
		return nil, err
	}
	return c.reread(ctx, dn)
}

// reread reads an account that was there a moment ago.
func (c *conn) reread(ctx context.Context, dn string) (*goldap.Entry, error) {
	e, err := c.entry(ctx, dn, wanted)
	if err == nil && e == nil {
		err = noAccount(dn)
	}
	return e, err
}

// named judges the account that has the name: ours when what an earlier try asked for
// was carried out after we looked for the mark, else someone else's.
func (c *conn) named(ctx context.Context, e *goldap.Entry, want connector.Ensure, err error) (connector.Account, error) {
	if err == nil && e != nil && get(e, c.set.stamp) == want.Stamp {
		return c.ours(ctx, e, want, nil)
	}
	return connector.Account{}, c.taken(e, want, err)
}

// taken says whose the name is.
func (c *conn) taken(e *goldap.Entry, want connector.Ensure, err error) error {
	if err != nil {
		return err
	}
	f := fault.New(fault.Conflict, "%s %q is taken in this directory by another account. Choose another name.", c.set.login, short(want.Name))
	if e != nil && get(e, c.set.stamp) != "" {
		f.Sentence = fault.New(fault.Conflict, "%s %q is taken in this directory by the account of another joiner or system. Choose another name.", c.set.login, short(want.Name)).Sentence
	}
	f.Key = "name"
	return f
}

// collision finds out what an "already exists" is about: our own lost attempt,
// the name, or another value that must be unique.
func (c *conn) collision(ctx context.Context, want connector.Ensure, req *goldap.AddRequest, cause error) (connector.Account, error) {
	if e, err := c.single(ctx, c.set.stamp, want.Stamp); err != nil || e != nil {
		return c.ours(ctx, e, want, err)
	}
	if e, err := c.single(ctx, c.set.login, want.Name); err != nil || e != nil {
		return c.named(ctx, e, want, err)
	}
	return connector.Account{}, c.refusal(ctx, "create an account", req.DN, requested(req), cause)
}

// requested gives the attributes of a request.
func requested(req *goldap.AddRequest) map[string][]string {
	out := map[string][]string{}
	for _, a := range req.Attributes {
		out[a.Type] = a.Vals
	}
	return out
}

// addRequest builds the entry of a new account.
func (c *conn) addRequest(want connector.Ensure) (*goldap.AddRequest, error) {
	attrs, err := c.attributes(want.Attributes)
	if err != nil {
		return nil, err
	}
	for name := range attrs {
		if len(attrs[name]) == 0 {
			delete(attrs, name)
		}
	}
	naming := want.Name
	if !fold(c.set.rdn, c.set.login) {
		if given := lookup(attrs, c.set.rdn); len(given) > 0 {
			naming = given[0]
		}
	}
	set(attrs, c.set.rdn, naming)
	set(attrs, c.set.login, want.Name)
	set(attrs, c.set.stamp, want.Stamp)
	if lookup(attrs, "cn") == nil {
		set(attrs, "cn", firstOf(lookup(attrs, "displayName"), want.Name))
	}
	if c.ad() && c.set.upnSuffix != "" && lookup(attrs, "userPrincipalName") == nil {
		set(attrs, "userPrincipalName", want.Name+"@"+c.set.upnSuffix)
	}
	// An Active Directory account is enabled only after its password is set.
	if c.ad() || !want.Enabled {
		name, value, err := c.disabledAttribute()
		if err != nil {
			return nil, err
		}
		set(attrs, name, value)
	}
	dn, err := c.dn(naming)
	if err != nil {
		return nil, err
	}
	req := goldap.NewAddRequest(dn, nil)
	req.Attribute("objectClass", c.set.classes)
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		req.Attribute(name, attrs[name])
	}
	return req, nil
}

// lookup and set know attribute names without regard to case.
func lookup(attrs map[string][]string, name string) []string {
	for k, v := range attrs {
		if fold(k, name) {
			return v
		}
	}
	return nil
}

func set(attrs map[string][]string, name, value string) {
	for k := range attrs {
		if fold(k, name) {
			delete(attrs, k)
		}
	}
	attrs[name] = []string{value}
}

func firstOf(vs []string, otherwise string) string {
	if len(vs) > 0 {
		return vs[0]
	}
	return otherwise
}

// setPassword sets a password the way the directory hashes it itself.
func (c *conn) setPassword(ctx context.Context, dn string, password secret.Value) error {
	err := c.do(ctx, func(l *goldap.Conn) error {
		if c.ad() {
			req := goldap.NewModifyRequest(dn, nil)
			req.Replace("unicodePwd", []string{unicodePassword(password.Reveal())})
			return l.Modify(req)
		}
		_, err := l.PasswordModify(goldap.NewPasswordModifyRequest(dn, "", password.Reveal()))
		return err
	})
	if aboutPassword(err) {
		if said := diagnostic(err); contains(said, "existing value") || contains(said, "history") {
			return nil // an earlier attempt of ours had set it
		}
		return fault.Wrap(fault.Invalid, err, "The directory refused the password: it does not meet its rules. Make it longer or stronger.")
	}
	return explain("set a password", err)
}

// unicodePassword is the form Active Directory wants: in quotes, UTF-16LE.
func unicodePassword(password string) string {
	units := utf16.Encode([]rune(`"` + password + `"`))
	out := make([]byte, 0, 2*len(units))
	for _, u := range units {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return string(out)
}
