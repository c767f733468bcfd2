// Command speccut cuts the parts of a vendor's OpenAPI description that our
// connectors use out of the whole, without its prose, for internal/connectortest/specs:
//
//	go run ./internal/connectortest/speccut bamboohr.yaml 'get /api/v1/meta/fields' … >specs/bamboohr.json
//
// A name without a method ("EmployeeUpdatedWebhookPayload") keeps that schema.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

type object = map[string]any

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: speccut FILE 'METHOD PATH'… [SCHEMA…]")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var all object
	if err := yaml.Unmarshal(text, &all); err != nil {
		log.Fatal(err)
	}
	paths, kept := object{}, map[string]any{}
	for _, arg := range os.Args[2:] {
		method, path, isPath := strings.Cut(arg, " ")
		if !isPath {
			keep(all, kept, "#/components/schemas/"+arg)
			continue
		}
		op, ok := child(child(all, "paths"), path)[method].(object)
		if !ok {
			log.Fatalf("there is no %s", arg)
		}
		p, _ := paths[path].(object)
		if p == nil {
			p = object{}
			paths[path] = p
		}
		p[method] = bare(op, false)
		references(p[method], func(ref string) { keep(all, kept, ref) })
	}
	print(all, paths, kept)
}

func child(m object, name string) object {
	c, _ := m[name].(object)
	return c
}

// keep takes a component and what it refers to.
func keep(all object, kept map[string]any, ref string) {
	if _, done := kept[ref]; done {
		return
	}
	at := any(all)
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, _ := at.(object)
		at = m[part]
	}
	if at == nil {
		log.Fatalf("there is no %s", ref)
	}
	kept[ref] = bare(at, false)
	references(kept[ref], func(r string) { keep(all, kept, r) })
}

func references(v any, found func(string)) {
	switch x := v.(type) {
	case object:
		if r, ok := x["$ref"].(string); ok {
			found(r)
		}
		for _, c := range x {
			references(c, found)
		}
	case []any:
		for _, c := range x {
			references(c, found)
		}
	}
}

// bare leaves out prose, examples, XML and ways to sign in that we do not use. The
// keys of a properties object are names and stay.
func bare(v any, names bool) any {
	switch x := v.(type) {
	case object:
		out := object{}
		for k, c := range x {
			switch {
			case names:
			case slices.Contains([]string{"description", "summary", "tags", "example", "examples", "title", "externalDocs", "operationId"}, k) || strings.HasPrefix(k, "x-") || strings.HasSuffix(k, "/xml"):
				continue
			case k == "security":
				c = basic(c)
			}
			out[k] = bare(c, !names && k == "properties")
		}
		if _, response := out["content"]; response && !names {
			out["description"] = ""
		}
		return out
	case []any:
		out := []any{}
		for _, c := range x {
			out = append(out, bare(c, false))
		}
		return out
	}
	return v
}

func basic(v any) any {
	list, _ := v.([]any)
	return slices.DeleteFunc(list, func(e any) bool {
		m, _ := e.(object)
		return !slices.ContainsFunc(slices.Collect(maps.Keys(m)), func(k string) bool { return strings.EqualFold(k, "basic") })
	})
}

// print writes one line for each path and component.
func print(all, paths object, kept map[string]any) {
	groups := map[string]object{}
	for ref, c := range kept {
		parts := strings.Split(ref, "/")
		if groups[parts[2]] == nil {
			groups[parts[2]] = object{}
		}
		groups[parts[2]][parts[3]] = c
	}
	groups["securitySchemes"] = object{}
	for name, s := range child(child(all, "components"), "securitySchemes") {
		if m, _ := s.(object); m["scheme"] == "basic" {
			groups["securitySchemes"][name] = bare(m, false)
		}
	}
	info := child(all, "info")
	fmt.Printf("{\"openapi\":%s,\n\"info\":%s,\n\"servers\":%s,\n\"paths\":{%s},\n\"components\":{", text(all["openapi"]), text(object{"title": info["title"], "version": info["version"]}), text(bare(all["servers"], false)), lines(paths))
	for i, g := range slices.Sorted(maps.Keys(groups)) {
		if i > 0 {
			fmt.Print(",")
		}
		fmt.Printf("\n%s:{%s}", text(g), lines(groups[g]))
	}
	fmt.Println("}}")
}

func lines(m object) string {
	var b strings.Builder
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + text(k) + ":" + text(m[k]))
	}
	return b.String()
}

func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		log.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}
