package e2e

import (
	"maps"
	"slices"
	"testing"

	"joinery/internal/modeltest"
)

// The model of these journeys, and the key that its server takes.
const (
	modelName = "writer-1"
	modelKey  = "sk-only-for-this-test-7"

	missingModel = "writer-9"
	plainModel   = "plain-1"
)

// otherModels are one that is not there, and one that cannot call tools.
func otherModels() []modeltest.Fixture {
	refuse := func(match map[string]any, status int, message, code string) modeltest.Fixture {
		return modeltest.Fixture{Match: match, Response: map[string]any{"status": status, "error": map[string]any{"message": message, "type": "invalid_request_error", "code": code}}}
	}
	return []modeltest.Fixture{
		refuse(map[string]any{"model": missingModel}, 404, "The model "+missingModel+" does not exist", "model_not_found"),
		refuse(map[string]any{"model": plainModel, "userMessage": "Call the tool ready"}, 400, plainModel+" does not support tools", ""),
		modeltest.Say(plainModel, "Answer with the word ready", "ready"),
	}
}

// startModel starts the test server of the OpenAI protocol: the n-th request that holds a
// text gets the n-th of its answers, but for what the fixtures before them answer. It gives
// the address for the settings.
func startModel(t *testing.T, answers map[string][]string, before ...modeltest.Fixture) string {
	t.Helper()
	all := append(before, []modeltest.Fixture{
		{Match: map[string]any{"userMessage": "Call the tool ready"}, Response: map[string]any{"toolCalls": []any{map[string]any{"name": "ready", "arguments": "{}"}}}},
		modeltest.Say(modelName, "Answer with the word ready", "ready"),
	}...)
	// A request may hold the words of two answers, and the first one counts: always the same.
	for _, holds := range slices.Sorted(maps.Keys(answers)) {
		list := answers[holds]
		for i, text := range list {
			f := modeltest.Say(modelName, holds, text)
			f.Latency, f.ChunkSize = 3, 12
			if i < len(list)-1 { // the last one answers whatever comes then
				f.Match["sequenceIndex"] = i
			}
			all = append(all, f)
		}
	}
	return modeltest.Start(t, all, modelKey).URL
}

// fenced is an answer with blocks of these languages and texts, one after the other.
func fenced(parts ...string) string {
	out := "Here it is.\n"
	for i := 0; i+1 < len(parts); i += 2 {
		out += "```" + parts[i] + "\n" + parts[i+1] + "\n```\n"
	}
	return out
}

// signAnswers are those of a model that writes desk signs: first without what was asked
// for people who have no last name, which its own test shows, and then with it.
func signAnswers() map[string][]string {
	intent := `{"key":"desk-sign","name":"Desk sign","description":"The sign for a desk: the last name in capitals.",
		"inputs":[{"name":"first","type":"text","means":"the first name"},{"name":"last","type":"text","means":"the last name"}],
		"outputs":[{"name":"sign","type":"text","means":"what stands on the sign"}],
		"examples":[{"name":"a name","input":{"first":"Tamsin","last":"Quillon"},"output":{"sign":"QUILLON"}}],
		"reads":[],"writes":[],"forbidden":[{"says":"It must not put anybody into a group","grant":"directory:*:groups.add"}],
		"questions":[{"ask":"What stands on the sign of somebody without a last name?"}]}`
	changed := `{"key":"desk-sign","name":"Desk sign","description":"The sign for a desk: the last name in capitals, the first name where there is none.",
		"inputs":[{"name":"first","type":"text","means":"the first name"},{"name":"last","type":"text","means":"the last name"}],
		"outputs":[{"name":"sign","type":"text","means":"what stands on the sign"}],
		"examples":[{"name":"a name","input":{"first":"Tamsin","last":"Quillon"},"output":{"sign":"QUILLON"}},{"name":"only a first name","input":{"first":"Tamsin","last":""},"output":{"sign":"TAMSIN"}}],
		"reads":[],"writes":[],"forbidden":[{"says":"It must not put anybody into a group","grant":"directory:*:groups.add"}],"questions":[]}`
	noName := `{"cases":[{"name":"no last name","input":{"first":"Tamsin","last":""},"error":"no-name"}]}`
	sloppy := "return function(input)\n  return {sign = text.upper(input.last)}\nend"
	first := "return function(input)\n  if input.last == \"\" then\n    fail(\"no-name\", \"The HRIS has no last name for this person.\")\n  end\n  return {sign = text.upper(input.last)}\nend"
	second := "return function(input)\n  local on = input.last\n  if on == \"\" then\n    on = input.first\n  end\n  if on == \"\" then\n    fail(\"no-name\", \"The HRIS has no name for this person.\")\n  end\n  return {sign = text.upper(on)}\nend"
	beside := `{"grants":[],"notes":"It asks no system."}`
	return map[string][]string{
		"Restate what is wanted":      {fenced("json", intent), fenced("json", changed)},
		"Write tests that say what":   {fenced("json", noName), fenced("json", `{"cases":[{"name":"no name","input":{"first":"","last":""},"error":"no-name"}],"obsolete":["no last name"]}`)},
		"Write the code that passes":  {fenced("lua", sloppy, "json", beside), fenced("lua", second, "json", beside)},
		"This is not good enough yet": {fenced("lua", first, "json", `{"grants":[]}`)},
		"Answer in plain words":       {"It writes the last name in capitals. See https://evil.example/ <b>now</b>."},
	}
}
