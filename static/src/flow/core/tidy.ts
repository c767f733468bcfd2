// The automatic layout: top-down by dagre, branches in the order of their ports.
import { Graph, layout as dagre } from "@dagrejs/dagre";
import { edgesOf, order, split } from "./graph";
import { HEIGHT, ROW, GAP, snap, widthOf } from "./place";
import { Catalog, Content, Point } from "./types";

/** tidy places all nodes, or only some, among themselves. */
export function tidy(content: Content, cat: Catalog, only?: ReadonlySet<string>): Record<string, Point> {
  const g = new Graph();
  g.setGraph({ rankdir: "TB", nodesep: GAP, ranksep: ROW - HEIGHT, marginx: 0, marginy: 0 });
  g.setDefaultEdgeLabel(() => ({}));
  const byID = new Map(content.nodes.map((n) => [n.id, n]));
  const inside = (id: string) => byID.has(id) && (!only || only.has(id));
  const ids = order(content, cat).filter(inside);
  for (const id of ids) g.setNode(id, { width: widthOf(byID.get(id)!, cat), height: HEIGHT });
  const rank = new Map(ids.map((id, i) => [id, i]));
  const edges = edgesOf(content).filter((e) => inside(split(e.from)[0]) && inside(e.to))
    .sort((a, b) => rank.get(split(a.from)[0])! - rank.get(split(b.from)[0])!);
  for (const e of edges) g.setEdge(split(e.from)[0], e.to);
  dagre(g, { disableOptimalOrderHeuristic: true });
  const out: Record<string, Point> = {};
  for (const id of ids) {
    const n = g.node(id);
    out[id] = snap({ x: n.x - n.width / 2, y: n.y - n.height / 2 });
  }
  return out;
}
