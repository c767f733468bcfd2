// The framework-free core, without a browser. Run by: go test ./static
import assert from "node:assert/strict";
import { test } from "node:test";
import * as clip from "../core/clipboard";
import { Editor } from "../core/editor";
import * as graph from "../core/graph";
import { History } from "../core/history";
import { bindings, find, nameOf } from "../core/keys";
import { lanes } from "../core/lanes";
import { merge3, same } from "../core/merge";
import { HEIGHT, free, rects, widthOf } from "../core/place";
import { findings, next } from "../core/problems";
import { Answer, Saver, SaverEvents, Store, left } from "../core/save";
import { tidy } from "../core/tidy";
import { Catalog, Content, Doc, Spec, Start } from "../core/types";
import { toYAML } from "../core/yaml";

const spec = (kind: string, ports: string[], more: Partial<Spec> = {}): Spec => ({ kind, version: 1, category: "logic", title: kind, icon: "x", help: "", fields: [], ports: ports.map((name) => ({ name, label: name })), ...more });
const specs = [
  spec("hris.event", ["started"], { trigger: true }), spec("branch", ["yes", "no"]), spec("switch", ["default"], { ports_from: "cases" }),
  spec("set", ["done"], { fields: [{ key: "values", label: "Values", kind: "mapping", expr: true, default: { a: 1 } }] }), spec("stop", [], { ends: true }),
];
const cat = new Catalog(specs);
const empty: Content = { key: "f", name: "F", trigger: "", nodes: [] };
const start = (content: Content = empty): Start => ({ flow: "f", revision: 1, hash: "h", head: { revision: 1, hash: "h", by: "", at: "" }, content, layout: {}, problems: [], types: specs, can: { edit: true, submit: true, simulate: true }, user: { id: "u", name: "U" }, csrf: "" });
const edges = (c: Content) => graph.edgesOf(c).map(graph.edgeKey);

/** chain is a start, a branch, and a set on each side that lead to one stop. */
function chain(): Editor {
  const e = new Editor(start(), "edit");
  e.add("hris.event");
  e.add("branch");
  e.add("set", { from: "branch.yes" });
  e.add("set", { from: "branch.no" });
  e.add("stop", { from: "set.done" });
  e.connect("set_2.done", "stop");
  return e;
}

test("adding behind a port, on an edge, and alone", () => {
  const e = chain();
  assert.equal(e.content.trigger, "event");
  assert.deepEqual(edges(e.content), ["event.started>branch", "branch.yes>set", "branch.no>set_2", "set.done>stop", "set_2.done>stop"]);
  assert.deepEqual(graph.findNode(e.content, "set"), { id: "set", type: "set" }, "what is not said counts as the type's default");
  const id = e.add("set", { edge: { from: "branch.yes", to: "set" } });
  assert.ok(edges(e.content).includes(`branch.yes>${id}`) && edges(e.content).includes(`${id}.done>set`));
  assert.ok(!edges(e.content).includes("branch.yes>set"));
  assert.ok(edges(e.content).includes("set_2.done>stop"));
});

test("a connection that cannot be says why", () => {
  const e = chain();
  const no = (from: string, to: string, why: RegExp) => { assert.match(graph.whyNot(e.content, cat, from, to), why); assert.equal(e.connect(from, to), false); assert.match(e.said, why); };
  no("set.done", "set", /itself/);
  no("set.done", "event", /starts the flow/);
  no("set.done", "branch", /circle/);
  no("stop.done", "set", /ends the run/);
  no("branch.yes", "set", /already/);
  no("branch.maybe", "stop", /no way out named maybe/);
  assert.equal(graph.whyNot(e.content, cat, "branch.error", "stop"), "");
});

test("removing joins what led to a node with what followed", () => {
  const e = chain();
  e.select(["set"]);
  e.remove();
  assert.ok(edges(e.content).includes("branch.yes>stop"));
  e.select(["branch"]); // two ways out to two places: nothing can be joined
  const before = e.content;
  e.remove();
  assert.ok(!edges(e.content).some((k) => k.startsWith("event.")));
  e.undo();
  assert.equal(e.content, before);
  e.undo();
  assert.ok(graph.findNode(e.content, "set"));
});

