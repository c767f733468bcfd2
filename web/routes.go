package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"joinery/internal/auth"
	"joinery/internal/review"
)

// handler answers one route. It gets who asks; the guard has checked already that
// they may. What it returns as an error is rendered by errors.go.
type handler func(c *fiber.Ctx, who auth.Actor) error

// route is one line of the map. needs is the permission; auth.Public where no
// sign-in is needed. A route without a permission fails the start.
type route struct {
	method, path string
	needs        auth.Permission
	act          handler
}

const (
	get  = http.MethodGet
	post = http.MethodPost
	put  = http.MethodPut
)

// routes is the map of the site. An area adds its lines under a heading of its
// own, fixed paths before those with :parameters (the first match wins), and its
// handlers as methods of Server, one file per route, noun_verb.go:
//
//	func (s *Server) runShow(c *fiber.Ctx, who auth.Actor) error {
//		r, err := s.DB.RunDetail(c.UserContext(), c.Params("id"))
//		if err != nil {
//			return err // errors.go makes the page or the problem document
//		}
//		return s.show(c, who, frame{Title: r.Title, Crumbs: []ui.Link{{Text: "Runs", URL: "/runs"}}}, runs.Show(runShowPage(r)))
//	}
//
// After an act: return s.done(c, "/runs/"+id, "The run was canceled."). Forms carry
// @ui.CSRF(). A stream of fragments is s.live and its path ends in /live. An area
// shows up in the navigation (nav.go) as soon as its first route is here. API
// routes start with /api/v1/: tokens, problem documents and the CSRF exemption
// follow from the path.
func (s *Server) routes() []route {
	return slices.Concat(s.apiRoutes(), s.artifactRoutes(), []route{
		// Machinery.
		{get, "/static/:name", auth.Public, s.assetShow},
		{get, "/healthz", auth.Public, s.healthShow},
		{get, "/readyz", auth.Public, s.readyShow},
		{get, "/metrics", auth.SystemRead, s.metricsShow},
		{get, "/palette", auth.SignedIn, s.paletteFind},
		{post, "/hooks/:key", auth.Public, s.hookReceive},

		// Sign-in and one's own account.
		{get, "/sign-in", auth.Public, s.signInForm},
		{post, "/sign-in", auth.Public, s.signIn},
		{post, "/sign-out", auth.SignedIn, s.signOut},
		{get, "/setup", auth.Public, s.setupForm},
		{post, "/setup", auth.Public, s.setup},
		{get, "/account", auth.SignedIn, s.accountShow},
		{post, "/account/password", auth.SignedIn, s.accountPassword},

		// Home.
		{get, "/", auth.SignedIn, s.homeShow},

		// Joiners, runs, events and sign-offs.
		{get, "/joiners", auth.RunRead, s.joinerIndex},
		{get, "/joiners/:id", auth.RunRead, s.joinerShow},
		{get, "/names", auth.RunRead, s.nameIndex},
		{get, "/names/:id", auth.RunRead, s.nameShow},
		{post, "/names/:id/release", auth.RunOperate, s.nameRelease},
		{get, "/managers", auth.RunRead, s.managerIndex},
		{get, "/runs", auth.RunRead, s.runIndex},
		{get, "/runs/:id", auth.RunRead, s.runShow},
		{get, "/runs/:id/live", auth.RunRead, s.runLive},
		{get, "/runs/:id/steps/:node/calls/:n", auth.RunRead, s.callShow},
		{post, "/runs/:id/steps/:node/calls/:n", auth.RunRead, s.callReplay},
		{get, "/runs/:id/canvas", auth.RunRead, s.runCanvas},
		{get, "/runs/:id/canvas.json", auth.RunRead, s.runCanvasRead},
		{post, "/runs/:id/retry", auth.RunOperate, s.runRetry},
		{post, "/runs/:id/retry-newest", auth.RunOperate, s.runRetryNewest},
		{post, "/runs/:id/cancel", auth.RunOperate, s.runCancel},
		{post, "/runs/:id/resume", auth.RunOperate, s.runResume},
		{post, "/runs/:id/compensate", auth.RunOperate, s.runCompensate},
		{post, "/runs/:id/skip", auth.RunOperate, s.runSkip},
		{get, "/events", auth.RunRead, s.eventIndex},
		{get, "/events/:id", auth.RunRead, s.eventShow},
		{post, "/events/:id/replay", auth.RunOperate, s.eventReplay},
		{get, "/signoffs/:id", auth.RunRead, s.signoffShow},
		{post, "/signoffs/:id", auth.SignedIn, s.signoffDecide},

		// Exceptions: whoever may decide a sign-off may reconcile; the contract's role is
		// asked where it wants a sign-off.
		{get, "/exceptions", auth.RunRead, s.exceptionIndex},
		{get, "/exceptions/:id", auth.RunRead, s.exceptionShow},
		{post, "/exceptions/:id/resolve", auth.SignoffDecide, s.exceptionResolve},

		// Flows: the outline, and one node's form; those that are offered to begin with.
		{get, "/templates/:template", auth.ArtifactWrite, s.templateShow},
		{post, "/templates/:template", auth.ArtifactWrite, s.templateTake},
		{get, "/import", auth.ArtifactWrite, s.importNew},
		{post, "/import", auth.ArtifactWrite, s.importTake},
		{get, "/flows/:key/export", auth.ArtifactRead, s.exportShow},
		{get, "/flows/:key/export.yaml", auth.ArtifactRead, s.exportText},
		{get, "/flows/:key/export.zip", auth.ArtifactRead, s.exportZip},
		{get, "/flows/:key/canvas", auth.ArtifactRead, s.canvasShow},
		{get, "/flows/:key/canvas.json", auth.ArtifactRead, s.canvasRead},
		{get, "/flows/:key/canvas/diff", auth.ArtifactRead, s.canvasDiff},
		{get, "/flows/:key/canvas/diff.json", auth.ArtifactRead, s.canvasDiffRead},
		{put, "/flows/:key/canvas.json", auth.ArtifactWrite, s.canvasSave},
		{post, "/flows/:key/canvas/attend", auth.ArtifactRead, s.canvasAttend},
		{post, "/flows/:key/canvas/paste", auth.ArtifactWrite, s.canvasPaste},
		{get, "/flows/:key/nodes/:node", auth.ArtifactWrite, s.nodeEdit},
		{post, "/flows/:key/nodes", auth.ArtifactWrite, s.nodeAdd},
		{post, "/flows/:key/nodes/:node", auth.ArtifactWrite, s.nodeSave},
		{post, "/flows/:key/nodes/:node/remove", auth.ArtifactWrite, s.nodeRemove},
		{post, "/flows/:key/nodes/:node/duplicate", auth.ArtifactWrite, s.nodeDuplicate},
		{post, "/flows/:key/nodes/:node/move", auth.ArtifactWrite, s.nodeMove},
		{post, "/flows/:key/edges", auth.ArtifactWrite, s.edgeAdd},
		{post, "/flows/:key/edges/remove", auth.ArtifactWrite, s.edgeRemove},
		{post, "/flows/:key/paste", auth.ArtifactWrite, s.nodePaste},
		{get, "/flows/:key/several", auth.ArtifactRead, s.severalShow},
		{post, "/flows/:key/several", auth.ArtifactWrite, s.severalDo},
		{post, "/flows/:key/undo", auth.ArtifactWrite, s.flowUndo},
		{get, "/flows/:key/settings", auth.ArtifactWrite, s.settingsEdit},
		{post, "/flows/:key/settings", auth.ArtifactWrite, s.settingsSave},
		{get, "/flows/:key/notes", auth.ArtifactWrite, s.notesEdit},
		{post, "/flows/:key/notes", auth.ArtifactWrite, s.notesSave},
		// What a node's form asks while somebody types: it keeps nothing.
		{post, "/flows/:key/canvas/panel", auth.ArtifactRead, s.canvasPanel},
		{post, "/flows/:key/canvas/complete", auth.ArtifactRead, s.canvasComplete},
		{get, "/flows/:key/invariants/:invariant", auth.ArtifactWrite, s.invariantEdit},
		{post, "/flows/:key/invariants/:invariant", auth.ArtifactWrite, s.invariantSave},
		{post, "/flows/:key/invariants/:invariant/remove", auth.ArtifactWrite, s.invariantRemove},
		{post, "/flows/:key/runs", auth.RunSimulate, s.runStart},

		// Trying a flow: nothing is kept or written.
		{get, "/flows/:key/try", auth.RunSimulate, s.flowTryForm},
		{post, "/flows/:key/try", auth.RunSimulate, s.flowTry},
		{post, "/flows/:key/canvas/try", auth.RunSimulate, s.canvasTry},
		{get, "/flows/:key/backtests", auth.RunRead, s.backtestIndex},
		{post, "/flows/:key/backtests", auth.RunSimulate, s.backtestAsk},
		{get, "/backtests/:id", auth.RunRead, s.backtestShow},
		{get, "/backtests/:id/live", auth.RunRead, s.backtestLive},
		{post, "/backtests/:id/cancel", auth.RunSimulate, s.backtestCancel},

		{get, "/flows/:key/bulk", auth.RunStart, s.bulkNew},
		{post, "/flows/:key/bulk", auth.RunStart, s.bulkUpload},
		{post, "/flows/:key/pause", auth.RunOperate, s.flowPause(true)},
		{post, "/flows/:key/resume", auth.RunOperate, s.flowPause(false)},
		{post, "/flows/:key/refresh", auth.ReleaseRollback, s.artifactRefresh(review.Flow)},

		// Lists of people.
		{get, "/bulk", auth.RunRead, s.bulkIndex},
		{get, "/bulk/:id", auth.RunRead, s.bulkShow},
		{get, "/bulk/:id/live", auth.RunRead, s.bulkLive},
		{post, "/bulk/:id/columns", auth.RunStart, s.bulkColumns},
		{post, "/bulk/:id/check", auth.RunStart, s.bulkCheck},
		{post, "/bulk/:id/start", auth.RunStart, s.bulkStart},
		{post, "/bulk/:id/continue", auth.RunStart, s.bulkContinue},
		{post, "/bulk/:id/discard", auth.RunStart, s.bulkDiscard},
		{post, "/bulk/:id/retry", auth.RunOperate, s.bulkRetry},
		{post, "/bulk/:id/resume", auth.RunOperate, s.bulkResume},
		{post, "/bulk/:id/cancel", auth.RunOperate, s.bulkCancel},
		{post, "/bulk/:id/approve", auth.LimitLift, s.bulkApprove},

		{get, "/limits", auth.RunRead, s.limitIndex},
		{post, "/limits", auth.RunOperate, s.limitAsk},
		{post, "/limits/alone", auth.SettingsManage, s.limitAlone},
		{post, "/limits/alone/agree", auth.SettingsManage, s.limitAgree},
		{get, "/limits/:id", auth.RunRead, s.limitShow},
		{post, "/limits/:id/approve", auth.LimitLift, s.limitDecide(true)},
		{post, "/limits/:id/refuse", auth.LimitLift, s.limitDecide(false)},

		// Policies: the form of every type. Drafts are judged and tried without being kept.
		{post, "/policies/form", auth.ArtifactWrite, s.policyAct},
		{post, "/policies/draft", auth.ArtifactRead, s.policyJudge},
		{post, "/policies/condition", auth.ArtifactRead, s.policyCondition},
		{post, "/policies/:key/form", auth.ArtifactWrite, s.policyAct},
		{post, "/policies/:key/draft", auth.ArtifactRead, s.policyJudge},

		// Functions: the editor. Drafts are judged, tested and tried without being kept.
		{post, "/functions/:key/form", auth.ArtifactWrite, s.functionAct},
		{post, "/functions/:key/draft", auth.ArtifactWrite, s.functionJudge},
		{post, "/functions/:key/autosave", auth.ArtifactWrite, s.functionAutosave},

		// Asking for a function: conversations with a language model.
		{get, "/author", auth.ReviewComment, s.authorIndex},
		{post, "/author", auth.ArtifactWrite, s.authorAsk},
		{get, "/author/:id", auth.ReviewComment, s.authorShow},
		{post, "/author/:id", auth.ArtifactWrite, s.authorFollow},
		{get, "/author/:id/live", auth.ReviewComment, s.authorLive},
		{get, "/author/:id/calls", auth.ReviewComment, s.authorCalls},
		{post, "/author/:id/turns/:turn/confirm", auth.ArtifactWrite, s.authorConfirm},
		{post, "/author/:id/turns/:turn/cancel", auth.ArtifactWrite, s.authorCancel},
		{post, "/author/:id/turns/:turn/retry", auth.ArtifactWrite, s.authorRetry},

		// Reviews.
		{get, "/reviews", auth.ArtifactRead, s.reviewIndex},
		{get, "/reviews/:id", auth.ArtifactRead, s.reviewShow},
		{post, "/reviews/:id/approve", auth.ReviewDecide, s.reviewApprove},
		{post, "/reviews/:id/request-changes", auth.ReviewDecide, s.reviewRequestChanges},
		{post, "/reviews/:id/comments", auth.ReviewComment, s.reviewComment},
		{post, "/reviews/:id/withdraw", auth.ArtifactRead, s.reviewWithdraw},
		{post, "/reviews/:id/examine", auth.ReviewComment, s.reviewExamine},
		{post, "/reviews/:id/scratch", auth.ReviewComment, s.reviewScratch},

		// Connections and their credentials.
		{get, "/connections", auth.ArtifactRead, s.connection(ConnectionPages.Index)},
		{get, "/connections/new", auth.ArtifactWrite, s.connection(ConnectionPages.New)},
		{post, "/connections", auth.ArtifactWrite, s.connection(ConnectionPages.Save)},
		{post, "/connections/test", auth.ConnectionTest, s.connection(ConnectionPages.TestDraft)},
		{get, "/connections/:key", auth.ArtifactRead, s.connection(ConnectionPages.Show)},
		{get, "/connections/:key/edit", auth.ArtifactWrite, s.connection(ConnectionPages.Edit)},
		{post, "/connections/:key", auth.ArtifactWrite, s.connection(ConnectionPages.Save)},
		{post, "/connections/:key/test", auth.ConnectionTest, s.connection(ConnectionPages.TestDraft)},
		{post, "/connections/:key/poll", auth.RunOperate, s.connectionPoll},
		{post, "/connections/:key/pause", auth.RunOperate, s.connection(pauseConnection)},
		{post, "/connections/:key/resume", auth.RunOperate, s.connection(resumeConnection)},
		{get, "/connections/:key/credentials/:name", auth.CredentialWrite, s.credentialForm},
		{post, "/connections/:key/credentials/:name", auth.CredentialWrite, s.credentialSet},
		{get, "/credentials", auth.CredentialRead, s.credentialIndex},
		{get, "/credentials/:id", auth.CredentialRead, s.credentialShow},
		{post, "/credentials/:id/revoke", auth.CredentialWrite, s.credentialRevoke},

		// Audit.
		{get, "/audit", auth.AuditRead, s.auditIndex},

		// Settings: users, tokens, system.
		{get, "/users", auth.UserManage, s.userIndex},
		{get, "/users/new", auth.UserManage, s.userNew},
		{post, "/users", auth.UserManage, s.userAdd},
		{get, "/users/:id", auth.UserManage, s.userShow},
		{post, "/users/:id", auth.UserManage, s.userChange},
		{post, "/users/:id/password", auth.UserManage, s.userPassword},
		{post, "/users/:id/sessions", auth.UserManage, s.userEndSessions},
		{get, "/tokens", auth.TokenManage, s.tokenIndex},
		{get, "/tokens/new", auth.TokenManage, s.tokenNew},
		{post, "/tokens", auth.TokenManage, s.tokenCreate},
		{post, "/tokens/:id/revoke", auth.TokenManage, s.tokenRevoke},
		{get, "/system", auth.SystemRead, s.systemShow},
		{get, "/system/functions", auth.SystemRead, s.functionRules},
		{post, "/system/functions", auth.SettingsManage, s.functionRulesSave},
		{post, "/system/functions/agree", auth.SettingsManage, s.functionRulesAgree},
		{get, "/system/author", auth.SettingsManage, s.providerShow},
		{post, "/system/author", auth.SettingsManage, s.providerSave},
		{post, "/system/author/test", auth.SettingsManage, s.providerTest},
		{get, "/system/author/key", auth.CredentialWrite, s.modelKeyForm},
		{post, "/system/author/key", auth.CredentialWrite, s.modelKeySet},
		{get, "/outbound", auth.SettingsManage, s.outboundShow},
		{post, "/outbound", auth.SettingsManage, s.outboundSave},
	})
}

