// Ways for edges: an edge that leads past other boxes goes down between them, in a lane of its own.
import { edgeKey, edgesOf, exitsOf, split } from "./graph";
import { HEIGHT, portX, rects, widthOf } from "./place";
import { Catalog, Content, Layout } from "./types";

export const STUB = 22; // how far an edge goes straight before it turns
const SIDE = 18; // how far a lane stays from a box
const APART = 8;

interface Box { x: number; y: number; w: number; h: number }

/** lanes gives the x of the lane for each edge that needs one. */
export function lanes(content: Content, layout: Layout, cat: Catalog): Map<string, number> {
  const out = new Map<string, number>();
  const boxes = rects(content, layout, cat);
  const list = [...boxes].sort((a, b) => a[1].y - b[1].y);
  const nodes = new Map(content.nodes.map((n) => [n.id, n]));
  const used: { x: number; from: number; to: number; key: string; source: string; target: string }[] = [];
  for (const e of edgesOf(content)) {
    const [id, port] = split(e.from);
    const a = boxes.get(id), b = boxes.get(e.to), n = nodes.get(id);
    if (!a || !b || !n) continue;
    const exits = exitsOf(n, cat.spec(n.type)), i = Math.max(0, exits.findIndex((p) => p.name === port));
    const sx = a.x + portX(i, exits.length, widthOf(n, cat)), sy = a.y + HEIGHT, tx = b.x + b.w / 2, ty = b.y;
    const top = sy + STUB, end = ty - STUB;
    if (end - top < HEIGHT) continue;
    const between: Box[] = [];
    for (const [other, r] of list) {
      if (r.y > end) break;
      if (other !== id && other !== e.to && r.y + r.h > top) between.push(r);
    }
    if (between.length === 0) continue;
    const free = (x: number) => !between.some((r) => x > r.x - SIDE + 1 && x < r.x + r.w + SIDE - 1);
    const wishes = [sx, tx, ...between.flatMap((r) => [r.x - SIDE, r.x + r.w + SIDE])].flatMap((x) => [x, x - APART, x + APART, x - 2 * APART, x + 2 * APART]).filter(free);
    const cost = (x: number) => {
      let c = Math.abs(x - sx) + Math.abs(x - tx);
      for (const u of used) if (Math.abs(u.x - x) < APART - 1 && u.from < end && u.to > top && u.source !== id && u.target !== e.to) c += 60;
      return c;
    };
    let best: number | undefined, least = Infinity;
    for (const x of wishes) { const c = cost(x); if (c < least) { least = c; best = x; } }
    if (best === undefined) continue;
    out.set(edgeKey(e), Math.round(best));
    used.push({ x: best, from: top, to: end, key: edgeKey(e), source: id, target: e.to });
  }
  return out;
}

/** path draws a line through points, with round corners. */
export function path(points: [number, number][], radius = 10): string {
  const p = points.filter(([x, y], i) => i === 0 || Math.abs(x - points[i - 1][0]) > 0.5 || Math.abs(y - points[i - 1][1]) > 0.5);
  let d = `M${p[0][0]} ${p[0][1]}`;
  for (let i = 1; i < p.length - 1; i++) {
    const [x0, y0] = p[i - 1], [x, y] = p[i], [x1, y1] = p[i + 1];
    const r = Math.min(radius, (Math.abs(x - x0) + Math.abs(y - y0)) / 2, (Math.abs(x1 - x) + Math.abs(y1 - y)) / 2);
    d += `L${x - Math.sign(x - x0) * r} ${y - Math.sign(y - y0) * r}Q${x} ${y} ${x + Math.sign(x1 - x) * r} ${y + Math.sign(y1 - y) * r}`;
  }
  const [x, y] = p[p.length - 1];
  return `${d}L${x} ${y}`;
}

/** through is the way of an edge in its lane, and where its + stands. */
export function through(sx: number, sy: number, tx: number, ty: number, lane: number): { d: string; x: number; y: number } {
  return { d: path([[sx, sy], [sx, sy + STUB], [lane, sy + STUB], [lane, ty - STUB], [tx, ty - STUB], [tx, ty]]), x: lane, y: (sy + ty) / 2 };
}
