// Copying between places, tabs and flows. A snippet holds nodes, the edges among them, and where they stood. As text it is
// YAML; among tabs of one browser it travels whole, under a type of its own.
import { ID, edgesOf, findNode, freeID, split } from "./graph";
import { renamed } from "./rename";
import { Catalog, Content, Doc, FlowEdge, FlowNode, Group, Layout, MOST, Note, Point } from "./types";
import { toYAML } from "./yaml";

export const MIME = "application/x-joinery-flow+json";

export interface Snippet { nodes: FlowNode[]; edges: FlowEdge[]; at?: Record<string, Point>; notes?: Note[]; groups?: Group[] }

/** copy takes what is chosen: nodes, the edges among them, notes. */
export function copy(doc: Doc, ids: ReadonlySet<string>): Snippet {
  const nodes = doc.content.nodes.filter((n) => ids.has(n.id));
  const inside = (id: string) => nodes.some((n) => n.id === id);
  const at: Record<string, Point> = {};
  for (const n of nodes) { const p = doc.layout.nodes?.[n.id]; if (p) at[n.id] = p; }
  return {
    nodes,
    edges: edgesOf(doc.content).filter((e) => inside(split(e.from)[0]) && inside(e.to)),
    at,
    notes: (doc.layout.notes ?? []).filter((n) => ids.has(n.id)),
    groups: (doc.layout.groups ?? []).filter((g) => g.nodes.length > 0 && g.nodes.every(inside)),
  };
}

/** asText is YAML of nodes; notes alone are their own text. */
export const asText = (s: Snippet): string => (s.nodes.length ? toYAML({ nodes: s.nodes.map(({ id, type, name, ...rest }) => ({ id, type, name, ...rest })), edges: s.edges.length ? s.edges : undefined }) : (s.notes ?? []).map((n) => n.text).join("\n\n"));

/** count says how many there are. */
export function count(nodes: number, notes: number): string {
  const some = (n: number, one: string) => (n === 1 ? `one ${one}` : `${n} ${one}s`);
  const text = [nodes || !notes ? some(nodes, "node") : "", notes ? some(notes, "note") : ""].filter(Boolean).join(" and ");
  return text[0].toUpperCase() + text.slice(1);
}

const isNode = (n: unknown): n is FlowNode => typeof (n as FlowNode)?.id === "string" && typeof (n as FlowNode)?.type === "string";
const isEdge = (e: unknown): e is FlowEdge => typeof (e as FlowEdge)?.from === "string" && typeof (e as FlowEdge)?.to === "string";
const isPoint = (p: unknown): p is Point => Number.isFinite((p as Point)?.x) && Number.isFinite((p as Point)?.y);

/** read takes JSON: a snippet, or a whole flow. undefined when it is neither. */
export function read(text: string): Snippet | undefined {
  let v: unknown;
  try { v = JSON.parse(text); } catch { return undefined; }
  return asSnippet(v);
}

export function asSnippet(v: unknown): Snippet | undefined {
  const x = v as Partial<Snippet> | null;
  if (!x || !Array.isArray(x.nodes) || !x.nodes.every(isNode)) return undefined;
  const notes = Array.isArray(x.notes) ? x.notes.filter((n) => isPoint(n) && typeof n.text === "string").map((n) => ({ ...n, text: n.text.slice(0, MOST.note) })) : [];
  if (x.nodes.length + notes.length === 0) return undefined;
  const at: Record<string, Point> = {};
  for (const [id, p] of Object.entries(x.at ?? {})) if (isPoint(p)) at[id] = { x: p.x, y: p.y };
  return { nodes: x.nodes, edges: Array.isArray(x.edges) ? x.edges.filter(isEdge) : [], at, notes, groups: Array.isArray(x.groups) ? x.groups.filter((g) => Array.isArray(g?.nodes) && typeof g.title === "string").map((g) => ({ ...g, title: g.title.slice(0, MOST.title) })) : [] };
}

/** paste puts a snippet into a document; ids that are taken are renewed, also where expressions of the snippet name them. A second start is left out. */
export function paste(doc: Doc, cat: Catalog, s: Snippet, move: (p: Point) => Point): { doc: Doc; ids: string[] } {
  const now = new Map<string, string>();
  const taken = new Set(doc.content.nodes.map((n) => n.id));
  let started = !!findNode(doc.content, doc.content.trigger);
  const pasted = s.nodes.filter((n) => { const start = !!cat.spec(n.type)?.trigger; if (start && started) return false; started ||= start; return true; }); // a flow has one start
  for (const n of pasted) {
    const id = !ID.test(n.id) ? freeID((x) => taken.has(x), n.type) : taken.has(n.id) ? freeID((x) => taken.has(x), n.id.replace(/\d+$/, "").replace(/_$/, "")) : n.id;
    taken.add(id);
    now.set(n.id, id);
  }
  const nodes = pasted.map((n) => ({ ...n, id: now.get(n.id)!, ...(n.params ? { params: renamed(n, cat.spec(n.type), now) } : {}) }));
  const edges = s.edges.filter((e) => now.has(split(e.from)[0]) && now.has(e.to))
    .map((e) => { const [from, port] = split(e.from); return { from: `${now.get(from)}.${port}`, to: now.get(e.to)! }; });
  let content: Content = { ...doc.content, nodes: [...doc.content.nodes, ...nodes], edges: [...edgesOf(doc.content), ...edges] };
  if (!findNode(doc.content, doc.content.trigger)) {
    const start = nodes.find((n) => cat.spec(n.type)?.trigger);
    if (start) content = { ...content, trigger: start.id };
  }
  const layout: Layout = { ...doc.layout, nodes: { ...doc.layout.nodes } };
  for (const n of pasted) { const p = s.at?.[n.id]; if (p) layout.nodes![now.get(n.id)!] = move(p); }
  const notes = (s.notes ?? []).slice(0, MOST.notes - (doc.layout.notes ?? []).length).map((n) => ({ ...n, ...move(n), id: fresh("note") }));
  layout.notes = [...(doc.layout.notes ?? []), ...notes];
  const groups = (s.groups ?? []).slice(0, MOST.groups - (doc.layout.groups ?? []).length).map((g) => ({ ...g, id: fresh("group"), nodes: g.nodes.map((id) => now.get(id) ?? "").filter(Boolean) }));
  layout.groups = [...(doc.layout.groups ?? []), ...groups];
  return { doc: { content, layout }, ids: [...nodes.map((n) => n.id), ...notes.map((n) => n.id)] };
}

export const fresh = (what: string): string => `${what}-${Math.random().toString(36).slice(2, 10)}`;
