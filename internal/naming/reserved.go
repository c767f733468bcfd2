package naming

import "strings"

// reserved are names that belong to systems and to roles (RFC 2142 and the names
// that Windows, Unix and directories know), whatever a company adds.
var reserved = func() map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(`
		abuse admin administrator administrators admins hostmaster info mailer-daemon mailerdaemon marketing news noc no-reply noreply postmaster root sales security support usenet uucp webmaster www
		daemon bin sys sync games man lp mail proxy backup list irc nobody systemd sshd operator shutdown halt ftp adm wheel sudo
		con prn aux nul com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9
		guest krbtgt system network service everyone anonymous self owner public null undefined domain batch dialup interactive user users group groups test`) {
		out[w] = true
	}
	return out
}()

// Reserved reports whether a local part belongs to a system or a role; more are
// the company's own words.
func (s Space) Reserved(local string, more []string) bool {
	key := fold(local)
	if !kinds[s.Kind].written && reserved[key] {
		return true
	}
	for _, w := range more {
		if k := fold(w); k != "" && k == key {
			return true
		}
	}
	return false
}
