// Package connectortest holds what every connector is tested with: the
// conformance suite of a directory, and real servers that the tests start
// themselves on free loopback ports (OpenLDAP's slapd, a SCIM server from npm).
package connectortest
