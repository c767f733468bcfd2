package flow

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"joinery/internal/fault"
	"joinery/internal/form"
)

// value checks one value's form; what an expression gives is checked when it is compiled.
func (f *checker) value(path string, field form.Field, v any) {
	s, text := v.(string)
	if field.Expr && text && (strings.HasPrefix(s, "=") || strings.Contains(s, "{{") && field.Kind != form.Mapping) {
		return
	}
	switch field.Kind {
	case form.Text, form.LongText, form.Expression:
		if !text {
			f.add(path, "Write a text.")
		}
	case form.Number:
		switch v.(type) {
		case float64, int, int64, uint64:
		default:
			f.add(path, "Write a number.")
		}
	case form.Bool:
		if _, ok := v.(bool); !ok {
			f.add(path, "Write true or false.")
		}
	case form.Select:
		f.choice(path, field, v)
	case form.Duration:
		if _, err := ParseDuration(s); !text || err != nil {
			f.add(path, "Write a duration such as 90s, 12h or 5d.")
		}
	case form.Mapping:
		if _, ok := v.(map[string]any); !ok {
			f.add(path, "Write names and values, or an =expression that gives them.")
		}
	case form.List:
		f.list(path, field, v)
	case form.Directory, form.HRIS:
		f.connection(path, field, v)
	case form.Policy:
		f.policy(path, field, v)
	case form.Function:
		f.function(path, v)
	case form.Cases:
		f.cases(path, v)
	case form.Fields:
		f.fields(path, v)
	}
}

func (f *checker) choice(path string, field form.Field, v any) {
	var values []string
	for _, o := range field.Options {
		if o.Value == v {
			return
		}
		values = append(values, o.Value)
	}
	f.add(path, "Choose one of: %s.", strings.Join(values, ", "))
}

func (f *checker) list(path string, field form.Field, v any) {
	list, ok := v.([]any)
	if s, text := v.(string); text && field.Expr {
		f.add(path, "Write a list, or an expression that gives one: =[%q].", s)
		return
	}
	if !ok {
		f.add(path, "Write a list.")
		return
	}
	for i, x := range list {
		if _, ok := x.(string); !ok {
			f.add(fmt.Sprintf("%s.%d", path, i), "Write a text.")
		} else if len(field.Options) > 0 {
			f.choice(fmt.Sprintf("%s.%d", path, i), field, x)
		}
	}
}

func (f *checker) connection(path string, field form.Field, v any) {
	key, ok := v.(string)
	if !ok {
		f.add(path, "Write the key of a connection.")
		return
	}
	need, what := "directory", "accounts and groups"
	if field.Kind == form.HRIS {
		need, what = "workers", "workers"
	}
	f.connected(path, key, need, what)
}

func (f *checker) directory(path, key string) {
	f.connected(path, key, "directory", "accounts and groups")
}

func (f *checker) connected(path, key, need, what string) {
	if f.known.Connections == nil {
		return
	}
	capabilities, found := f.known.Connections[key]
	switch {
	case !found:
		f.add(path, "There is no connection %q.%s", key, near(key, slices.Sorted(maps.Keys(f.known.Connections))))
	case !slices.Contains(capabilities, need):
		f.add(path, "The connection %s has no %s.", key, what)
	}
}

func (f *checker) policy(path string, field form.Field, v any) {
	key, ok := v.(string)
	if !ok {
		f.add(path, "Write the key of a policy.")
		return
	}
	if f.known.Policies == nil {
		return
	}
	typ, found := f.known.Policies[key]
	switch {
	case !found:
		f.add(path, "There is no policy %q.%s", key, near(key, slices.Sorted(maps.Keys(f.known.Policies))))
	case typ != field.Of:
		f.add(path, "The policy %s is of type %s, and this needs one of type %s.", key, typ, field.Of)
	}
}

func (f *checker) function(path string, v any) {
	key, ok := v.(string)
	if !ok {
		f.add(path, "Write the key of a function.")
		return
	}
	if f.known.Functions != nil && !f.known.Functions[key] {
		f.add(path, "There is no function %q.%s", key, near(key, slices.Sorted(maps.Keys(f.known.Functions))))
	}
}

func (f *checker) cases(path string, v any) {
	list, ok := v.([]any)
	if !ok {
		f.add(path, "Write a list of cases, each with when and port.")
		return
	}
	for i, x := range list {
		at := fmt.Sprintf("%s.%d", path, i)
		m, ok := x.(map[string]any)
		if !ok {
			f.add(at, "A case has when (an expression) and port.")
			continue
		}
		if s, _ := m["when"].(string); strings.TrimSpace(strings.TrimPrefix(s, "=")) == "" {
			f.add(at+".when", "Write the condition of this case.")
		}
		port, _ := m["port"].(string)
		if !slug.MatchString(port) || port == ErrorPort || port == "default" {
			f.add(at+".port", "Name the way out with lower-case letters, digits and underscores; default and error are taken.")
		}
		for key := range m {
			if key != "when" && key != "port" {
				f.add(at+"."+key, "A case has when and port only.")
			}
		}
	}
}

func (f *checker) fields(path string, v any) {
	list, ok := v.([]any)
	if !ok {
		f.add(path, "Write a list of fields, each with key, label and kind.")
		return
	}
	for i, x := range list {
		at := fmt.Sprintf("%s.%d", path, i)
		m, _ := x.(map[string]any)
		key, _ := m["key"].(string)
		label, _ := m["label"].(string)
		kind, _ := m["kind"].(string)
		if !slug.MatchString(key) {
			f.add(at+".key", "Use lower-case letters, digits and underscores.")
		}
		if strings.TrimSpace(label) == "" {
			f.add(at+".label", "Write what the person reads.")
		}
		if kind != "text" && kind != "bool" && kind != "date" {
			f.add(at+".kind", "Choose one of: text, bool, date.")
		}
	}
}

// ParseDuration reads a Go duration with d for days: "90s", "1d12h".
func ParseDuration(text string) (time.Duration, error) {
	d, err := form.ParseDuration(text)
	if err != nil {
		return 0, fault.Wrap(fault.Invalid, err, "%q is not a duration.", text)
	}
	return d, nil
}

// contract finds fields that are written without a contract.
func (f *checker) contract(n Node) {
	if n.Type != KindWriteBack {
		return
	}
	at := "nodes." + string(n.ID) + ".params."
	connection, _ := n.Params["connection"].(string)
	if source, ok := f.c.Source(); ok && connection != "" && connection != source {
		f.add(at+"connection", "The joiners of this flow come from %s, so only that HRIS can be written back to.", source)
	}
	if can, known := f.known.Connections[connection]; known && !slices.Contains(can, "write_back") {
		f.add(at+"connection", "The connection %s has no fields that can be written back.", connection)
	}
	key, _ := n.Params["policy"].(string)
	contract, known := f.known.Contracts[key]
	values, ok := n.Params["values"].(map[string]any)
	if !known || !ok {
		return
	}
	for _, field := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(contract[connection], field) {
			f.add(at+"values."+field, "The contract %s has no row for %s in %s, so it cannot be written. Add a row to the contract and have it approved, or leave the field out.", key, field, connection)
		}
	}
}
