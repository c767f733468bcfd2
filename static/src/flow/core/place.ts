// Where boxes stand: their size, a place for a new one, and what it pushes away.
import { edgesOf, exitsOf, findNode, split } from "./graph";
import { Catalog, Content, Doc, FlowNode, Layout, Point } from "./types";

export const WIDTH = 220;
export const HEIGHT = 60;
export const GRID = 20;
export const ROW = 124; // from one box's top to the next one's below
export const GAP = 40;
const PORT = 74; // the least room of one port, so that labels do not touch
const ERROR_ROOM = 48;

/** widthOf is a box's width: wide enough for the labels of its ways out. */
export function widthOf(n: FlowNode, cat: Catalog): number {
  const own = exitsOf(n, cat.spec(n.type)).length - 1;
  return Math.max(WIDTH, Math.ceil((own * PORT + ERROR_ROOM) / GRID) * GRID);
}

/** portX is where a way out stands on the lower edge. The error way is the last one, at the right end; a single way is in the middle. */
export function portX(index: number, count: number, width: number): number {
  const own = count - 1;
  if (index === own) return width - 22;
  return own === 1 ? width / 2 : ((index + 0.5) / own) * (width - ERROR_ROOM);
}

export const snap = (p: Point): Point => ({ x: Math.round(p.x / GRID) * GRID, y: Math.round(p.y / GRID) * GRID });

export interface Rect extends Point { w: number; h: number }

const hit = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.w + GRID && b.x < a.x + a.w + GRID && a.y < b.y + b.h + GRID && b.y < a.y + a.h + GRID;

export function rects(content: Content, layout: Layout, cat: Catalog): Map<string, Rect> {
  const out = new Map<string, Rect>();
  for (const n of content.nodes) {
    const p = layout.nodes?.[n.id];
    if (p) out.set(n.id, { ...p, w: widthOf(n, cat), h: HEIGHT });
  }
  return out;
}

export const at = (layout: Layout, id: string, p: Point): Layout => ({ ...layout, nodes: { ...layout.nodes, [id]: p } });

/** free finds the nearest free place to the right of a wish. */
export function free(content: Content, layout: Layout, cat: Catalog, wish: Point, width = WIDTH, except = ""): Point {
  const others = [...rects(content, layout, cat)].filter(([id]) => id !== except).map(([, r]) => r);
  let p = snap(wish);
  for (let i = 0; i < 400; i++) {
    const blocked = others.find((r) => hit({ ...p, w: width, h: HEIGHT }, r));
    if (!blocked) return p;
    p = snap({ x: Math.max(p.x + GRID, blocked.x + blocked.w + GAP), y: p.y });
  }
  return p;
}

const around: Point[] = Array.from({ length: 17 * 17 }, (_, i) => ({ x: (i % 17 - 8) * (WIDTH + GAP), y: (Math.floor(i / 17) - 8) * ROW }))
  .sort((a, b) => Math.hypot(a.x, 2 * a.y) - Math.hypot(b.x, 2 * b.y) || b.y - a.y || b.x - a.x); // a screen is wider than high

/** beside gives how far boxes have to go from where they are wished so that they hide nothing: as little as can be, or below everything. */
export function beside(others: Iterable<Rect>, wished: Rect[]): Point {
  const all = [...others];
  const spot = around.find((d) => !wished.some((r) => all.some((o) => hit({ ...r, x: r.x + d.x, y: r.y + d.y }, o))));
  return spot ?? { x: 0, y: Math.max(...all.map((o) => o.y + o.h)) - Math.min(...wished.map((r) => r.y)) + ROW - HEIGHT };
}

/** near finds the free place nearest to a wish. */
export function near(doc: Doc, cat: Catalog, wish: Point, size: { w: number; h: number }, except = ""): Point {
  const p = snap(wish), d = beside([...covered(doc, cat)].filter(([id]) => id !== except).map(([, r]) => r), [{ ...p, ...size }]);
  return { x: p.x + d.x, y: p.y + d.y };
}

/** aside moves notes away that a box lies on, to the nearest free place. */
export function aside(content: Content, layout: Layout, cat: Catalog): Layout {
  const boxes = [...rects(content, layout, cat).values()];
  let notes = layout.notes ?? [];
  for (const n of notes.filter((n) => boxes.some((r) => hit(n, r)))) {
    const p = near({ content, layout: { ...layout, notes } }, cat, n, n, n.id);
    notes = notes.map((m) => m.id === n.id ? { ...m, ...p } : m);
  }
  return notes.length > 0 ? { ...layout, notes } : layout;
}

/** covered is what nodes and notes cover. */
export function covered({ content, layout }: Doc, cat: Catalog): Map<string, Rect> {
  const out = rects(content, layout, cat);
  for (const n of layout.notes ?? []) out.set(n.id, n);
  return out;
}

/** below gives a new node behind a port its place under it, and moves what follows down when it would be in the way. */
export function below(doc: Doc, cat: Catalog, id: string, from: string): Layout {
  const [source, port] = split(from);
  const a = findNode(doc.content, source), n = findNode(doc.content, id);
  const p = doc.layout.nodes?.[source];
  if (!a || !n || !p) return at(doc.layout, id, free(doc.content, doc.layout, cat, { x: 0, y: 0 }));
  const exits = exitsOf(a, cat.spec(a.type)), w = widthOf(n, cat), wa = widthOf(a, cat);
  const i = Math.max(0, exits.findIndex((x) => x.name === port));
  const wish = snap({ x: p.x + portX(i, exits.length, wa) - w / 2, y: p.y + ROW });
  const next = edgesOf(doc.content).filter((e) => split(e.from)[0] === id).map((e) => e.to);
  let layout = doc.layout;
  if (next.some((to) => (layout.nodes?.[to]?.y ?? Infinity) < wish.y + ROW)) layout = push(doc.content, layout, next, ROW);
  return at(layout, id, free(doc.content, layout, cat, wish, w, id));
}

/** push moves nodes and all that follows them down. */
export function push(content: Content, layout: Layout, from: string[], by: number): Layout {
  const next = new Map<string, string[]>();
  for (const e of edgesOf(content)) { const [id] = split(e.from); next.set(id, [...(next.get(id) ?? []), e.to]); }
  const seen = new Set<string>(), todo = [...from];
  for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    todo.push(...(next.get(id) ?? []));
  }
  const nodes = { ...layout.nodes };
  for (const id of seen) if (nodes[id]) nodes[id] = { x: nodes[id].x, y: nodes[id].y + by };
  return { ...layout, nodes };
}

/** bounds is the frame around boxes. */
export function bounds(all: Iterable<Rect>): Rect | undefined {
  let x1 = Infinity, y1 = Infinity, x2 = -Infinity, y2 = -Infinity;
  for (const r of all) { x1 = Math.min(x1, r.x); y1 = Math.min(y1, r.y); x2 = Math.max(x2, r.x + r.w); y2 = Math.max(y2, r.y + r.h); }
  return x1 === Infinity ? undefined : { x: x1, y: y1, w: x2 - x1, h: y2 - y1 };
}

/** prune forgets places and memberships of nodes that are gone. */
export function prune(content: Content, layout: Layout): Layout {
  const there = new Set(content.nodes.map((n) => n.id));
  const nodes = Object.fromEntries(Object.entries(layout.nodes ?? {}).filter(([id]) => there.has(id)));
  const groups = (layout.groups ?? []).map((g) => ({ ...g, nodes: g.nodes.filter((id) => there.has(id)) })).filter((g) => g.nodes.length > 0);
  return { ...layout, nodes, groups };
}
