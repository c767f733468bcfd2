package ldap

import (
	"context"
	"strconv"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/fault"
)

const (
	// lockedForEver is what the password policy draft calls locked by an
	// administrator; any other time is a lock after wrong passwords.
	lockedForEver = "000001010000Z"
	// adDisabled is the ACCOUNTDISABLE bit of userAccountControl, adNormal the
	// NORMAL_ACCOUNT bit.
	adDisabled = 0x2
	adNormal   = 0x200
)

// enabled reads whether an entry may sign in.
func (c *conn) enabled(e *goldap.Entry) bool {
	switch c.set.disableBy {
	case "userAccountControl":
		n, err := strconv.ParseInt(get(e, "userAccountControl"), 10, 64)
		return err == nil && n&adDisabled == 0
	case "nsAccountLock":
		return !fold(get(e, "nsAccountLock"), "true")
	case "off":
		return true
	}
	return get(e, "pwdAccountLockedTime") != lockedForEver
}

// disabledAttribute gives what a new entry carries to be disabled from birth.
func (c *conn) disabledAttribute() (name, value string, err error) {
	switch c.set.disableBy {
	case "userAccountControl":
		return "userAccountControl", strconv.Itoa(adNormal | adDisabled), nil
	case "nsAccountLock":
		return "nsAccountLock", "true", nil
	case "off":
		return "", "", fault.New(fault.Invalid, "This connection is set not to disable accounts, so it cannot make a disabled one. Change the settings or create it enabled.")
	}
	return "pwdAccountLockedTime", lockedForEver, nil
}

// SetEnabled enables or disables an account.
func (c *conn) SetEnabled(ctx context.Context, id string, enabled bool) (bool, error) {
	e, err := c.entry(ctx, id, wanted)
	if err != nil {
		return false, err
	}
	if e == nil {
		return false, noAccount(id)
	}
	if c.enabled(e) == enabled {
		return false, nil
	}
	return true, c.setEnabled(ctx, e, enabled)
}

func (c *conn) setEnabled(ctx context.Context, e *goldap.Entry, enabled bool) error {
	req := goldap.NewModifyRequest(e.DN, nil)
	if c.set.disableBy == "userAccountControl" {
		n, err := strconv.ParseInt(get(e, "userAccountControl"), 10, 64)
		if err != nil {
			n = adNormal
		}
		if n |= adDisabled; enabled {
			n &^= adDisabled
		}
		req.Replace("userAccountControl", []string{strconv.FormatInt(n, 10)})
	} else {
		name, value, err := c.disabledAttribute()
		if err != nil {
			return err
		}
		if enabled {
			req.Replace(name, nil)
		} else {
			req.Replace(name, []string{value})
		}
	}
	err := c.do(ctx, func(l *goldap.Conn) error { return l.Modify(req) })
	if goldap.IsErrorAnyOf(err, goldap.LDAPResultUndefinedAttributeType) && c.set.disableBy == "pwdAccountLockedTime" {
		return fault.Wrap(fault.Invalid, err, "The directory cannot lock accounts: its password policy overlay is not loaded. Load it, or choose another way to disable in the connection's settings.")
	}
	if goldap.IsErrorAnyOf(err, goldap.LDAPResultUnwillingToPerform) && c.ad() && enabled {
		return fault.Wrap(fault.Invalid, err, "Active Directory does not enable an account without a password that meets its rules. Set a password first.")
	}
	return explain("enable or disable an account", err)
}

func noAccount(id string) error {
	return fault.New(fault.NotFound, "There is no account %s below the people base. It may have been deleted or moved.", short(id))
}
