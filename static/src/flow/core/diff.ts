// What changed between two contents, by node and by field. Where boxes stand is no change.
import { edgeKey, edgesOf, titleOf } from "./graph";
import { flat, same } from "./merge";
import { Content, FlowEdge, FlowNode } from "./types";

export type Mark = "added" | "removed" | "changed" | "same";

export interface FieldChange { field: string; before: unknown; after: unknown }
export interface NodeChange { id: string; title: string; mark: Mark; node: FlowNode; fields: FieldChange[] }
export interface EdgeChange { edge: FlowEdge; mark: Mark }
export interface Difference { nodes: NodeChange[]; edges: EdgeChange[]; flow: FieldChange[]; content: Content }

/** fieldChanges compares two flat sets of fields. */
export function fieldChanges(a: Record<string, unknown>, b: Record<string, unknown>): FieldChange[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((k) => !same(a[k], b[k])).map((field) => ({ field, before: a[field], after: b[field] }));
}

/** diff compares; content holds all nodes and edges of both, so that one drawing shows them. */
export function diff(before: Content, after: Content): Difference {
  const was = new Map(before.nodes.map((n) => [n.id, n])), is = new Map(after.nodes.map((n) => [n.id, n]));
  const nodes: NodeChange[] = after.nodes.map((n) => {
    const old = was.get(n.id);
    if (!old) return { id: n.id, title: titleOf(n), mark: "added", node: n, fields: [] };
    const fields = fieldChanges(flat(old), flat(n));
    return { id: n.id, title: titleOf(n), mark: fields.length ? "changed" : "same", node: n, fields };
  });
  for (const n of before.nodes) if (!is.has(n.id)) nodes.push({ id: n.id, title: titleOf(n), mark: "removed", node: n, fields: [] });
  const had = new Set(edgesOf(before).map(edgeKey)), has = new Set(edgesOf(after).map(edgeKey));
  const edges: EdgeChange[] = [
    ...edgesOf(after).map((edge): EdgeChange => ({ edge, mark: had.has(edgeKey(edge)) ? "same" : "added" })),
    ...edgesOf(before).filter((e) => !has.has(edgeKey(e))).map((edge): EdgeChange => ({ edge, mark: "removed" })),
  ];
  const own = (c: Content) => { const { nodes: _n, edges: _e, ...r } = c; return r as unknown as Record<string, unknown>; };
  return { nodes, edges, flow: fieldChanges(own(before), own(after)), content: { ...after, nodes: nodes.map((n) => n.node), edges: edges.map((e) => e.edge) } };
}
