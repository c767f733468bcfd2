package web

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/review"
)

const v1 = "/api/v1"

// apiOp is one operation of the API: its route, and what the OpenAPI document says
// about it. The document is made of this list, so neither can lack the other.
type apiOp struct {
	route
	summary string
	// in and out name schemas; "" for none. query lists the parameters.
	in, out string
	status  int
	query   []string
}

func (s *Server) apiRoutes() []route {
	var out []route
	for _, op := range s.apiOps() {
		if op.needs != auth.Public {
			op.act = strictly(op)
		}
		out = append(out, op.route)
	}
	return out
}

// apiOps are all operations of the API. Paths are those of the contract.
func (s *Server) apiOps() []apiOp {
	ops := []apiOp{
		{route{get, v1 + "/reviews", auth.ArtifactRead, s.apiReviews}, "List reviews", "", "ReviewPage", 200, []string{"state", "limit", "cursor"}},
		{route{get, v1 + "/reviews/:id", auth.ArtifactRead, s.apiReviewShow}, "Read a review", "", "Review", 200, nil},
		{route{post, v1 + "/reviews/:id/approve", auth.ReviewDecide, s.apiApprove}, "Approve exactly one hash; the revision goes live", "Approve", "Release", 200, nil},
		{route{post, v1 + "/reviews/:id/request-changes", auth.ReviewDecide, s.apiRequestChanges}, "Send a revision back to its authors", "Comment", "Review", 200, nil},
		{route{post, v1 + "/reviews/:id/comments", auth.ReviewComment, s.apiComment}, "Comment on a review", "Body", "Review", 201, nil},

		{route{post, v1 + "/functions/drafts", auth.ArtifactWrite, s.apiDraftAsk}, "Ask the language model for a function, or for a change of one", "DraftAsk", "ID", 202, nil},
		{route{get, v1 + "/functions/drafts/:id", auth.ReviewComment, s.apiDraftShow}, "Read what was asked for and what came of it", "", "Draft", 200, nil},
		{route{get, v1 + "/functions/drafts/:id/stream", auth.ReviewComment, s.apiDraftStream}, "Follow it as server-sent events", "", "Draft", 200, nil},
		{route{post, v1 + "/functions/drafts/:id/confirm", auth.ArtifactWrite, s.apiDraftConfirm}, "Confirm the restated intent, or a corrected one; tests and code are written then", "DraftConfirm", "ID", 202, nil},
		{route{post, v1 + "/functions/drafts/:id/prompts", auth.ArtifactWrite, s.apiDraftFollow}, "Ask for a change of what was drafted", "DraftPrompt", "ID", 202, nil},
		{route{post, v1 + "/functions/drafts/:id/cancel", auth.ArtifactWrite, s.apiDraftCancel}, "Cancel what is under way", "", "ID", 202, nil},
		{route{post, v1 + "/functions/drafts/:id/retry", auth.ArtifactWrite, s.apiDraftRetry}, "Go on from the stage that failed", "", "ID", 202, nil},

		{route{put, v1 + "/connections/:key/credentials/:name", auth.CredentialWrite, s.apiCredentialSet}, "Set or rotate a credential; the value is never given back", "CredentialSet", "Credential", 201, nil},
		{route{post, v1 + "/connections/:key/test", auth.ConnectionTest, s.apiConnectionTest}, "Try a connection's newest settings", "", "Findings", 200, nil},
		{route{get, v1 + "/credentials", auth.CredentialRead, s.apiCredentials}, "The inventory of credentials", "", "CredentialPage", 200, []string{"connection", "limit", "cursor"}},
		{route{post, v1 + "/credentials/:id/rotate", auth.CredentialWrite, s.apiCredentialRotate}, "Set a new value", "Rotate", "Credential", 201, nil},
		{route{post, v1 + "/credentials/:id/revoke", auth.CredentialWrite, s.apiCredentialRevoke}, "End a value at once", "Reason", "Credential", 200, nil},

		{route{post, v1 + "/flows/:key/runs", auth.RunSimulate, s.apiRunStart}, "Start a live or simulated run by hand", "RunStart", "ID", 202, nil},
		{route{post, v1 + "/flows/:key/bulk", auth.RunStart, s.apiBulk}, "Start a live run of each worker in a CSV or JSON Lines list", "Lines", "Started", 202, nil},
		{route{post, v1 + "/flows/:key/lists", auth.RunStart, s.apiListAdd}, "Read a list of people (CSV or JSON Lines) for a flow; nothing is started", "Lines", "List", 201, nil},
		{route{get, v1 + "/lists", auth.RunRead, s.apiLists}, "Lists of people, newest first", "", "ListPage", 200, []string{"flow", "limit", "cursor"}},
		{route{get, v1 + "/lists/:id", auth.RunRead, s.apiListShow}, "Read a list with its report and stages", "", "List", 200, nil},
		{route{post, v1 + "/lists/:id/columns", auth.RunStart, s.apiListColumns}, "Say what the columns are", "ListColumns", "List", 200, nil},
		{route{post, v1 + "/lists/:id/check", auth.RunStart, s.apiListCheck}, "Work out what the runs of a list would do; state becomes checked", "ListCheck", "List", 202, nil},
		{route{post, v1 + "/lists/:id/approve", auth.LimitLift, s.apiListApprove}, "Agree to a list as the second person, by the hash of what was seen", "Second", "List", 200, nil},
		{route{get, v1 + "/limits", auth.RunRead, s.apiLimits}, "What second persons are asked and have decided about limits, newest first", "", "LiftPage", 200, []string{"state", "limit", "cursor"}},
		{route{get, v1 + "/limits/:id", auth.RunRead, s.apiLimitShow}, "Read one, with its hash", "", "Lift", 200, nil},
		{route{post, v1 + "/limits/:id/approve", auth.LimitLift, s.apiLimitDecide(true)}, "Agree as the second person: these runs go past the limit", "Second", "Lift", 200, nil},
		{route{post, v1 + "/limits/:id/refuse", auth.LimitLift, s.apiLimitDecide(false)}, "Refuse: the runs stay parked", "Second", "Lift", 200, nil},
		{route{post, v1 + "/flows/:key/parked", auth.RunOperate, s.apiLetGo}, "Let runs go that a limit stopped, the oldest first; more than one person may needs a second one", "LetGo", "WentOn", 202, nil},
		{route{post, v1 + "/lists/:id/start", auth.RunStart, s.apiListStart}, "Start the first stage of a list", "ListStart", "List", 202, nil},
		{route{post, v1 + "/lists/:id/continue", auth.RunStart, s.apiListContinue}, "Start the next stage of a list", "ListContinue", "List", 202, nil},
		{route{get, v1 + "/runs", auth.RunRead, s.apiRuns}, "List runs, newest first", "", "RunPage", 200, []string{"flow", "state", "joiner", "since", "q", "mode", "limit", "cursor"}},
		{route{get, v1 + "/runs/:id", auth.RunRead, s.apiRunShow}, "Read a run with its steps", "", "Run", 200, nil},
		{route{post, v1 + "/runs/:id/retry", auth.RunOperate, s.apiOperate(func(c *fiber.Ctx, who auth.Actor, id, _ string) error { return s.DB.RetryRun(c.UserContext(), who, id) })}, "Run again from where it stopped", "OptionalReason", "Run", 202, nil},
		{route{post, v1 + "/runs/:id/cancel", auth.RunOperate, s.apiOperate(func(c *fiber.Ctx, who auth.Actor, id, why string) error {
			return s.DB.CancelRun(c.UserContext(), who, id, why)
		})}, "Cancel a run", "OptionalReason", "Run", 202, nil},
		{route{post, v1 + "/runs/:id/compensate", auth.RunOperate, s.apiOperate(func(c *fiber.Ctx, who auth.Actor, id, why string) error {
			return s.DB.CompensateRun(c.UserContext(), who, id, why)
		})}, "Undo what a run did", "Reason", "Run", 202, nil},
		{route{post, v1 + "/runs/:id/resume", auth.RunOperate, s.apiOperate(func(c *fiber.Ctx, who auth.Actor, id, why string) error {
			return s.DB.ResumeRun(c.UserContext(), who, id, why)
		})}, "Let a parked run go on", "Reason", "Run", 202, nil},
		{route{post, v1 + "/runs/:id/skip", auth.RunOperate, s.apiSkip}, "Go on after a failed step", "Skip", "Run", 202, nil},
		{route{get, v1 + "/signoffs", auth.RunRead, s.apiSignoffs}, "List the sign-offs that wait for an answer", "", "SignoffPage", 200, []string{"limit", "cursor"}},
		{route{post, v1 + "/signoffs/:id", auth.SignedIn, s.apiSignoffDecide}, "Answer a sign-off", "Decision", "Decided", 200, nil},

		{route{get, v1 + "/events", auth.RunRead, s.apiEvents}, "List events, newest first", "", "EventPage", 200, []string{"connection", "state", "type", "joiner", "q", "limit", "cursor"}},
		{route{get, v1 + "/events/:id", auth.RunRead, s.apiEventShow}, "Read an event", "", "Event", 200, nil},
		{route{post, v1 + "/events/:id/replay", auth.RunOperate, s.apiEventReplay}, "Replay an event or a dead letter", "", "Replayed", 202, nil},
		{route{get, v1 + "/exceptions", auth.RunRead, s.apiExceptions}, "List exceptions that are not resolved, newest first", "", "ExceptionPage", 200, []string{"state", "kind", "connection", "joiner", "q", "limit", "cursor"}},
		{route{get, v1 + "/exceptions/:id", auth.RunRead, s.apiExceptionShow}, "Read an exception with its story", "", "Exception", 200, nil},
		{route{post, v1 + "/exceptions/:id/resolve", auth.SignoffDecide, s.apiExceptionResolve}, "Accept HR's value, push ours again, or let it stay until a date", "Resolve", "Exception", 200, nil},
		{route{get, v1 + "/joiners", auth.RunRead, s.apiJoiners}, "List joiners, newest first", "", "JoinerPage", 200, []string{"q", "limit", "cursor"}},
		{route{get, v1 + "/joiners/:id", auth.RunRead, s.apiJoinerShow}, "Read a joiner with accounts and runs", "", "Joiner", 200, nil},
		{route{get, v1 + "/names", auth.RunRead, s.apiNames}, "List names, newest first; q finds a name in any spelling that its space takes for the same", "", "NamePage", 200, []string{"q", "space", "state", "joiner", "limit", "cursor"}},
		{route{post, v1 + "/names/:id/release", auth.RunOperate, s.apiNameRelease}, "Give a name free for everybody", "Reason", "Name", 200, nil},
		{route{get, v1 + "/audit", auth.AuditRead, s.apiAuditList}, "Sealed audit records in the order of the chain", "", "AuditPage", 200, []string{"after", "limit", "cursor"}},
		{route{get, v1 + "/openapi.json", auth.Public, s.apiDocument}, "This document", "", "Anything", 200, nil},
	}
	for _, k := range artifact.Published() {
		ops = append(ops, apiOp{route{get, v1 + "/schemas/" + string(k) + ".json", auth.Public, s.apiSchema(k)}, "The JSON Schema of a " + string(k) + "'s file", "", "Anything", 200, nil})
	}
	for _, k := range review.Kinds() {
		ops = append(ops, s.kindOps(k)...)
	}
	return ops
}