test("undo is without limit and comes back to the very same content", () => {
  const e = chain();
  const first = e.content, depth = e.history.depth;
  for (let i = 0; i < 300; i++) { e.add(i % 3 ? "set" : "branch"); if (i % 5 === 0) e.rename([...e.selected][0], `Node ${i}`); }
  const last = JSON.stringify(e.content);
  while (e.history.depth > depth) e.undo();
  assert.equal(e.content, first);
  while (e.history.redoes) e.redo();
  assert.equal(JSON.stringify(e.content), last);
});

test("typing in one field is one step", () => {
  const h = new History(0);
  h.push("type", 1, "f"); h.push("type", 2, "f"); h.push("type", 3, "f");
  assert.equal(h.depth, 1);
  h.seal();
  h.push("type", 4, "f");
  assert.equal(h.depth, 2);
  h.undo();
  assert.equal(h.doc, 3);
  h.push("other", 9);
  assert.equal(h.redo(), false, "a new step forgets what could be done again");
});

test("moving, notes and groups change no content", () => {
  const e = chain();
  const content = e.content;
  e.move({ set: { x: 500, y: 500 } });
  e.select(["set", "set_2"]);
  e.group();
  e.addNote();
  e.tidy(tidy);
  assert.equal(e.content, content);
  assert.equal(e.doc.layout.groups!.length, 1);
  e.select(["set"]);
  e.remove();
  assert.deepEqual(e.doc.layout.groups![0].nodes, ["set_2"], "a group forgets nodes that are gone");
  assert.equal(e.doc.layout.nodes!.set, undefined);
});

test("a case that goes takes its edge along; a new id is followed", () => {
  const e = new Editor(start(), "edit");
  e.add("hris.event");
  e.add("switch");
  e.set("switch", { id: "switch", type: "switch", params: { cases: [{ port: "a", when: "true" }, { port: "b", when: "true" }] } });
  e.add("stop", { from: "switch.a" });
  e.set("switch", { id: "where", type: "switch", params: { cases: [{ port: "a", when: "true" }, { port: "b", when: "true" }] } });
  assert.deepEqual(edges(e.content), ["event.started>where", "where.a>stop"]);
  assert.ok(e.doc.layout.nodes!.where);
  e.set("where", { id: "where", type: "switch", params: { cases: [{ port: "b", when: "true" }] } });
  assert.deepEqual(edges(e.content), ["event.started>where"]);
  e.set("where", { id: "event", type: "switch" });
  assert.ok(graph.findNode(e.content, "where"), "an id that is taken is refused");
});

test("pasting renews ids, also where expressions name them", () => {
  const e = chain();
  e.set("set_2", { id: "set_2", type: "set", params: { values: { b: "=steps.branch.result + steps.event.worker_id" } } });
  e.select(["branch", "set_2"]);
  const s = e.copy()!;
  e.paste(s);
  const made = [...e.selected];
  assert.deepEqual(made, ["branch_2", "set_3"]);
  assert.deepEqual(graph.findNode(e.content, "set_3")!.params, { values: { b: "=steps.branch_2.result + steps.event.worker_id" } });
  assert.ok(edges(e.content).includes("branch_2.no>set_3"));
  const other = new Editor(start(), "edit");
  other.paste(clip.read(JSON.stringify(s))!, { x: 0, y: 0 });
  assert.deepEqual(other.content.nodes.map((n) => n.id), ["branch", "set_2"], "in another flow ids stay");
  assert.equal(clip.read("hello"), undefined);
  assert.equal(clip.read('{"nodes":[{"x":1}]}'), undefined);
});

test("YAML keeps odd texts in quotes", () => {
  const text = toYAML({ nodes: [{ id: "a", params: { when: '=x == "y"', yes: "no", n: 3, list: ["a", { b: "c: d" }], none: [], long: "a\nb", no: "- x", hash: "a #b" } }], edges: [{ from: "a.b", to: "c" }] });
  assert.equal(text, 'nodes:\n  - id: a\n    params:\n      when: "=x == \\"y\\""\n      "yes": "no"\n      "n": 3\n      list:\n        - a\n        - b: "c: d"\n      none: []\n      long: "a\\nb"\n      "no": "- x"\n      hash: "a #b"\nedges:\n  - from: a.b\n    to: c\n');
});

