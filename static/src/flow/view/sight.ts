// What of the drawing is in sight: the bar, the map and, on a phone, the sheets lie over it. Points are on the screen.
import type { Viewport } from "@xyflow/react";
import type { Point } from "../core/types";

interface Box extends Point { w: number; h: number }

const box = (r: DOMRect): Box => ({ x: r.x, y: r.y, w: r.width, h: r.height });
const meet = (a: Box, b: Box): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

/** room is the part of the drawing that nothing lies over, but for the map. */
function room(pane: HTMLElement): Box {
  const all = box(pane.getBoundingClientRect()), root = pane.closest(".builder-grid")!;
  const top = Math.max(all.y, root.querySelector(".canvas-bar")?.getBoundingClientRect().bottom ?? all.y);
  let end = all.y + all.h;
  for (const d of root.querySelectorAll(".drawer:not(.drawer-many)")) { const sheet = box(d.getBoundingClientRect()); if (meet(sheet, all)) end = Math.min(end, sheet.y); }
  return { x: all.x, y: top, w: all.w, h: Math.max(0, end - top) };
}

/** middle is the point of the drawing that is in the middle of what can be seen. */
export function middle(pane: HTMLElement, { x, y, zoom }: Viewport): Point {
  const r = room(pane), all = pane.getBoundingClientRect();
  return { x: (r.x + r.w / 2 - all.x - x) / zoom, y: (r.y + r.h / 2 - all.y - y) / zoom };
}

/** toMiddle is the viewport that has a box in the middle. */
export function toMiddle(pane: HTMLElement, of: Box, zoom: number): Viewport {
  const m = middle(pane, { x: 0, y: 0, zoom: 1 });
  return { zoom, x: m.x - (of.x + of.w / 2) * zoom, y: m.y - (of.y + of.h / 2) * zoom };
}

/** seen tells whether a box is in sight as a whole. */
export function seen(pane: HTMLElement, of: Box, { x, y, zoom }: Viewport): boolean {
  const all = pane.getBoundingClientRect(), r = room(pane);
  if (r.w === 0 || r.h === 0) return true; // nothing could be
  const b = { x: all.x + x + of.x * zoom, y: all.y + y + of.y * zoom, w: of.w * zoom, h: of.h * zoom };
  const map = pane.querySelector(".react-flow__minimap")?.getBoundingClientRect();
  return b.x >= r.x && b.y >= r.y && b.x + b.w <= r.x + r.w && b.y + b.h <= r.y + r.h && !(map && map.width > 0 && meet(b, box(map)));
}
