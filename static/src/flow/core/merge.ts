// Two people changed one flow. Parts are nodes, edges and the flow's own fields. What only one side changed is taken; what
// both changed in different ways is for a person to choose. Fields of one node that differ apart from each other are merged.
import { edgeKey, edgesOf, split, titleOf } from "./graph";
import { Content, FlowEdge, FlowNode } from "./types";

export type Side = "mine" | "theirs";

export interface Clash {
  /** part is node:<id> or flow:<field>. */
  part: string;
  title: string;
  /** fields are what both sides changed. */
  fields: string[];
  base: unknown;
  mine: unknown;
  theirs: unknown;
}

export interface Merged { content: Content; clashes: Clash[]; taken: string[] }

export const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(v: unknown): unknown {
  if (Array.isArray(v)) return v.map(sorted);
  if (v && typeof v === "object") {
    return Object.fromEntries(Object.entries(v).filter(([, x]) => x !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, x]) => [k, sorted(x)]));
  }
  return v;
}

type Loose = Record<string, unknown>;

/** fields gives a node as flat fields: params.<key> and the others. */
export function flat(n: FlowNode): Loose {
  const out: Loose = {};
  for (const [k, v] of Object.entries(n)) if (k !== "params" && v !== undefined && v !== "") out[k] = v;
  for (const [k, v] of Object.entries(n.params ?? {})) if (v !== undefined && v !== null) out[`params.${k}`] = v;
  return out;
}

function unflat(f: Loose): FlowNode {
  const n: Loose = {}, params: Loose = {};
  for (const [k, v] of Object.entries(f)) {
    if (v === undefined) continue;
    if (k.startsWith("params.")) params[k.slice(7)] = v; else n[k] = v;
  }
  if (Object.keys(params).length) n.params = params;
  return n as unknown as FlowNode;
}

function mergeFields(base: Loose, mine: Loose, theirs: Loose, pick: Side): { out: Loose; both: string[]; theirsTaken: boolean } {
  const out: Loose = {}, both: string[] = [];
  let theirsTaken = false;
  for (const k of new Set([...Object.keys(base), ...Object.keys(mine), ...Object.keys(theirs)])) {
    const b = base[k], m = mine[k], t = theirs[k];
    if (same(m, t) || same(b, t)) out[k] = m;
    else if (same(b, m)) { out[k] = t; theirsTaken = true; } else { both.push(k); out[k] = pick === "mine" ? m : t; }
  }
  return { out, both, theirsTaken };
}

/** merge3 brings two contents together. choose says which side a clash takes; what it leaves open takes mine. */
export function merge3(base: Content, mine: Content, theirs: Content, choose: ReadonlyMap<string, Side> = new Map()): Merged {
  const clashes: Clash[] = [], taken: string[] = [];
  const nodeIn = (c: Content, id: string) => c.nodes.find((n) => n.id === id);
  const ids = [...theirs.nodes, ...mine.nodes.filter((n) => !nodeIn(theirs, n.id))].map((n) => n.id);
  const nodes: FlowNode[] = [];
  for (const id of ids) {
    const b = nodeIn(base, id), m = nodeIn(mine, id), t = nodeIn(theirs, id);
    const part = `node:${id}`, side = choose.get(part) ?? "mine";
    if (m && t) {
      const merged = mergeFields(b ? flat(b) : {}, flat(m), flat(t), side);
      if (merged.both.length) clashes.push({ part, title: titleOf(m), fields: merged.both, base: b, mine: m, theirs: t });
      if (merged.theirsTaken) taken.push(titleOf(t));
      nodes.push(merged.both.length && side === "theirs" ? t : unflat(merged.out));
      continue;
    }
    const left = m ?? t!, gone = m ? "theirs" : "mine";
    if (!b) { nodes.push(left); if (t) taken.push(titleOf(t)); continue; } // new on one side
    if (same(flat(b), flat(left))) { if (gone === "theirs") taken.push(titleOf(left)); continue; } // removed, and the other side did not touch it
    clashes.push({ part, title: titleOf(left), fields: ["removed on one side"], base: b, mine: m, theirs: t });
    if ((side === "mine" && m) || (side === "theirs" && t)) nodes.push(left);
  }
  const there = new Set(nodes.map((n) => n.id));
  const has = (c: Content) => new Set(edgesOf(c).map(edgeKey));
  const [hb, hm, ht] = [has(base), has(mine), has(theirs)];
  const edges: FlowEdge[] = [];
  for (const e of [...edgesOf(theirs), ...edgesOf(mine).filter((e) => !ht.has(edgeKey(e)))]) {
    const k = edgeKey(e);
    const keep = hm.has(k) && ht.has(k) || !hb.has(k); // an edge is there or not: the side that changed it wins
    if (keep && there.has(split(e.from)[0]) && there.has(e.to)) edges.push(e);
  }
  const rest = (c: Content): Loose => { const { nodes: _n, edges: _e, ...r } = c; return r as unknown as Loose; };
  const own: Loose = {};
  const [rb, rm, rt] = [rest(base), rest(mine), rest(theirs)];
  for (const k of new Set([...Object.keys(rb), ...Object.keys(rm), ...Object.keys(rt)])) {
    const part = `flow:${k}`;
    const merged = mergeFields({ v: rb[k] }, { v: rm[k] }, { v: rt[k] }, choose.get(part) ?? "mine");
    if (merged.both.length) clashes.push({ part, title: `The flow's ${k}`, fields: [k], base: rb[k], mine: rm[k], theirs: rt[k] });
    if (merged.out.v !== undefined) own[k] = merged.out.v;
  }
  const content = { ...own, nodes, edges } as unknown as Content;
  if (!there.has(content.trigger) && there.has(mine.trigger)) content.trigger = mine.trigger;
  return { content, clashes, taken };
}