test("the automatic layout is top-down, keeps the order of ports, and lets no boxes meet", () => {
  const e = chain();
  e.tidy(tidy);
  const p = e.doc.layout.nodes!;
  assert.ok(p.event.y < p.branch.y && p.branch.y < p.set.y && p.set.y < p.stop.y);
  assert.ok(p.set.x < p.set_2.x, "yes stands left of no");
  const all = [...rects(e.content, e.doc.layout, cat).values()];
  for (const a of all) for (const b of all) if (a !== b) assert.ok(a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y);
  const big = new Editor(start(), "edit");
  big.add("hris.event");
  for (let i = 0; i < 499; i++) big.add(i % 4 ? "set" : "branch");
  const began = performance.now();
  assert.equal(Object.keys(tidy(big.content, cat)).length, 500);
  assert.ok(performance.now() - began < 15_000);
});

test("a new node stands where nothing stands", () => {
  const e = chain();
  for (let i = 0; i < 20; i++) e.add("set", { at: { x: 0, y: 0 } });
  const all = [...rects(e.content, e.doc.layout, cat).values()];
  for (const a of all) for (const b of all) if (a !== b) assert.ok(a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y);
  assert.deepEqual(free(empty, {}, cat, { x: 13, y: 27 }), { x: 20, y: 20 });
  assert.equal(widthOf({ id: "x", type: "switch", params: { cases: ["a", "b", "c", "d"].map((port) => ({ port })) } }, cat), 420);
});

test("tidied up, no box lies on a note", () => {
  const e = chain();
  const to = Object.values(tidy(e.content, cat));
  e.move(Object.fromEntries(e.content.nodes.map((n, i) => [n.id, { x: 2000 + 400 * i, y: 0 }])), "Away");
  for (const p of to.slice(0, 2)) { e.sight = () => ({ x: p.x + 110, y: p.y + 60 }); e.addNote(); }
  const under = () => { const boxes = [...rects(e.content, e.doc.layout, cat).values()]; return e.doc.layout.notes!.filter((n) => boxes.some((r) => r.x < n.x + n.w && n.x < r.x + r.w && r.y < n.y + n.h && n.y < r.y + r.h)).length; };
  assert.equal(under(), 0);
  e.tidy((c, k) => tidy(c, k));
  assert.equal(under(), 0);
  assert.equal(new Set(e.doc.layout.notes!.map((n) => `${n.x} ${n.y}`)).size, 2);
});

test("an edge past a box has a lane beside it", () => {
  const c: Content = { ...empty, nodes: [{ id: "a", type: "set" }, { id: "b", type: "set" }, { id: "c", type: "set" }], edges: [{ from: "a.done", to: "c" }] };
  const layout = { nodes: { a: { x: 0, y: 0 }, b: { x: 0, y: 124 }, c: { x: 0, y: 248 } } };
  const lane = lanes(c, layout, cat).get("a.done>c")!;
  assert.ok(lane < 0 || lane > 220, String(lane));
  assert.equal(lanes(c, { nodes: { ...layout.nodes, b: { x: 600, y: 124 } } }, cat).get("a.done>c"), 110, "straight down where nothing is in the way");
  assert.equal(lanes(c, { nodes: { ...layout.nodes, c: { x: 0, y: HEIGHT + 60 }, b: { x: 600, y: 0 } } }, cat).size, 0);
});

test("findings stand at their nodes, and F8 goes round", () => {
  const e = chain();
  const all = findings(e.content, [{ path: "nodes.set.params.values", detail: "needed" }, { path: "edges.1.from", detail: "bad" }, { path: "nodes.0.id", detail: "odd" }, { path: "name", detail: "empty" }]);
  assert.equal(findings(e.content, [{ path: "trigger", detail: "cannot start" }])[0].node, "event");
  assert.equal(findings({ ...e.content, edges: [{ from: "gone.done", to: "set" }] }, [{ path: "edges.0.from", detail: "gone" }])[0].node, "set", "an edge that comes from nowhere is told where it ends");
  assert.deepEqual(all.map((f) => [f.node, f.edge, f.field]), [["set", "", "values"], ["branch", "branch.yes>set", ""], ["event", "", "id"], ["", "", "name"]]);
  assert.deepEqual([next(3, -1), next(3, 2), next(3, 0, true), next(3, -1, true), next(0, 0)], [0, 0, 2, 2, -1]);
});

