package ldap

import (
	"errors"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"joinery/internal/fault"
)

// Servers answer the same situation with different codes (measured: OpenLDAP,
// Samba AD, 389-ds), so situations are sets of codes.
func alreadyThere(err error) bool {
	return goldap.IsErrorAnyOf(err, goldap.LDAPResultEntryAlreadyExists, goldap.LDAPResultConstraintViolation, goldap.LDAPResultAttributeOrValueExists)
}

func alreadyGone(err error) bool {
	return goldap.IsErrorAnyOf(err, goldap.LDAPResultNoSuchAttribute, goldap.LDAPResultNoSuchObject, goldap.LDAPResultUnwillingToPerform)
}

func noSuchObject(err error) bool {
	return goldap.IsErrorWithCode(err, goldap.LDAPResultNoSuchObject)
}

// aboutPassword tells a refused password from a taken name; both are code 19.
func aboutPassword(err error) bool {
	text := strings.ToLower(diagnostic(err))
	return goldap.IsErrorAnyOf(err, goldap.LDAPResultConstraintViolation, goldap.LDAPResultUnwillingToPerform) &&
		(strings.Contains(text, "password") || strings.Contains(text, "0000052d"))
}

// explain turns what a directory answered into a fault. doing completes the
// sentence "The directory refused to …".
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return err
	}
	var e *goldap.Error
	if !errors.As(err, &e) {
		return fault.Wrap(fault.Unavailable, err, "The connection to the directory broke while trying to %s.", doing)
	}
	said := diagnostic(err)
	if said != "" {
		said = " It says: " + said + "."
	}
	switch e.ResultCode {
	case goldap.ErrorNetwork, goldap.LDAPResultServerDown:
		return fault.Wrap(fault.Unavailable, err, "The connection to the directory broke while trying to %s.", doing)
	case goldap.LDAPResultBusy, goldap.LDAPResultUnavailable, goldap.LDAPResultTimeLimitExceeded, goldap.LDAPResultTimeout, goldap.LDAPResultConnectError:
		return fault.Wrap(fault.Unavailable, err, "The directory is busy or not available just now.%s", said)
	case goldap.LDAPResultSizeLimitExceeded, goldap.LDAPResultAdminLimitExceeded:
		return fault.Wrap(fault.Invalid, err, "The directory cut its answer off at a limit while trying to %s. Raise the limit for the bind account, or choose a narrower base.", doing)
	case goldap.LDAPResultInsufficientAccessRights:
		return fault.Wrap(fault.Forbidden, err, "The bind account has no right to %s.%s", doing, said)
	case goldap.LDAPResultNoSuchObject:
		return fault.Wrap(fault.NotFound, err, "The directory has no such entry to %s.%s", doing, said)
	case goldap.LDAPResultObjectClassViolation:
		return fault.Wrap(fault.Invalid, err, "The entry does not fit its object classes: an attribute is missing or not allowed.%s", said)
	case goldap.LDAPResultUndefinedAttributeType, goldap.LDAPResultNoSuchAttribute:
		return fault.Wrap(fault.Invalid, err, "The directory does not know one of the attributes.%s", said)
	case goldap.LDAPResultInvalidAttributeSyntax, goldap.LDAPResultInvalidDNSyntax:
		return fault.Wrap(fault.Invalid, err, "A value has not the form that its attribute needs.%s", said)
	case goldap.LDAPResultEntryAlreadyExists, goldap.LDAPResultConstraintViolation, goldap.LDAPResultAttributeOrValueExists:
		return fault.Wrap(fault.Conflict, err, "The directory refused to %s because a value is taken or against its rules.%s", doing, said)
	case goldap.LDAPResultUnwillingToPerform:
		return fault.Wrap(fault.Invalid, err, "The directory is not willing to %s.%s", doing, said)
	case goldap.LDAPResultReferral:
		return fault.Wrap(fault.Invalid, err, "The directory sends us to another server to %s. Use the address of the server that may write.", doing)
	case goldap.LDAPResultNotAllowedOnRDN, goldap.LDAPResultNamingViolation:
		return fault.Wrap(fault.Invalid, err, "The directory refused to %s because it would change the name of the entry.%s", doing, said)
	case goldap.LDAPResultStrongAuthRequired, goldap.LDAPResultConfidentialityRequired:
		return fault.Wrap(fault.Invalid, err, "The directory wants an encrypted connection. Choose TLS or StartTLS.")
	}
	return fault.Wrap(fault.Invalid, err, "The directory refused to %s (result %d).%s", doing, e.ResultCode, said)
}

// adBind says in words what Active Directory hides in "data 52e".
var adBind = map[string]string{
	"52e": "The name or the password is wrong.", "525": "There is no such account.", "530": "It may not sign in at this time.",
	"531": "It may not sign in from this machine.", "532": "Its password has expired.", "533": "It is disabled.",
	"701": "It has expired.", "773": "Its password must be changed first.", "775": "It is locked after too many wrong passwords.",
}

func explainBind(dn string, err error) error {
	if !goldap.IsErrorAnyOf(err, goldap.LDAPResultInvalidCredentials, goldap.LDAPResultUnwillingToPerform, goldap.LDAPResultInappropriateAuthentication) {
		return explain("let "+short(dn)+" sign in", err)
	}
	why := "The password is wrong, or the account is unknown or locked."
	for code, sentence := range adBind {
		if strings.Contains(err.Error(), "data "+code) {
			why = sentence
		}
	}
	return fault.Wrap(fault.Forbidden, err, "The directory did not let %s sign in. %s Check the bind account and its password.", short(dn), why)
}

// diagnostic gives the server's own words, short and harmless.
func diagnostic(err error) string {
	var e *goldap.Error
	if !errors.As(err, &e) || e.Err == nil || e.ResultCode >= goldap.ErrorNetwork {
		return ""
	}
	return strings.TrimRight(short(e.Err.Error()), ". ")
}

// short makes a foreign text fit for a sentence.
func short(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if r := []rune(s); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return strings.TrimSpace(s)
}
