package web

// apiSchemas are the shapes of requests and answers.
func apiSchemas() doc {
	text, number, yes, moment := doc{"type": "string"}, doc{"type": "integer"}, doc{"type": "boolean"}, doc{"type": "string", "format": "date-time"}
	maybe, anything, texts := nullable("string"), doc{}, doc{"type": "array", "items": doc{"type": "string"}}
	hash := doc{"type": "string", "pattern": "^[0-9a-f]{64}$"}
	kind := doc{"enum": []any{"flow", "function", "policy", "connection"}}
	point := object(doc{"revision": number, "hash": text})
	draftState := doc{"enum": []any{"waiting", "running", "needs_you", "done", "failed", "cancelled"}}
	out := doc{
		"Anything": anything,
		"Problem":  object(doc{"type": text, "title": text, "status": number, "detail": text, "instance?": text, "request?": text, "problems?": list(ref("Finding"))}),
		"Finding":  object(doc{"path": text, "detail": text}),
		"ID":       object(doc{"id": text}),
		"Started":  object(doc{"runs": number, "ids": texts, "repeated": list(ref("Finding")), "second_person?": object(doc{"request": text, "why": text})}),

		"Artifact": object(doc{"key": text, "name": text, "kind": kind, "live": doc{"anyOf": []any{point, doc{"type": "null"}}}, "head": point, "paused": yes, "unratified": yes, "updated_at": moment, "content?": doc{"type": "object"}}),
		"Put":      object(doc{"content": doc{"type": "object"}, "message?": text, "base_revision?": number}),
		"Saved":    object(doc{"revision": number, "hash": hash, "problems": list(ref("Finding"))}),
		"Revision": object(doc{"revision": number, "hash": hash, "message": text, "author": text, "via": text, "restored?": number, "approved": yes, "released": yes, "at": moment, "content?": doc{"type": "object"}}),
		"Diff":     object(doc{"from": number, "to": number, "words": texts, "unified": text}),
		"Try": object(doc{"joiner?": text, "attributes?": doc{"type": "object"}, "worker?": text, "now?": text, "inputs?": doc{"type": "object"}, "write?": doc{"type": "object"}, "wrote?": doc{"type": "object"}, "planned?": doc{"type": "object"},
			"live?": yes, "content?": doc{"type": "object"}}),
		"Tried": object(doc{"output": doc{"type": "object"}, "person": text, "reasons": list(object(doc{"row?": number, "took": yes, "title": text, "detail": text})),
			"seen?": list(object(doc{"connection": text, "title": text, "detail": text, "good": yes, "row?": number})), "systems?": list(object(doc{"connection": text, "answered": yes, "detail": text})), "note?": text}),
		"Submit":   object(doc{"revision": number, "message?": text}),
		"Restore":  object(doc{"revision": number, "base_revision": number}),
		"Release_": object(doc{"revision": number, "reason": text}),
		"Ratify":   object(doc{"comment": text, "release?": text}),
		"Release":  object(doc{"release": text, "kind": kind, "key": text, "revision": number, "hash": hash, "root": hash, "how": doc{"enum": []any{"approval", "rollback", "refresh", "breakglass"}}}),

		"Review": object(doc{"id": text, "kind": kind, "key": text, "revision": number, "hash": hash, "state": doc{"enum": []any{"open", "changes_requested", "approved", "closed"}}, "message": text, "opened_by": text, "opened_at": moment,
			"base_revision": number, "checks": list(object(doc{"name": text, "passed": yes, "detail": text})), "comments?": list(object(doc{"author": text, "what": text, "body": text, "at": moment})), "authors?": texts, "release?": text}),
		"Approve": object(doc{"hash": text, "comment?": text}),
		"Comment": object(doc{"comment": text}),
		"Body":    object(doc{"body": text}),

		"DraftAsk":     object(doc{"prompt": text, "function?": text}),
		"DraftPrompt":  object(doc{"prompt": text}),
		"DraftConfirm": object(doc{"intent?": doc{"type": "object"}}),
		"Draft": object(doc{"id": text, "title": text, "function": text, "state": draftState, "by": text, "created_at": moment,
			"turns": list(object(doc{"id": text, "kind": doc{"enum": []any{"request", "follow_up", "explain", "why", "more_tests"}}, "prompt": text, "state": draftState, "created_at": moment, "ended_at": maybe,
				"stages": list(object(doc{"stage": doc{"enum": []any{"intent", "tests", "code", "checks", "draft", "answer"}}, "state": draftState, "result": anything, "said": text,
					"trouble": doc{"anyOf": []any{object(doc{"says": text, "do": text}), doc{"type": "null"}}}, "started_at": maybe, "ended_at": maybe}))}))}),

		"CredentialSet": object(doc{"value": text, "owner": text, "deputy?": text, "purpose": text, "expires_at": moment, "overlap_hours?": number}),
		"Rotate":        object(doc{"value": text, "expires_at": moment, "overlap_hours?": number}),
		"Credential": object(doc{"id": text, "connection": text, "name": text, "version": number, "owner": text, "deputy?": text, "purpose": text, "created_at": moment, "expires_at": moment, "last_used_at": maybe,
			"state": doc{"enum": []any{"in_force", "superseded", "expired", "revoked"}}, "used_by": texts}),
		"Findings":       object(doc{"ok": yes, "findings": list(object(doc{"title": text, "ok": yes, "detail": text}))}),
		"Reason":         object(doc{"reason": text}),
		"OptionalReason": object(doc{"reason?": text}),

		"BacktestAsk": object(doc{"joiners?": number, "live?": yes}),
		"Backtest": object(doc{"id": text, "flow": text, "revision": number, "hash": hash, "root": hash, "base": doc{"type": []any{"integer", "null"}}, "state": doc{"enum": []any{"queued", "running", "done", "failed", "canceled"}}, "joiners": number, "looked": number, "error": text,
			"report": doc{"type": []any{"object", "null"}}, "report_hash": text, "ms": number, "by": text, "created_at": moment, "ended_at": maybe, "people": list(doc{"type": "object"})}),
		"RunStart": object(doc{"worker?": text, "joiner?": text, "mode?": doc{"enum": []any{"live", "simulate"}}}),
		"Run": object(doc{"id": text, "flow": text, "release": text, "revision": number, "mode": doc{"enum": []any{"live", "simulate"}},
			"state":  doc{"enum": []any{"queued", "running", "waiting", "parked", "succeeded", "failed", "canceled", "compensated"}},
			"reason": text, "joiner": object(doc{"id": text, "connection": text, "worker": text, "name": text}), "event?": text, "waiting_for": text, "wake_at": maybe, "created_at": moment, "started_at": maybe, "ended_at": maybe,
			"steps?": list(ref("Step")), "signoffs?": list(ref("Signoff"))}),
		"Step": object(doc{"node": text, "type": text, "state": doc{"enum": []any{"pending", "running", "waiting", "succeeded", "failed", "skipped", "canceled", "undone"}}, "port": text, "error": text, "waiting_for": text,
			"attempts": list(object(doc{"started_at": moment, "ended_at": moment, "outcome": text, "error": text})), "input": anything, "output": anything, "changes": doc{"type": "array"}, "log": texts}),
		"Skip":     object(doc{"node": text, "port": text, "reason": text}),
		"Signoff":  object(doc{"id": text, "run": text, "title": text, "question": text, "role": text, "person": text, "deadline": maybe, "state": text, "fields": list(object(doc{"key": text, "label": text, "kind": doc{"enum": []any{"text", "bool", "date"}}}))}),
		"Decision": object(doc{"decision": doc{"enum": []any{"approved", "rejected"}}, "comment?": text, "form?": doc{"type": "object"}}),
		"Decided":  object(doc{"run": text, "decision": text}),

		"ListColumns":  object(doc{"worker": text, "attributes": doc{"type": "object"}, "dates?": doc{"enum": []any{"iso", "dmy-dot", "dmy", "mdy"}}}),
		"ListCheck":    object(doc{"live?": yes}),
		"ListStart":    object(doc{"plan?": list(number), "onward?": yes, "reason": text, "release": text}),
		"ListContinue": object(doc{"release": text}),
		"Second":       object(doc{"hash": text, "comment?": text}),
		"LetGo":        object(doc{"most": number, "reason": text}),
		"WentOn":       object(doc{"went_on": number, "request": text}),
		"Lift": object(doc{"id": text, "kind": doc{"enum": []any{"list", "parked"}}, "flow": text, "list": text, "hash": text, "people": number, "runs": texts, "why": texts, "reason": text, "asked_by": text, "asked_at": moment,
			"state": doc{"enum": []any{"open", "approved", "refused"}}, "decided_by": text, "comment": text}),
		"List": object(doc{"id": text, "flow": text, "connection": text, "state": doc{"enum": []any{"draft", "mapped", "checking", "checked", "started", "done", "discarded"}}, "columns": texts, "mapping": object(doc{"worker": text, "attributes": doc{"type": "object"}, "dates": text}),
			"rows": number, "bad": number, "looked_at": number, "plan": list(number), "stage": number, "onward": yes, "stopped": text, "release": text, "report": doc{"type": []any{"object", "null"}},
			"stages?": list(object(doc{"stage": number, "people": number, "states": doc{"type": "object"}})), "forecast?": object(doc{"left": number, "per_second": doc{"type": "number"}, "ends_at": moment}), "problems?": list(ref("Finding")), "second_person?": object(doc{"needed": yes, "why": texts, "hash": text, "agreed": yes, "agreed_by": text}), "created_at": moment}),

		"Event":    object(doc{"id": text, "connection": text, "key": text, "type": text, "worker": text, "changed": texts, "at": maybe, "received_at": moment, "state": doc{"enum": []any{"accepted", "dead", "replayed"}}, "reason": text, "joiner": text, "runs": texts, "repeats": number, "echo": yes}),
		"Replayed": object(doc{"events": list(object(doc{"event": text, "runs": texts, "duplicate": yes}))}),
		"Exception": object(doc{"id": text, "kind": text, "state": doc{"enum": []any{"open", "asked", "pushing", "excepted", "resolved"}}, "title": text, "reason": text, "connection": text, "worker": text, "joiner": text, "field": text, "ours": anything, "theirs": anything,
			"seen": text, "times": number, "policy": text, "flow": text, "run": text, "owner": text, "until": maybe, "resolution": doc{"enum": []any{"", "accept_hr", "push", "close", "agrees"}}, "resolved_by": text, "resolved_at": maybe, "opened_at": moment,
			"story?": list(object(doc{"at": moment, "by": text, "act": text, "text": text}))}),
		"Resolve": object(doc{"action": doc{"enum": []any{"accept_hr", "push", "refuse", "until", "assign", "close"}}, "reason?": text, "until?": text, "owner?": text, "seen?": text}),
		"Joiner": object(doc{"id": text, "connection": text, "worker": text, "name": text, "department": text, "start_date": text, "status": text, "created_at": moment, "last_run?": text, "last_state?": text, "attributes?": doc{"type": "object"},
			"accounts?": list(object(doc{"connection": text, "id": text, "name": text, "enabled": yes, "created": yes, "groups": texts, "granted": texts, "run": text})), "names?": list(ref("Name")), "runs?": list(ref("Run"))}),
		"Name": object(doc{"id": text, "space": text, "name": text, "within": text, "state": doc{"enum": []any{"held", "confirmed", "tombstone", "found", "released"}}, "joiner": text, "worker": text, "connection": text, "run": text, "policy": text,
			"found_in": text, "reason": text, "claimed_at": moment, "confirmed_at": maybe, "until": maybe}),
		"Audit": object(doc{"seq": number, "at": moment, "actor": text, "name": text, "address": text, "action": text, "kind": text, "id": text, "detail": doc{"type": "object"}, "hash": hash}),
	}
	for _, name := range []string{"Artifact", "Revision", "Review", "Credential", "Run", "List", "Lift", "Signoff", "Event", "Exception", "Joiner", "Name", "Audit"} {
		out[name+"Page"] = pageSchema(name)
	}
	return out
}