test("every key has one act, and acts that change are for those who may", () => {
  const keys = bindings.flatMap((b) => b.keys);
  assert.equal(new Set(keys).size, keys.length);
  const press = (key: string, more = {}) => ({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more });
  assert.equal(find(press("z", { ctrlKey: true }), true)?.id, "undo");
  assert.equal(find(press("Z", { metaKey: true, shiftKey: true }), true)?.id, "redo");
  assert.equal(find(press("?", { shiftKey: true }), false)?.id, "help");
  assert.equal(find(press("Delete"), false), undefined);
  assert.equal(nameOf(press("F8", { shiftKey: true })), "Shift+F8");
});

test("three-way merge: apart is merged, alike is chosen", () => {
  const base = chain().content;
  const edit = (c: Content, id: string, params: Record<string, unknown>) => ({ ...c, nodes: c.nodes.map((n) => (n.id === id ? { ...n, params: { ...n.params, ...params } } : n)) });
  const mine = edit(base, "set", { a: 1 }), theirs = edit(graph.add(base, cat.spec("stop")!).content, "set_2", { b: 2 });
  const apart = merge3(base, mine, theirs);
  assert.equal(apart.clashes.length, 0);
  assert.ok(same(apart.content.nodes.find((n) => n.id === "set")!.params!.a, 1) && apart.content.nodes.some((n) => n.id === "stop_2") && apart.taken.includes("set_2"));
  const fields = merge3(base, edit(base, "set", { a: 1 }), edit(base, "set", { b: 2 }));
  assert.equal(fields.clashes.length, 0, "fields of one node that differ apart are merged");
  assert.deepEqual(fields.content.nodes.find((n) => n.id === "set")!.params, { a: 1, b: 2 });
  const both = [base, edit(base, "set", { a: 1 }), edit(base, "set", { a: 2 })] as const;
  assert.deepEqual(merge3(...both).clashes.map((c) => [c.part, c.fields]), [["node:set", ["params.a"]]]);
  assert.equal(merge3(...both, new Map([["node:set", "theirs"]])).content.nodes.find((n) => n.id === "set")!.params!.a, 2);
  assert.equal(merge3(...both, new Map([["node:set", "mine"]])).content.nodes.find((n) => n.id === "set")!.params!.a, 1);
  const gone = merge3(base, graph.remove(base, "set"), edit(base, "set", { a: 2 }), new Map([["node:set", "mine"]]));
  assert.equal(gone.clashes.length, 1);
  assert.ok(!gone.content.nodes.some((n) => n.id === "set") && !edges(gone.content).some((k) => k.includes("set.")));
  const removed = merge3(base, graph.remove(base, "set"), base);
  assert.equal(removed.clashes.length, 0);
  assert.ok(edges(removed.content).includes("branch.yes>stop"));
  assert.deepEqual(merge3(base, { ...base, name: "A" }, { ...base, name: "B" }).clashes.map((c) => c.part), ["flow:name"]);
});

