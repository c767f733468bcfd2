// The canvas edits as the outline does: both go through internal/flow/testdata/edits.json.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as clip from "../core/clipboard";
import * as graph from "../core/graph";
import { Catalog, Content, Spec } from "../core/types";

interface Drawn { trigger: string; nodes: string[]; edges: string[] }
interface Case { name: string; after?: string[][]; act: string[]; want: Drawn }

const spec = (kind: string, ports: string[], more: Partial<Spec> = {}): Spec => ({ kind, version: 1, category: "logic", title: kind, icon: "x", help: "", fields: [{ key: "p", label: "P", kind: "text", default: "d" }], ports: ports.map((name) => ({ name, label: name })), ...more });
const cat = new Catalog([spec("hris.event", ["started"], { trigger: true }), spec("branch", ["yes", "no"]), spec("set", ["done"]), spec("stop", [], { ends: true })]);
const edge = (text: string) => { const [from, to] = text.split(">"); return { from, to }; };
const drawn = (d: Drawn): Content => ({ key: "f", name: "F", trigger: d.trigger, nodes: d.nodes.map((n) => { const [id, type] = n.split(":"); return { id, type }; }), edges: d.edges.map(edge) });

function edit(c: Content, [what, ...x]: string[]): Content {
  switch (what) {
    case "add": return graph.add(c, cat.spec(x[0])!, x[1]).content;
    case "insert": return graph.insert(c, cat.spec(x[0])!, edge(x[1])).content;
    case "remove": return graph.remove(c, x[0]);
    case "lead": return graph.lead(c, x[0], x[1]);
    case "paste": return clip.paste({ content: c, layout: {} }, cat, clip.copy({ content: c, layout: {} }, new Set(x)), (p) => p).doc.content;
  }
  throw new Error(`the case has an unknown act: ${what}`);
}

for (const k of JSON.parse(readFileSync(process.env.EDITS!, "utf8")) as Case[]) {
  test(k.name, () => {
    let c = drawn({ trigger: "event", nodes: ["event:hris.event", "way:branch", "a:set", "b:set", "end:stop"], edges: ["event.started>way", "way.yes>a", "way.no>b", "a.done>end", "b.done>end", "way.error>end"] });
    for (const act of [...(k.after ?? []), k.act]) c = edit(c, act);
    assert.deepEqual(c, drawn(k.want));
  });
}