// artifactRoutes are those that the kinds of artifact share: text, history, review
// and release. Connections have forms of their own instead of the text.
func (s *Server) artifactRoutes() []route {
	var out []route
	for _, k := range review.Kinds() {
		at := "/" + k.Plural()
		if k != review.Connection {
			index, show, start, add := s.artifactIndex(k), s.artifactText(k), s.artifactNew(k), s.artifactAdd(k)
			switch k {
			case review.Flow:
				show, start = s.flowShow, s.flowNew
			case review.Policy:
				index, show, start = s.policyIndex, s.policyShow, s.policyNew
			case review.Function:
				show, start, add = s.functionShow, s.functionNew, s.functionAdd
			}
			if k == review.Function {
				out = append(out, route{get, at + "/library.json", auth.ArtifactRead, s.functionLibrary})
			}
			out = append(out,
				route{get, at, auth.ArtifactRead, index},
				route{get, at + "/new", auth.ArtifactWrite, start},
				route{post, at, auth.ArtifactWrite, add},
				route{get, at + "/:key", auth.ArtifactRead, show},
				route{get, at + "/:key/yaml", auth.ArtifactRead, s.artifactText(k)},
				route{post, at + "/:key/yaml", auth.ArtifactWrite, s.artifactSave(k)},
				route{post, at + "/:key/check", auth.ArtifactWrite, s.artifactCheck(k)})
		}
		out = append(out,
			route{get, at + "/:key/revisions", auth.ArtifactRead, s.artifactHistory(k)},
			route{get, at + "/:key/revisions/:n", auth.ArtifactRead, s.artifactRevision(k)},
			route{get, at + "/:key/diff", auth.ArtifactRead, s.artifactDiff(k)},
			route{post, at + "/:key/reviews", auth.ArtifactWrite, s.artifactSubmit(k)},
			route{post, at + "/:key/restore", auth.ArtifactWrite, s.artifactRestore(k)},
			route{post, at + "/:key/rollback", auth.ReleaseRollback, s.artifactRollback(k)},
			route{post, at + "/:key/breakglass", auth.BreakGlass, s.artifactBreakGlass(k)},
			route{post, at + "/:key/ratify", auth.ReviewDecide, s.artifactRatify(k)})
	}
	return out
}

// mount registers the routes and refuses a map that is not whole.
func (s *Server) mount(app *fiber.App) error {
	routes := s.routes()
	seen, err := wholeMap(routes)
	if err != nil {
		return err
	}
	for _, r := range routes {
		app.Add(r.method, r.path, s.guard(r))
		if r.method == get {
			app.Add(http.MethodHead, r.path, s.guard(r))
		}
	}
	s.nav = navOf(seen)
	return nil
}

// wholeMap names the routes, or says what is wrong with one.
func wholeMap(routes []route) (map[string]bool, error) {
	seen := map[string]bool{}
	for _, r := range routes {
		at := r.method + " " + r.path
		switch {
		case r.needs == "":
			return nil, fmt.Errorf("route %s has no permission", at)
		case r.act == nil:
			return nil, fmt.Errorf("route %s has no handler", at)
		case seen[at]:
			return nil, fmt.Errorf("route %s is there twice", at)
		case !strings.HasPrefix(r.path, "/"):
			return nil, fmt.Errorf("route %s: a path starts with /", at)
		}
		seen[at] = true
	}
	return seen, nil
}