/** bench is a saver with a clock, a store and a wire of our own. */
function bench(answers: (Answer | Error)[]) {
  let now = 0;
  const timers: { at: number; act: () => void; off: boolean }[] = [];
  const kept = new Map<string, string>();
  const store: Store = { get: (k) => kept.get(k) ?? null, set: (k, v) => { kept.set(k, v); }, drop: (k) => { kept.delete(k); } };
  const seen: string[] = [], sent: { base_revision: number; content: Content }[] = [];
  const events: SaverEvents = { state: (s) => seen.push(s), saved: (r) => seen.push(`r${r}`), conflict: (h) => seen.push(`by ${h.by}`) };
  const first: Doc = { content: empty, layout: {} };
  const saver = new Saver("k", { put: async (b) => { sent.push(b); const a = answers.shift()!; if (a instanceof Error) throw a; return a; } }, store,
    { now: () => now, after: (ms, act) => { const t = { at: now + ms, act, off: false }; timers.push(t); return () => { t.off = true; }; } }, events, 1, "h1", first);
  const pass = async (ms: number) => {
    now += ms;
    for (const t of timers.filter((x) => !x.off && x.at <= now)) { t.off = true; t.act(); }
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  const doc = (name: string): Doc => ({ content: { ...empty, name }, layout: {} });
  return { saver, store, kept, seen, sent, pass, doc };
}

test("changes are saved after a pause, once, and kept until then", async () => {
  const b = bench([{ status: 201, body: { revision: 2, hash: "h2", problems: [] } }]);
  b.saver.changed(b.doc("A"));
  await b.pass(500);
  b.saver.changed(b.doc("B"));
  assert.equal(left(b.store, "k")!.content.name, "B", "it is kept at once");
  await b.pass(500);
  assert.equal(b.sent.length, 0, "the pause begins anew");
  await b.pass(500);
  assert.deepEqual(b.sent.map((s) => [s.content.name, s.base_revision]), [["B", 1]]);
  assert.equal(b.kept.size, 0);
  assert.equal(b.saver.base, 2);
  assert.deepEqual(b.seen, ["waiting", "saving", "r2", "saved"]);
});

test("somebody who never pauses is saved all the same", async () => {
  const b = bench(Array.from({ length: 3 }, (_, i) => ({ status: 201, body: { revision: i + 2, hash: `h${i}` } })));
  for (let i = 0; i < 20; i++) { b.saver.changed(b.doc(`N${i}`)); await b.pass(400); }
  assert.ok(b.sent.length >= 1);
});

test("without an answer it is kept and tried again", async () => {
  const b = bench([new Error("away"), { status: 503, body: {} }, { status: 201, body: { revision: 2, hash: "h2" } }]);
  b.saver.changed(b.doc("A"));
  await b.pass(1_000);
  assert.equal(b.saver.state, "offline");
  assert.equal(left(b.store, "k")!.content.name, "A");
  b.saver.changed(b.doc("B"));
  assert.equal(b.saver.state, "offline", "still offline until it answers");
  await b.pass(1_000);
  await b.pass(2_500);
  assert.equal(b.saver.state, "saved");
  assert.deepEqual(b.sent.map((s) => s.content.name), ["A", "B", "B"]);
  assert.equal(b.kept.size, 0);
});

test("a conflict stops saving until it is settled", async () => {
  const b = bench([{ status: 409, body: { detail: "changed", head: { revision: 5, hash: "h5", by: "Ada", at: "" } } }, { status: 201, body: { revision: 6, hash: "h6" } }]);
  b.saver.changed(b.doc("A"));
  await b.pass(1_000);
  assert.deepEqual([b.saver.state, b.seen.at(-1)], ["conflict", "by Ada"]);
  b.saver.changed(b.doc("B"));
  await b.pass(60_000);
  assert.equal(b.sent.length, 1);
  assert.equal(left(b.store, "k")!.content.name, "B");
  b.saver.rebase(5, "h5", b.doc("theirs"), b.doc("both"));
  await b.pass(1_000);
  assert.deepEqual(b.sent.at(-1), { content: { ...empty, name: "both" }, layout: {}, base_revision: 5 });
  assert.equal(b.saver.state, "saved");
});

test("what cannot be saved says why, and the next change is tried", async () => {
  const b = bench([{ status: 422, body: { detail: "The name needs 1 to 200 characters." } }, { status: 201, body: { revision: 2, hash: "h2" } }]);
  b.saver.changed(b.doc(""));
  await b.pass(1_000);
  assert.equal(b.saver.sentence, "The name needs 1 to 200 characters.");
  b.saver.changed(b.doc("A"));
  await b.pass(1_000);
  assert.equal(b.saver.state, "saved");
  assert.equal(left({ ...b.store, get: () => "{broken" }, "k"), undefined);
});