// kindOps are the operations that all kinds of artifact share.
func (s *Server) kindOps(k review.Kind) []apiOp {
	at, one := v1+"/"+k.Plural(), string(k)
	ops := []apiOp{
		{route{get, at, auth.ArtifactRead, s.apiArtifacts(k)}, "List: " + k.Plural(), "", "ArtifactPage", 200, []string{"q", "limit", "cursor"}},
		{route{get, at + "/:key", auth.ArtifactRead, s.apiArtifactShow(k)}, "Read a " + one + " with its newest content", "", "Artifact", 200, nil},
		{route{put, at + "/:key", auth.ArtifactWrite, s.apiArtifactPut(k)}, "Save a " + one + " as a revision (200 when nothing changed)", "Put", "Saved", 201, nil},
		{route{get, at + "/:key/revisions", auth.ArtifactRead, s.apiRevisions(k)}, "List the revisions of a " + one, "", "RevisionPage", 200, []string{"limit", "cursor"}},
		{route{get, at + "/:key/revisions/:n", auth.ArtifactRead, s.apiRevisionShow(k)}, "Read a revision", "", "Revision", 200, nil},
		{route{get, at + "/:key/diff", auth.ArtifactRead, s.apiDiff(k)}, "Compare two revisions", "", "Diff", 200, []string{"from", "to"}},
		{route{post, at + "/:key/reviews", auth.ArtifactWrite, s.apiReviewOpen(k)}, "Submit a revision for review", "Submit", "Review", 201, nil},
		{route{post, at + "/:key/restore", auth.ArtifactWrite, s.apiRestore(k)}, "Bring an earlier content back as a new revision", "Restore", "Saved", 201, nil},
		{route{post, at + "/:key/rollback", auth.ReleaseRollback, s.apiRollback(k)}, "Make an earlier approved revision live", "Release_", "Release", 200, nil},
		{route{post, at + "/:key/breakglass", auth.BreakGlass, s.apiBreakGlass(k)}, "Release without approval; flagged until ratified", "Release_", "Release", 200, nil},
		{route{post, at + "/:key/ratify", auth.ReviewDecide, s.apiRatify(k)}, "A second person's word on what went live without approval", "Ratify", "Release", 200, nil},
	}
	if k == review.Policy {
		ops = append(ops, apiOp{route{post, at + "/:key/try", auth.ArtifactRead, s.apiPolicyTry}, "Decide for one joiner and say why; nothing is kept or written", "Try", "Tried", 200, nil})
	}
	if k == review.Flow {
		ops = append(ops, apiOp{route{post, at + "/:key/revisions/:n/backtests", auth.RunSimulate, s.apiBacktestAsk}, "Test a revision against past joiners; nothing is written", "BacktestAsk", "Backtest", 202, nil},
			apiOp{route{get, at + "/:key/backtests/:backtest", auth.RunRead, s.apiBacktestShow}, "Read a backtest with its report", "", "Backtest", 200, nil})
		ops = append(ops, apiOp{route{post, at + "/:key/refresh", auth.ReleaseRollback, s.apiRefresh(k)}, "Release again with the newest approved parts", "Reason", "Release", 200, nil})
	}
	return ops
}

// apiSchema is GET /api/v1/schemas/{kind}.json, for editors: what is published is
// what this version reads.
func (s *Server) apiSchema(kind review.Kind) handler {
	return func(c *fiber.Ctx, _ auth.Actor) error {
		schema, err := s.kinds().JSONSchema(kind)
		if err != nil {
			return err
		}
		text, err := artifact.SchemaText(schema)
		if err != nil {
			return err
		}
		c.Set("Content-Type", "application/json")
		return c.Status(http.StatusOK).Send(text)
	}
}
