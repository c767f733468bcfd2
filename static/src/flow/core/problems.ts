// The server's findings, each at its node.
import { edgesOf, findNode, split } from "./graph";
import { Content, Problem } from "./types";

export interface Finding { node: string; edge: string; field: string; text: string }

/** findings gives each problem its node, edge and field; a problem of the whole flow has none. */
export function findings(content: Content, problems: Problem[]): Finding[] {
  return problems.map((p) => {
    const [first, second, ...rest] = p.path.split(".");
    if (first === "nodes" && second) {
      const node = /^\d+$/.test(second) ? content.nodes[Number(second)]?.id ?? "" : second;
      const field = (rest[0] === "params" ? rest.slice(1) : rest).join(".");
      return { node, edge: "", field, text: p.detail };
    }
    if (first === "edges" && second) {
      const e = edgesOf(content)[Number(second)];
      const node = e && [split(e.from)[0], e.to].find((id) => findNode(content, id));
      if (e) return { node: node ?? "", edge: `${e.from}>${e.to}`, field: "", text: p.detail };
    }
    if (p.path === "trigger" && findNode(content, content.trigger)) return { node: content.trigger, edge: "", field: "", text: p.detail };
    return { node: "", edge: "", field: p.path, text: p.detail };
  });
}

/** byNode groups findings by their node. */
export function byNode(all: Finding[]): Map<string, Finding[]> {
  const out = new Map<string, Finding[]>();
  for (const f of all) if (f.node) out.set(f.node, [...(out.get(f.node) ?? []), f]);
  return out;
}

/** next gives the place after one in the list, from the top again at its end; back goes the other way. */
export function next(count: number, current: number, back = false): number {
  if (count === 0) return -1;
  return back ? (current <= 0 ? count : current) - 1 : (current + 1) % count;
}
