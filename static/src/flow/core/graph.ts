// What can be done to a flow's content. Every function gives a new content and leaves the old one as it is; untouched parts
// are shared. The rules are those of internal/flow/edit.go, so that canvas and outline come to the same content.
import { Catalog, Content, FlowEdge, FlowNode, Port, Spec } from "./types";

export const ERROR = "error";

export const edgesOf = (c: Content): FlowEdge[] => c.edges ?? [];

export const findNode = (c: Content, id: string): FlowNode | undefined => c.nodes.find((n) => n.id === id);

export const titleOf = (n: FlowNode): string => n.name || n.id;

export const edgeKey = (e: FlowEdge): string => `${e.from}>${e.to}`;

export function split(from: string): [string, string] {
  const dot = from.indexOf(".");
  return dot < 0 ? [from, ""] : [from.slice(0, dot), from.slice(dot + 1)];
}

/** portsOf lists a node's own ways out, those of its cases first. */
export function portsOf(n: FlowNode, spec?: Spec): Port[] {
  const own = spec?.ports ?? [];
  if (!spec?.ports_from) return own;
  const cases: Port[] = [];
  const list = n.params?.[spec.ports_from];
  for (const x of Array.isArray(list) ? list : []) {
    const name = typeof x?.port === "string" ? x.port : "";
    if (name && !cases.some((p) => p.name === name)) cases.push({ name, label: name });
  }
  return [...cases, ...own];
}

/** exitsOf lists all ways out, the error way last. */
export function exitsOf(n: FlowNode, spec?: Spec): Port[] {
  if (spec?.ends) return [];
  return [...portsOf(n, spec), { name: ERROR, label: "on error" }];
}

/** freeID gives an id for a new node of a type. */
export function freeID(taken: (id: string) => boolean, kind: string): string {
  let base = kind.replace(/[.-]/g, "_");
  if (kind.startsWith("hris.") || kind.startsWith("notify.")) base = kind.slice(kind.indexOf(".") + 1);
  for (let i = 1; ; i++) {
    const id = i === 1 ? base : `${base}_${i}`;
    if (!taken(id)) return id;
  }
}

/** newNode says nothing yet: what is not said counts as the type's default. */
const newNode = (c: Content, spec: Spec): FlowNode => ({ id: freeID((id) => !!findNode(c, id), spec.kind), type: spec.kind });

/** add puts a new node behind a port; what followed the port follows the new node's first port. With from "" it stands alone. */
export function add(c: Content, spec: Spec, from = ""): { content: Content; id: string } {
  const n = newNode(c, spec);
  let out: Content = { ...c, nodes: [...c.nodes, n] };
  if (from === "") {
    if (!findNode(c, c.trigger) && spec.trigger) out = { ...out, trigger: n.id };
    return { content: out, id: n.id };
  }
  const first = spec.ports?.[0]?.name;
  const kept: FlowEdge[] = [];
  for (const e of edgesOf(c)) {
    if (e.from !== from) kept.push(e);
    else if (first && !spec.ends) kept.push({ from: `${n.id}.${first}`, to: e.to });
  }
  return { content: { ...out, edges: [...kept, { from, to: n.id }] }, id: n.id };
}

/** insert puts a new node on one edge, at the edge's place in the list; other edges of the same port stay. */
export function insert(c: Content, spec: Spec, on: FlowEdge): { content: Content; id: string } {
  const n = newNode(c, spec);
  const first = spec.ends ? undefined : spec.ports?.[0]?.name;
  const edges = edgesOf(c).flatMap((e) => (e.from !== on.from || e.to !== on.to ? [e] : [{ from: on.from, to: n.id }, ...(first ? [{ from: `${n.id}.${first}`, to: on.to }] : [])]));
  return { content: { ...c, nodes: [...c.nodes, n], edges }, id: n.id };
}

/** remove takes a node out. When one thing followed it, what led to it leads there. Without its start a flow waits for another. */
export function remove(c: Content, id: string): Content {
  const next = new Set(edgesOf(c).filter((e) => { const [from, port] = split(e.from); return from === id && port !== ERROR; }).map((e) => e.to));
  const heir = next.size === 1 ? [...next][0] : "";
  const there = new Set(edgesOf(c).map(edgeKey));
  const edges: FlowEdge[] = [];
  for (const e of edgesOf(c)) {
    if (split(e.from)[0] === id) continue;
    if (e.to !== id) { edges.push(e); continue; }
    const healed = { from: e.from, to: heir };
    if (heir && !there.has(edgeKey(healed))) edges.push(healed);
  }
  return { ...c, trigger: c.trigger === id ? "" : c.trigger, nodes: c.nodes.filter((n) => n.id !== id), edges };
}

export const removeAll = (c: Content, ids: Iterable<string>): Content => [...ids].reduce(remove, c);

export const disconnect = (c: Content, gone: FlowEdge): Content =>
  ({ ...c, edges: edgesOf(c).filter((e) => e.from !== gone.from || e.to !== gone.to) });

