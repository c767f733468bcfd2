// Package auth knows who acts and what they may do: actors, roles and
// permissions. It does not know where users are stored.
package auth

import "slices"

// Role is one of the six roles. A user may hold several.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"
	Builder  Role = "builder"
	Reviewer Role = "reviewer"
	Operator Role = "operator"
	Auditor  Role = "auditor"
	Admin    Role = "admin"
)

// Roles lists all roles in the order pages show them.
func Roles() []Role { return []Role{Viewer, Builder, Reviewer, Operator, Auditor, Admin} }

// Permission is one thing a route asks for.
type Permission string

// The permissions.
const (
	Public          Permission = "public"           // no sign-in: sign-in page, hooks, health
	SignedIn        Permission = "signed_in"        // any active user
	ArtifactRead    Permission = "artifact.read"    // flows, functions, policies, connections, reviews
	ArtifactWrite   Permission = "artifact.write"   // save revisions, submit for review
	ReviewComment   Permission = "review.comment"   // those who write and those who review
	ReviewDecide    Permission = "review.decide"    // approve, request changes
	ReleaseRollback Permission = "release.rollback" // roll back, re-release with newer pins
	BreakGlass      Permission = "breakglass"       // release without approval, flagged
	RunRead         Permission = "run.read"         // runs, joiners, events, home
	RunStart        Permission = "run.start"        // start a live run by hand
	RunSimulate     Permission = "run.simulate"     // start a simulated run
	RunOperate      Permission = "run.operate"      // retry, cancel, compensate, resume, replay events
	SignoffDecide   Permission = "signoff.decide"   // decide a sign-off addressed to one's role
	LimitLift       Permission = "limit.lift"       // let many people past a limit, as the second person
	PersonalRead    Permission = "personal.read"    // unredacted personal fields
	ConnectionTest  Permission = "connection.test"  // run Test connection
	CredentialRead  Permission = "credential.read"  // the inventory, never values
	CredentialWrite Permission = "credential.write" // set, rotate, revoke
	AuditRead       Permission = "audit.read"       // audit log and evidence
	UserManage      Permission = "user.manage"      // users and roles
	TokenManage     Permission = "token.manage"     // API tokens of anyone
	SystemRead      Permission = "system.read"      // system page, metrics
	SettingsManage  Permission = "settings.manage"  // settings
)

var granted = map[Role][]Permission{
	Viewer:   {ArtifactRead, RunRead},
	Builder:  {ArtifactRead, ArtifactWrite, ReviewComment, RunRead, RunSimulate, ConnectionTest, CredentialRead},
	Reviewer: {ArtifactRead, RunRead, RunSimulate, ReviewComment, ReviewDecide, ReleaseRollback, SignoffDecide, LimitLift, CredentialRead},
	Operator: {ArtifactRead, RunRead, RunStart, RunSimulate, RunOperate, SignoffDecide, LimitLift, PersonalRead, ConnectionTest, CredentialRead},
	Auditor:  {ArtifactRead, RunRead, CredentialRead, AuditRead, SystemRead},
	Admin: {ArtifactRead, ArtifactWrite, ReviewComment, ReviewDecide, ReleaseRollback, BreakGlass, RunRead, RunStart, RunSimulate, RunOperate,
		SignoffDecide, LimitLift, PersonalRead, ConnectionTest, CredentialRead, CredentialWrite, AuditRead, UserManage, TokenManage, SystemRead, SettingsManage},
}

// ActorKind says what sort of actor did something.
type ActorKind string

// The kinds of actor.
const (
	User   ActorKind = "user"
	Token  ActorKind = "token"  // an API token, acting for its owner
	System ActorKind = "system" // the engine, the sealer, start-up
	Hook   ActorKind = "hook"   // a webhook sender
)

// Actor is who acts. ID is stable ("u_…", "t_…", "system", "hook:key"). UserID is
// the person behind it: the user itself, or a token's owner; empty for the rest.
// Four-eyes rules compare UserID, so a person cannot be two people by token.
type Actor struct {
	Kind   ActorKind
	ID     string
	UserID string
	Name   string
	Email  string
	Roles  []Role
	// Address is the client's IP address, for the audit log.
	Address string
	// Lent marks a token that another person made for its owner. It may work, but
	// not decide: whoever holds it would count as the owner.
	Lent bool
}

// Engine is the actor of the durable engine and other machinery.
func Engine() Actor { return Actor{Kind: System, ID: "system", Name: "Joinery"} }

// Can reports whether the actor may do something.
func (a Actor) Can(p Permission) bool {
	if p == Public {
		return true
	}
	if a.UserID == "" {
		return false
	}
	if p == SignedIn {
		return true
	}
	if a.Lent && (p == ReviewDecide || p == SignoffDecide || p == LimitLift) {
		return false
	}
	for _, r := range a.Roles {
		if slices.Contains(granted[r], p) {
			return true
		}
	}
	return false
}

// Within reports whether all that a role may do is covered by other roles: a
// builder may give a token the role viewer.
func Within(r Role, owned []Role) bool {
	a := Actor{UserID: "-", Roles: owned}
	for _, p := range granted[r] {
		if !a.Can(p) {
			return false
		}
	}
	return len(granted[r]) > 0
}

// Has reports whether the actor holds a role.
func (a Actor) Has(r Role) bool { return slices.Contains(a.Roles, r) }

// ParseRole turns text into a role.
func ParseRole(s string) (Role, bool) {
	r := Role(s)
	return r, slices.Contains(Roles(), r)
}
