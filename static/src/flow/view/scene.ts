// Makes the view's nodes and edges of the document. What has not changed keeps its object, so that it is not drawn again.
import { MarkerType, Position, type Edge, type Node } from "@xyflow/react";
import type { Editor } from "../core/editor";
import { edgeKey, edgesOf, exitsOf, split, titleOf } from "../core/graph";
import { lanes } from "../core/lanes";
import { HEIGHT, bounds, portX, widthOf } from "../core/place";
import type { Group, Point } from "../core/types";
import type { Session } from "../session";
import { BoxData, spoken } from "./Box";

const PORT = 10;
const PAD = 24;
const HEAD = 30;

const shallow = (a: Record<string, unknown>, b: Record<string, unknown>): boolean => {
  const keys = Object.keys(b);
  return keys.length === Object.keys(a).length && keys.every((k) => a[k] === b[k]);
};

export interface Scene { nodes: Node[]; edges: Edge[] }

const exitsCache = new WeakMap<object, ReturnType<typeof exitsOf>>();
const exits = (n: Parameters<typeof exitsOf>[0], spec: Parameters<typeof exitsOf>[1]) => {
  let out = exitsCache.get(n);
  if (!out) exitsCache.set(n, out = exitsOf(n, spec));
  return out;
};

/** build makes the scene; before is the one that is shown now. */
export function build(editor: Editor, session: Session, naming: string, before: Scene | undefined): Scene {
  const { content, layout } = editor.doc;
  const was = new Map((before?.nodes ?? []).map((n) => [n.id, n]));
  const taken = new Map<string, Set<string>>();
  for (const e of edgesOf(content)) {
    const [id, port] = split(e.from);
    if (!taken.has(id)) taken.set(id, new Set());
    taken.get(id)!.add(port);
  }
  const { marks } = session.start, moved = session.shows.moved ? marks?.moved ?? {} : {};
  const there = new Map<string, string[]>();
  for (const o of session.others) if (o.node) there.set(o.node, [...(there.get(o.node) ?? []), o.mine ? `${o.name} (other tab)` : o.name]);
  const roving = [...editor.selected].find((id) => content.nodes.some((n) => n.id === id)) ?? (content.trigger || content.nodes[0]?.id);
  const nodes: Node[] = [];
  for (const group of layout.groups ?? []) nodes.push(frame({ group, naming: naming === group.id }, was, (id) => place(id)));
  function place(id: string): { x: number; y: number; w: number; h: number } | undefined {
    const p = layout.nodes?.[id], n = content.nodes.find((x) => x.id === id);
    return p && n ? { ...p, w: widthOf(n, editor.catalog), h: HEIGHT } : undefined;
  }
  for (const n of content.nodes) {
    const spec = editor.spec(n), old = was.get(n.id);
    const run = session.painted(n.id);
    const oldData = old?.data as BoxData | undefined;
    let data: BoxData = {
      n, spec, exits: exits(n, spec), taken: [...(taken.get(n.id) ?? [])].join(" "), findings: editor.problemsOf.get(n.id), others: (there.get(n.id) ?? []).join(", "),
      naming: naming === n.id, trigger: content.trigger === n.id, width: widthOf(n, editor.catalog), mark: marks && (marks.nodes[n.id] === "same" && moved[n.id] ? "moved" : marks.nodes[n.id]), run: oldData?.run && JSON.stringify(oldData.run) === JSON.stringify(run) ? oldData.run : run,
    };
    if (oldData && shallow(oldData, data)) data = oldData;
    const position = layout.nodes?.[n.id] ?? { x: 0, y: 0 };
    const selected = editor.selected.has(n.id), tab = n.id === roving ? 0 : -1;
    if (old && old.data === data && old.selected === selected && old.position.x === position.x && old.position.y === position.y && (old.domAttributes as { tabIndex?: number })?.tabIndex === tab) {
      nodes.push(old);
      continue;
    }
    const w = widthOf(n, editor.catalog);
    nodes.push({
      ...(old ?? {}), id: n.id, type: "box", position, data, selected, width: w, height: HEIGHT, focusable: false, zIndex: 1,
      className: ["box", `box-${spec?.category ?? "unknown"}`, data.findings?.length ? "is-bad" : "", data.trigger ? "is-start" : "", data.others ? "is-shared" : "", data.mark ? `is-${data.mark}` : "", run ? `run-${run.tone} run-is-${run.state}` : ""].filter(Boolean).join(" "),
      domAttributes: { tabIndex: tab, role: "group", "aria-roledescription": "node", "aria-label": spoken(data) } as Node["domAttributes"],
      handles: [
        ...(spec?.trigger ? [] : [{ id: null, type: "target" as const, position: Position.Top, x: w / 2 - PORT / 2, y: -PORT / 2, width: PORT, height: PORT }]),
        ...data.exits.map((p, i) => ({ id: p.name, type: "source" as const, position: Position.Bottom, x: portX(i, data.exits.length, w) - PORT / 2, y: HEIGHT - PORT / 2, width: PORT, height: PORT })),
      ],
    });
  }
  for (const note of layout.notes ?? []) {
    const old = was.get(note.id), selected = editor.selected.has(note.id), data = { note, naming: naming === note.id };
    if (old && shallow(old.data, data) && old.selected === selected) { nodes.push(old); continue; }
    nodes.push({ ...(old ?? {}), id: note.id, type: "note", position: { x: note.x, y: note.y }, data, selected, width: note.w, height: note.h, focusable: false, zIndex: 0, className: "note-box",
      domAttributes: { tabIndex: 0, role: "group", "aria-roledescription": "note", "aria-label": `Note: ${note.text || "empty"}` } as Node["domAttributes"] });
  }
  for (const [id, p] of Object.entries(moved)) {
    const n = content.nodes.find((x) => x.id === id);
    if (n) nodes.push(was.get(`was:${id}`) ?? { id: `was:${id}`, type: "ghost", position: p, data: { title: titleOf(n) }, width: widthOf(n, editor.catalog), height: HEIGHT, selectable: false, focusable: false, zIndex: -1, className: "ghost-box" });
  }
  return { nodes, edges: edges(editor, session, before) };
}

