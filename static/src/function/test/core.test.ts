import assert from "node:assert/strict";
import { test } from "node:test";
import { read } from "../../answer";
import { Answer, Keeper } from "../keep";
import { Library, locals } from "../library";

/** desk is a keeper with time, storage and server by hand. */
function desk() {
  const stored = new Map<string, string>(), said: string[] = [], sent: Record<string, string>[] = [];
  let base = "1", text = "", due: (() => void) | undefined, answer: Answer | Error = { status: 200, body: { revision: 2 } };
  const clash: string[] = [];
  const keeper = new Keeper({
    key: "k", base: () => base, fields: () => [["source", text]], saved: (n) => { base = String(n); }, say: (t) => said.push(t), conflict: (html) => clash.push(html), problems: () => undefined, now: () => 0,
    store: { get: (k) => stored.get(k) ?? null, set: (k, v) => stored.set(k, v), drop: (k) => stored.delete(k) },
    after: (_, act) => { due = act; return () => { due = undefined; }; },
    send: async (more) => { sent.push({ ...more, base, text }); if (answer instanceof Error) throw answer; return answer; },
  });
  const settle = () => new Promise((done) => setTimeout(done, 0));
  return { keeper, stored, said, sent, clash, base: () => base, type: (t: string) => { text = t; keeper.changed(); }, answers: (a: Answer | Error) => { answer = a; }, pass: async () => { const act = due; due = undefined; act?.(); await settle(); }, waits: () => due !== undefined };
}

test("what is typed lies in the browser until the server has it", async () => {
  const d = desk();
  d.type("a");
  assert.equal(JSON.parse(d.stored.get("k")!).fields[0][1], "a");
  await d.pass();
  assert.equal(d.stored.size, 0);
  assert.equal(d.base(), "2");
  assert.equal(d.said.at(-1), "Saved as revision 2.");
});

test("what is typed while saving is saved after it", async () => {
  const d = desk();
  d.type("a");
  const flying = d.pass();
  d.type("ab");
  await flying;
  assert.equal(d.keeper.dirty, true);
  await d.pass();
  assert.deepEqual(d.sent.map((s) => s.text), ["a", "ab"]);
  assert.equal(d.keeper.dirty, false);
});

test("a server that is away is asked again, and a clash waits for a person", async () => {
  const d = desk();
  d.answers(new Error("away"));
  d.type("a");
  await d.pass();
  assert.match(d.said.at(-1)!, /does not answer/);
  assert.equal(d.waits(), true);
  d.answers({ status: 409, body: { conflict: "<p>two</p>", detail: "x" } });
  await d.pass();
  assert.deepEqual(d.clash, ["<p>two</p>"]);
  d.type("ab");
  assert.equal(d.waits(), false, "nothing is sent over another's work");
  assert.equal(JSON.parse(d.stored.get("k")!).fields[0][1], "ab");
  d.answers({ status: 200, body: { revision: 4 } });
  await d.keeper.now({ op: "overwrite", newest: "3" });
  assert.equal(d.keeper.dirty, false);
});

test("a field that cannot be read keeps all in the browser", async () => {
  const d = desk();
  d.answers({ status: 422, body: { detail: "Not saved: a field cannot be read yet.", problems: [] } });
  d.type("a");
  await d.pass();
  assert.equal(d.stored.size, 1);
  assert.equal(d.keeper.left()!.base, "1");
});

test("grants decide what is offered first and what is told", () => {
  const find = { name: "directory.group_exists", signature: "", help: "", example: "", effect: "read", capability: "directory", operation: "groups.find", params: [{ name: "connection", type: "text" }] };
  const grants: string[] = [];
  const library = new Library([find], () => grants);
  assert.match(library.needs(find), /directory:<connection>:groups.find/);
  grants.push("directory:corp:groups.find", "hris:hr:workers.get");
  assert.equal(library.needs(find), "");
  assert.deepEqual(library.connections(find), ["corp"]);
});

test("names that the code declares are known", () => {
  const code = "return function(input)\n  local a, b = 1, 2\n  for i, v in ipairs(x) do local function help(q) end end\n";
  for (const name of ["input", "a", "b", "i", "v", "help"]) assert.ok(locals(code, code.length).includes(name), name);
});

// A page that is left, or a line that breaks, ends an answer in its middle: its first line said 200.
test("an answer that was cut short is none", async () => {
  const cut = (status: number) => new Response(new ReadableStream({ start: (c) => { c.enqueue(new TextEncoder().encode('{"pro')); c.error(new TypeError("network error")); } }), { status });
  await assert.rejects(read(cut(200)), TypeError);
  await assert.rejects(read(new Response("<p>Welcome</p>")), SyntaxError);
  assert.deepEqual(await read(new Response('{"problems":[]}')), { problems: [] });
  assert.deepEqual(await read(new Response("Bad gateway", { status: 502 })), {});
  assert.deepEqual(await read(cut(503)), {});
});