export const connect = (c: Content, from: string, to: string): Content => ({ ...c, edges: [...edgesOf(c), { from, to }] });

/** lead makes a port lead to one node only, or to none with "". The edge keeps its place. */
export function lead(c: Content, from: string, to: string): Content {
  const own = edgesOf(c).filter((e) => e.from === from), kept = own.find((e) => e.to === to) ?? own[0];
  if (!kept) return to ? connect(c, from, to) : c;
  return { ...c, edges: edgesOf(c).filter((e) => e.from !== from || (to && e === kept)).map((e) => (e === kept && e.to !== to ? { from, to } : e)) };
}

/** reconnect moves an edge, keeping its place in the list. */
export const reconnect = (c: Content, old: FlowEdge, now: FlowEdge): Content =>
  ({ ...c, edges: edgesOf(c).map((e) => (e.from === old.from && e.to === old.to ? now : e)) });

/** reaches tells whether one node leads to another. */
export function reaches(c: Content, from: string, to: string): boolean {
  const next = new Map<string, string[]>();
  for (const e of edgesOf(c)) {
    const [id] = split(e.from);
    next.set(id, [...(next.get(id) ?? []), e.to]);
  }
  const seen = new Set<string>(), todo = [from];
  for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
    if (id === to) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    todo.push(...(next.get(id) ?? []));
  }
  return false;
}

/** whyNot says why a port cannot lead to a node; "" when it can. */
export function whyNot(c: Content, cat: Catalog, from: string, to: string, moving?: FlowEdge): string {
  const [source, port] = split(from);
  const a = findNode(c, source), b = findNode(c, to);
  if (!a || !b) return "There is no such node.";
  const sa = cat.spec(a.type), sb = cat.spec(b.type);
  if (source === to) return "A node cannot lead to itself.";
  if (sa?.ends) return `${titleOf(a)} ends the run, so nothing can follow it.`;
  if (to === c.trigger || sb?.trigger) return `${titleOf(b)} starts the flow, so nothing can lead to it.`;
  if (sa && !exitsOf(a, sa).some((p) => p.name === port)) return `${titleOf(a)} has no way out named ${port}.`;
  const without = moving ? disconnect(c, moving) : c;
  if (edgesOf(without).some((e) => e.from === from && e.to === to)) return "They are connected already.";
  if (reaches(without, to, source)) return `That would be a circle: ${titleOf(b)} already leads to ${titleOf(a)}.`;
  return "";
}

export const setNode = (c: Content, was: string, n: FlowNode): Content => {
  const renamed = was === n.id ? c : rename(c, was, n.id);
  return { ...renamed, nodes: renamed.nodes.map((x) => (x.id === n.id ? n : x)) };
};

export const ID = /^[a-z][a-z0-9_]{0,62}$/;

/** rename gives a node another id; edges follow. */
export function rename(c: Content, was: string, id: string): Content {
  if (was === id || !ID.test(id) || findNode(c, id)) return c;
  return {
    ...c,
    trigger: c.trigger === was ? id : c.trigger,
    nodes: c.nodes.map((n) => (n.id === was ? { ...n, id } : n)),
    edges: edgesOf(c).map((e) => {
      const [from, port] = split(e.from);
      return { from: from === was ? `${id}.${port}` : e.from, to: e.to === was ? id : e.to };
    }),
  };
}

/** nextPort is the port a new node behind this one is put at: the first that leads nowhere, else the first. */
export function nextPort(c: Content, n: FlowNode, spec?: Spec): string {
  const ports = portsOf(n, spec);
  if (spec?.ends || ports.length === 0) return "";
  const free = ports.find((p) => !edgesOf(c).some((e) => e.from === `${n.id}.${p.name}`));
  return `${n.id}.${(free ?? ports[0]).name}`;
}

/** order lists the nodes from the start on, ports in their order. */
export function order(c: Content, cat: Catalog): string[] {
  const out: string[] = [], seen = new Set<string>();
  const incoming = new Map<string, number>(), byPort = new Map<string, string[]>();
  for (const e of edgesOf(c)) {
    incoming.set(e.to, (incoming.get(e.to) ?? 0) + 1);
    byPort.set(e.from, [...(byPort.get(e.from) ?? []), e.to]);
  }
  const nodes = new Map(c.nodes.map((n) => [n.id, n]));
  const visit = (id: string) => {
    const n = nodes.get(id);
    if (!n || seen.has(id)) return;
    seen.add(id);
    out.push(id);
    for (const p of exitsOf(n, cat.spec(n.type))) {
      for (const to of byPort.get(`${id}.${p.name}`) ?? []) {
        const left = (incoming.get(to) ?? 1) - 1;
        incoming.set(to, left);
        if (left <= 0) visit(to);
      }
    }
  };
  visit(c.trigger);
  for (const n of c.nodes) if (!seen.has(n.id) && !(incoming.get(n.id) ?? 0)) visit(n.id);
  for (const n of c.nodes) if (!seen.has(n.id)) { seen.add(n.id); out.push(n.id); }
  return out;
}
