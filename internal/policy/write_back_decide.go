package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"joinery/internal/expr"
	"joinery/internal/fault"
	"joinery/internal/joiner"
)

// Verdict is what a contract says about one value now.
type Verdict string

// The verdicts. The node and the cases name their lists after them.
const (
	// Written: it may be written.
	Written Verdict = "written"
	// Asked: a person has to agree first.
	Asked Verdict = "asked"
	// Refused: HR has a value that we may not overwrite; a person has to reconcile.
	Refused Verdict = "refused"
	// Kept: HR has another value, and that one counts.
	Kept Verdict = "kept"
	// Unchanged: there is nothing to do.
	Unchanged Verdict = "unchanged"
)

// Verdicts lists the verdicts.
func Verdicts() []Verdict { return []Verdict{Written, Asked, Refused, Kept, Unchanged} }

// Standing is all that counts for one field: what the HRIS says now, what is to be
// written, and what is known of before. Nil stands for nothing.
type Standing struct {
	Now, Want any
	// Planned is what the HRIS said when the run read the worker last; PlannedKnown
	// says that it was read.
	Planned      any
	PlannedKnown bool
	// Own is what Joinery wrote there last.
	Own any
	// Accepted is a value of HR's that a person accepted.
	Accepted any
}

// Decide judges one field. Worker is what only_if_equals may compute with.
func (f WriteBackField) Decide(ctx context.Context, s Standing, sub Subject) (Verdict, string, error) {
	f = f.Filled()
	switch {
	case nothing(s.Want):
		return Unchanged, "There is no value to write.", nil
	case SameValue(f.Field, s.Now, s.Want):
		return Unchanged, "The HRIS has this value already.", nil
	case !nothing(s.Accepted) && SameValue(f.Field, s.Now, s.Accepted):
		return Kept, "A person accepted HR's value.", nil
	}
	holds, why, err := f.holds(ctx, s, sub)
	if err != nil {
		return "", "", err
	}
	if holds {
		if f.Approve == ApproveEach {
			return Asked, why + " The contract asks a person each time.", nil
		}
		return Written, why, nil
	}
	switch {
	case f.Approve == ApproveOnConflict:
		return Asked, why + " The contract asks a person then.", nil
	case f.Owner == OwnerHR && !(s.PlannedKnown && !SameValue(f.Field, s.Now, s.Planned)):
		return Kept, why + " HR owns the field, so HR's value stays.", nil
	case f.Owner == OwnerHR:
		return Refused, why + " HR changed it after this was planned.", nil
	}
	return Refused, why + " It is not overwritten.", nil
}

// holds says whether the condition of the contract is met.
func (f WriteBackField) holds(ctx context.Context, s Standing, sub Subject) (bool, string, error) {
	switch f.Write {
	case OnlyIfEquals:
		want, err := f.wanted(ctx, sub)
		if err != nil {
			return false, "", err
		}
		if SameValue(f.Field, s.Now, want) {
			return true, "The HRIS has the value that the contract asks for.", nil
		}
		return false, "The HRIS has another value than the one the contract asks for.", nil
	case OverwriteOwn:
		switch {
		case nothing(s.Now):
			return true, "The HRIS has no value.", nil
		case !nothing(s.Own) && SameValue(f.Field, s.Now, s.Own):
			return true, "The HRIS still has what we wrote.", nil
		case nothing(s.Own):
			return false, "The HRIS has a value that is not ours.", nil
		}
		return false, "HR changed what we wrote.", nil
	}
	if nothing(s.Now) {
		return true, "The HRIS has no value.", nil
	}
	return false, "The HRIS has a value.", nil
}

// wanted gives the value that only_if_equals asks for.
func (f WriteBackField) wanted(ctx context.Context, s Subject) (any, error) {
	value, problems := f.equals()
	if len(problems) > 0 {
		return nil, fault.New(fault.Invalid, "The value that %s must have cannot be computed: %s", f.Field, problems[0].Detail)
	}
	if value == nil {
		return f.Equals, nil
	}
	v, err := value.Eval(ctx, expr.Scope{Joiner: s.Worker.Attributes, Now: s.Now, Zone: s.Worker.Zone()})
	if err != nil {
		return nil, fmt.Errorf("compute what %s must be: %w", f.Field, err)
	}
	return v, nil
}

func nothing(v any) bool { return Value("", v) == "" }

// Value writes a field's value as text to compare and to show: without space
// around it, "" for none. E-mail addresses are compared without case, because
// some systems store them in lower case.
func Value(field string, v any) string {
	var text string
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		text = strings.TrimSpace(x)
	case float64:
		text = fmt.Sprintf("%v", x)
		if x == float64(int64(x)) {
			text = fmt.Sprint(int64(x))
		}
	case int, int64, uint64, bool:
		text = fmt.Sprint(x)
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		text = string(raw)
	}
	if field == joiner.WorkEmail || field == joiner.PersonalEmail {
		return strings.ToLower(text)
	}
	return text
}

// SameValue compares two values of a field.
func SameValue(field string, a, b any) bool { return Value(field, a) == Value(field, b) }

// ValueHash names a value of a field without telling it.
func ValueHash(field string, v any) string {
	sum := sha256.Sum256([]byte(field + "\x00" + Value(field, v)))
	return hex.EncodeToString(sum[:16])
}

// Try decides what would be written for one joiner. The joiner's attributes are
// what the HRIS says now. Without values to write it tells for each row what would
// come of a value that HR does not have.
func (w *WriteBack) Try(ctx context.Context, s Subject) (Outcome, error) {
	out := Outcome{Output: map[string]any{}}
	lists := map[Verdict][]string{}
	for _, v := range Verdicts() {
		lists[v] = []string{}
	}
	for i, f := range w.Fields {
		want, given := s.Write[f.Field]
		if s.Write != nil && !given {
			continue
		}
		if s.Write == nil {
			want = "(a new value)"
		}
		planned, known := s.Planned[f.Field]
		st := Standing{Now: s.Worker.Attributes[f.Field], Want: want, Own: s.Wrote[f.Field], Planned: planned, PlannedKnown: known}
		v, why, err := f.Decide(ctx, st, s)
		if err != nil {
			return Outcome{}, fmt.Errorf("row %d: %w", i+1, err)
		}
		name := f.Field
		if len(w.Connections()) > 1 {
			name = f.Connection + "." + f.Field
		}
		lists[v] = append(lists[v], name)
		out.Reasons = append(out.Reasons, Reason{Row: i + 1, Took: v == Written, Title: name + ": " + string(v), Detail: tell(st, s.Write != nil) + " " + why})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Write)) {
		if !slices.ContainsFunc(w.Fields, func(f WriteBackField) bool { return f.Field == name }) {
			return Outcome{}, fault.New(fault.Invalid, "The contract has no row for %s, so no flow can write it.", name)
		}
	}
	for v, names := range lists {
		out.Output[string(v)] = names
	}
	return out, nil
}

// tell names the two values.
func tell(s Standing, given bool) string {
	now, want := "nothing", "a new value"
	if !nothing(s.Now) {
		now = "“" + Value("", s.Now) + "”"
	}
	if given {
		want = "“" + Value("", s.Want) + "”"
	}
	return fmt.Sprintf("HRIS: %s, to be written: %s.", now, want)
}