function frame(data: { group: Group; naming: boolean }, was: Map<string, Node>, place: (id: string) => { x: number; y: number; w: number; h: number } | undefined): Node {
  const { group } = data;
  const b = bounds(group.nodes.map(place).filter((r) => r !== undefined)) ?? { x: 0, y: 0, w: 100, h: 60 };
  const old = was.get(group.id);
  const position = { x: b.x - PAD, y: b.y - PAD - HEAD }, width = b.w + 2 * PAD, height = b.h + 2 * PAD + HEAD + 16;
  if (old && shallow(old.data, data) && old.position.x === position.x && old.position.y === position.y && old.width === width && old.height === height) return old;
  return { ...(old ?? {}), id: group.id, type: "frame", position, data, width, height, selectable: false, focusable: false, zIndex: -1, className: "frame-box", dragHandle: ".frame-head",
    domAttributes: { role: "group", "aria-label": `Group ${group.title}`, "aria-roledescription": "group" } as Node["domAttributes"] };
}

/** reframe lets frames follow while their nodes are dragged. */
export function reframe(nodes: Node[]): Node[] {
  if (!nodes.some((n) => n.type === "frame")) return nodes;
  const at = new Map<string, { x: number; y: number; w: number; h: number }>();
  for (const n of nodes) if (n.type === "box") at.set(n.id, { ...n.position, w: n.width ?? 0, h: n.height ?? 0 });
  const was = new Map(nodes.map((n) => [n.id, n]));
  return nodes.map((n) => (n.type === "frame" && !n.dragging ? frame(n.data as { group: Group; naming: boolean }, was, (id) => at.get(id)) : n));
}

const arrow = { type: MarkerType.ArrowClosed, width: 24, height: 24, markerUnits: "userSpaceOnUse", color: "var(--edge-arrow)" };
const come = { ...arrow, color: "var(--good)" }, gone = { ...arrow, color: "var(--bad)" };

let lanesFor: { doc: unknown; ways: Map<string, number> } | undefined;
/** lanesOf works the lanes out once for each document. */
function lanesOf(editor: Editor): Map<string, number> {
  if (lanesFor?.doc !== editor.doc) lanesFor = { doc: editor.doc, ways: lanes(editor.content, editor.doc.layout, editor.catalog) };
  return lanesFor.ways;
}

function edges(editor: Editor, session: Session, before: Scene | undefined): Edge[] {
  const { content } = editor.doc;
  const was = new Map((before?.edges ?? []).map((e) => [e.id, e]));
  const { marks } = session.start;
  const names = new Map(content.nodes.map((n) => [n.id, titleOf(n)]));
  const bad = new Set(editor.problems.map((p) => p.edge).filter(Boolean));
  const painted = session.steps.size > 0;
  const ways = lanesOf(editor);
  return edgesOf(content).filter((e) => names.has(split(e.from)[0]) && names.has(e.to)).map((e) => {
    const id = edgeKey(e), [source, port] = split(e.from), old = was.get(id);
    let run = "";
    if (painted) {
      const a = session.steps.get(source), b = session.steps.get(e.to);
      run = a && b && a.port === port && b.state !== "skipped" && b.state !== "pending" ? "edge-taken" : "edge-not-taken";
    }
    const mark = marks?.edges[id];
    const className = ["wire", port === "error" ? "wire-error" : "", bad.has(id) ? "is-bad" : "", mark ? `is-${mark}` : "", run].filter(Boolean).join(" ");
    const selected = editor.edge === id;
    const tab = selected || editor.selected.has(source) ? 0 : -1;
    const label = `Edge from ${names.get(source)}, way out ${port}, to ${names.get(e.to)}${mark && mark !== "same" ? `, ${mark}` : ""}${run === "edge-taken" ? ", taken" : ""}`;
    const lane = ways.get(id);
    if (old && (old.data as { lane?: number }).lane === lane && old.className === className && old.selected === selected && old.ariaLabel === label && (old.domAttributes as { tabIndex?: number })?.tabIndex === tab) return old;
    return { id, source, sourceHandle: port, target: e.to, type: "wire", data: { lane, mark }, className, selected, ariaLabel: label, focusable: false, reconnectable: editor.edits, markerEnd: run === "edge-taken" || mark === "added" ? come : mark === "removed" ? gone : arrow, zIndex: selected ? 1 : 0,
      domAttributes: { tabIndex: tab, role: "group" } as Edge["domAttributes"] };
  });
}

export const centerOf = (n: Node): Point => ({ x: n.position.x + (n.width ?? 0) / 2, y: n.position.y + (n.height ?? 0) / 2 });
