// The canvas edits as the outline does: both go through internal/flow/testdata/edits.json.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as clip from "../core/clipboard";
import * as graph from "../core/graph";
import { Editor } from "../core/editor";
import { merge3, same } from "../core/merge";
import { Catalog, Content, FlowNode, Spec, Start } from "../core/types";

type Params = Record<string, Record<string, unknown>>;
interface Drawn { trigger: string; nodes: string[]; edges: string[]; params?: Params }
interface Case { name: string; with?: Params; after?: string[][]; act: string[]; want: Drawn }

const spec = (kind: string, ports: string[], more: Partial<Spec> = {}): Spec => ({ kind, version: 1, category: "logic", title: kind, icon: "x", help: "", fields: [{ key: "values", label: "Values", kind: "mapping", expr: true }], ports: ports.map((name) => ({ name, label: name })), ...more });
const specs = [spec("hris.event", ["started"], { trigger: true }), spec("branch", ["yes", "no"]), spec("set", ["done"]), spec("stop", [], { ends: true })];
const cat = new Catalog(specs);
const begun: Start = { flow: "f", revision: 1, hash: "h", head: { revision: 1, hash: "h", by: "", at: "" }, content: { key: "f", name: "F", trigger: "", nodes: [] }, layout: {}, problems: [], types: specs, can: { edit: true, submit: true, simulate: true }, user: { id: "u", name: "U" }, csrf: "" };
const edge = (text: string) => { const [from, to] = text.split(">"); return { from, to }; };
const drawn = (d: Drawn): Content => ({ key: "f", name: "F", trigger: d.trigger, edges: d.edges.map(edge), nodes: d.nodes.map((n) => {
  const [id, type, name] = n.split(":"), params = d.params?.[id];
  return { id, type, ...(name ? { name } : {}), ...(params ? { params } : {}) } as FlowNode;
}) });

function edit(c: Content, [what, ...x]: string[]): Content {
  const e = new Editor({ ...begun, content: c }, "edit");
  switch (what) {
    case "add": return graph.add(c, cat.spec(x[0])!, x[1]).content;
    case "insert": e.add(x[0], { edge: edge(x[1]) }); break;
    case "remove": e.select(x); e.remove(); break;
    case "lead": e.lead(x[0], x[1]); break;
    case "link": e.connect(x[0], x[1]); break;
    case "unlink": e.selectEdge(x[0]); e.remove(); break;
    case "relink": e.reconnect(edge(x[0]), edge(x[1])); break;
    case "name": e.rename(x[0], x[1]); break;
    case "id": e.over(graph.rename(c, x[0], x[1]), x[0], x[1]); break;
    case "duplicate": e.select(x); e.duplicate(); break;
    case "paste": case "cut": {
      e.select(x);
      const text = JSON.stringify(e.copy());
      if (what === "cut") e.remove();
      e.paste(clip.read(text)!);
      break;
    }
    default: throw new Error(`the case has an unknown act: ${what}`);
  }
  return e.content;
}

for (const k of JSON.parse(readFileSync(process.env.EDITS!, "utf8")) as Case[]) {
  test(k.name, () => {
    let c = drawn({ trigger: "event", nodes: ["event:hris.event", "way:branch", "a:set", "b:set", "end:stop"], edges: ["event.started>way", "way.yes>a", "way.no>b", "a.done>end", "b.done>end", "way.error>end"], params: k.with });
    for (const act of [...(k.after ?? []), k.act]) c = edit(c, act);
    assert.deepEqual(c, drawn(k.want));
  });
}

// Two changes are brought together as the outline does.
interface Merge { name: string; base: Content; mine: Content; theirs: Content; want: Content; clashes: [string, string[]][] }
for (const k of JSON.parse(readFileSync(process.env.MERGES!, "utf8")) as Merge[]) {
  test(k.name, () => {
    const got = merge3(k.base, k.mine, k.theirs);
    assert.deepEqual(got.clashes.map((c) => [c.part, c.fields]), k.clashes);
    assert.ok(same(got.content, k.want), JSON.stringify(got.content));
  });
}
