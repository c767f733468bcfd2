// The editor: one document, its history, what is chosen, and every act a person can do. It knows no view; views subscribe.
import * as clip from "./clipboard";
import { fieldChanges } from "./diff";
import * as graph from "./graph";
import { History } from "./history";
import * as place from "./place";
import { flat } from "./merge";
import { Finding, byNode, findings } from "./problems";
import { Catalog, Content, Doc, FlowEdge, FlowNode, Group, MOST, Note, Point, Problem, Start } from "./types";

export type Mode = "edit" | "view" | "diff" | "run";

/** Tidier places all nodes; it is loaded when it is needed. */
export type Tidier = (content: Content, cat: Catalog, only?: ReadonlySet<string>) => Record<string, Point>;

export class Editor {
  readonly catalog: Catalog;
  readonly history: History<Doc>;
  selected: ReadonlySet<string> = new Set();
  edge = ""; // the chosen edge, by its key
  marking = false; // an area is being dragged over what is to be chosen
  problems: Finding[] = [];
  problemsOf: ReadonlyMap<string, Finding[]> = new Map();
  /** sight is set by the view: the middle of what is in sight. */
  sight: (() => Point) | undefined;
  said = ""; // the last thing worth telling, also to screen readers
  private saidCount = 0;
  private readonly listeners = new Set<() => void>();
  private readonly watchers = new Set<(doc: Doc) => void>();
  version = 0;

  constructor(start: Start, readonly mode: Mode) {
    this.catalog = new Catalog(start.types);
    this.history = new History<Doc>({ content: start.content, layout: start.layout });
    this.judge(start.problems);
  }

  get doc(): Doc { return this.history.doc; }
  get content(): Content { return this.doc.content; }
  get edits(): boolean { return this.mode === "edit"; }

  subscribe = (listener: () => void): (() => void) => { this.listeners.add(listener); return () => this.listeners.delete(listener); };
  /** watch is told of every new document: saving. */
  watch(watcher: (doc: Doc) => void): void { this.watchers.add(watcher); }

  notify(): void { this.version++; for (const l of this.listeners) l(); }

  say(text: string): void { this.said = text; this.saidCount++; this.notify(); }
  get saidAt(): number { return this.saidCount; }

  /** act makes one undoable step. */
  act(label: string, doc: Doc, merge?: string): void {
    if (!this.edits || doc === this.doc) return;
    this.history.push(label, doc.content === this.content ? doc : { content: doc.content, layout: place.prune(doc.content, doc.layout) }, merge);
    this.changed();
  }

  private changed(): void {
    const there = new Set([...this.content.nodes.map((n) => n.id), ...(this.doc.layout.notes ?? []).map((n) => n.id)]);
    if ([...this.selected].some((id) => !there.has(id))) this.selected = new Set([...this.selected].filter((id) => there.has(id)));
    if (this.edge && !graph.edgesOf(this.content).some((e) => graph.edgeKey(e) === this.edge)) this.edge = "";
    for (const w of this.watchers) w(this.doc);
    this.notify();
  }

  /** take puts a document in place that came from elsewhere, as a step of its own. */
  take(label: string, doc: Doc): void { this.history.push(label, doc); this.changed(); }

  undo(): void {
    const label = this.history.undoes;
    if (!this.edits || !this.history.undo()) return this.say("There is nothing to undo.");
    this.said = `Undone: ${label}.`; this.saidCount++;
    this.changed();
  }

  redo(): void {
    if (!this.edits || !this.history.redo()) return this.say("There is nothing to redo.");
    this.said = `Done again: ${this.history.undoes}.`; this.saidCount++;
    this.changed();
  }

  judge(problems: Problem[]): void {
    this.problems = findings(this.content, problems);
    this.problemsOf = byNode(this.problems);
    this.notify();
  }

  // Choosing.
  select(ids: Iterable<string>): void {
    const now = new Set(ids);
    if (now.size === this.selected.size && [...now].every((id) => this.selected.has(id)) && !this.edge) return;
    this.selected = now;
    this.edge = "";
    this.history.seal();
    this.notify();
  }
  mark(on: boolean): void { if (this.marking !== on) { this.marking = on; this.notify(); } }
  selectEdge(key: string): void {
    if (this.edge === key && this.selected.size === 0) return;
    this.edge = key; this.selected = new Set(); this.notify();
  }
  selectAll(): void { this.select([...this.content.nodes.map((n) => n.id), ...(this.doc.layout.notes ?? []).map((n) => n.id)]); }

  get one(): FlowNode | undefined {
    return this.selected.size === 1 ? graph.findNode(this.content, [...this.selected][0]) : undefined;
  }

  /** note is the note that is chosen, alone. */
  get note(): Note | undefined {
    return this.selected.size === 1 ? this.doc.layout.notes?.find((n) => this.selected.has(n.id)) : undefined;
  }

  // Nodes and edges.
  spec(n: FlowNode) { return this.catalog.spec(n.type); }

  /** add puts a new node behind a port, on an edge, at a point, or alone; it is chosen then. */
  add(kind: string, to: { from?: string; edge?: FlowEdge; at?: Point; loose?: boolean } = {}): string {
    const spec = this.catalog.spec(kind);
    if (!spec || !this.edits) return "";
    const alone = !to.from && !to.edge;
    let from = to.from ?? "";
    if (alone && !to.at && !to.loose && !spec.trigger) {
      const one = this.one;
      if (one) from = graph.nextPort(this.content, one, this.spec(one));
    }
    if (spec.trigger) from = "";
    const made = to.edge && !spec.trigger ? graph.insert(this.content, spec, to.edge) : graph.add(this.content, spec, from);
    const n = graph.findNode(made.content, made.id)!;
    const behind = to.edge && !spec.trigger ? to.edge.from : from;
    let layout = this.doc.layout;
    if (to.at) {
      const p = { x: to.at.x - place.widthOf(n, this.catalog) / 2, y: to.at.y };
      layout = place.at(layout, made.id, this.near(made.content, p, n));
    } else if (behind) layout = place.below({ content: made.content, layout }, this.catalog, made.id, behind);
    else layout = place.at(layout, made.id, this.near(made.content, this.middle(place.widthOf(n, this.catalog), place.HEIGHT), n));
    this.history.seal();
    this.selected = new Set([made.id]);
    this.edge = "";
    this.said = `${spec.title} added${behind ? ` after ${graph.titleOf(graph.findNode(this.content, graph.split(behind)[0])!)}` : ""}.`; this.saidCount++;
    this.act(`Add ${spec.title}`, { content: made.content, layout });
    return made.id;
  }

  private near(content: Content, wish: Point, n: FlowNode): Point {
    return place.near({ content, layout: this.doc.layout }, this.catalog, wish, { w: place.widthOf(n, this.catalog), h: place.HEIGHT }, n.id);
  }

  /** middle is where something of a size stands in the middle of what is in sight; the first thing of all begins the drawing. */
  private middle(w: number, h: number): Point {
    const p = this.content.nodes.length > 0 ? this.sight?.() : undefined;
    return p ? { x: p.x - w / 2, y: p.y - h / 2 } : { x: 0, y: 0 };
  }

  connect(from: string, to: string): boolean {
    const why = graph.whyNot(this.content, this.catalog, from, to);
    if (why) { this.say(why); return false; }
    this.act("Connect", { ...this.doc, content: graph.connect(this.content, from, to) });
    return true;
  }

  reconnect(old: FlowEdge, now: FlowEdge): boolean {
    if (old.from === now.from && old.to === now.to) return true;
    const why = graph.whyNot(this.content, this.catalog, now.from, now.to, old);
    if (why) { this.say(why); return false; }
    this.act("Move an edge", { ...this.doc, content: graph.reconnect(this.content, old, now) });
    return true;
  }

  disconnect(e: FlowEdge): void { this.act("Remove an edge", { ...this.doc, content: graph.disconnect(this.content, e) }); }

  /** lead makes a port lead to one node, or to none. */
  lead(from: string, to: string): boolean {
    const why = to ? graph.whyNot({ ...this.content, edges: graph.edgesOf(this.content).filter((e) => e.from !== from) }, this.catalog, from, to) : "";
    if (why) { this.say(why); return false; }
    this.act("Connect", { ...this.doc, content: graph.lead(this.content, from, to) });
    return true;
  }

  /** set replaces a node; a new id is followed by edges, layout and choice. */
  set(was: string, n: FlowNode, label = "Change", merge?: string): void {
    const old = graph.findNode(this.content, was);
    if (!old || JSON.stringify(old) === JSON.stringify(n)) return;
    if (n.id !== was && (!graph.ID.test(n.id) || graph.findNode(this.content, n.id))) return;
    let layout = this.doc.layout;
    if (n.id !== was) {
      const { [was]: p, ...rest } = layout.nodes ?? {};
      layout = { ...layout, nodes: p ? { ...rest, [n.id]: p } : rest, groups: layout.groups?.map((g) => ({ ...g, nodes: g.nodes.map((id) => (id === was ? n.id : id)) })) };
      if (this.selected.has(was)) this.selected = new Set([...this.selected].map((id) => (id === was ? n.id : id)));
    }
    const content = graph.setNode(this.content, was, n);
    // A way out that the change took away takes its edges along.
    const ports = new Set(graph.exitsOf(n, this.spec(n)).map((p) => `${n.id}.${p.name}`));
    const before = new Set(graph.exitsOf(old, this.spec(old)).map((p) => `${n.id}.${p.name}`));
    const edges = graph.edgesOf(content).filter((e) => !before.has(e.from) || ports.has(e.from));
    this.act(`${label} ${graph.titleOf(n)}`, { content: edges.length === graph.edgesOf(content).length ? content : { ...content, edges }, layout }, merge);
  }

  /** over takes a content in which one node was changed, and may have another id now. */
  over(content: Content, was: string, id: string): void {
    if (JSON.stringify(content) === JSON.stringify(this.content)) return;
    let layout = this.doc.layout;
    if (id !== was) {
      const { [was]: p, ...rest } = layout.nodes ?? {};
      layout = { ...layout, nodes: p ? { ...rest, [id]: p } : rest, groups: layout.groups?.map((g) => ({ ...g, nodes: g.nodes.map((x) => (x === was ? id : x)) })) };
      if (this.selected.has(was)) this.selected = new Set([...this.selected].map((x) => (x === was ? id : x)));
    }
    // What did not change keeps its object, so that it is not drawn again.
    const old = new Map(this.content.nodes.map((n) => [n.id, n]));
    const nodes = content.nodes.map((n) => { const o = old.get(n.id); return o && JSON.stringify(o) === JSON.stringify(n) ? o : n; });
    const n = graph.findNode(content, id), before = graph.findNode(this.content, was);
    const fields = before && n ? fieldChanges(flat(before), flat(n)).map((f) => f.field).join(" ") : "";
    this.act(`Change ${n ? graph.titleOf(n) : id}`, { content: { ...content, nodes }, layout }, `panel:${id}:${fields}`);
  }

  rename(id: string, name: string): void {
    const n = graph.findNode(this.content, id);
    if (!n || (n.name ?? "") === name.trim()) return;
    const { name: _old, ...rest } = n;
    this.set(id, name.trim() ? { ...rest, name: name.trim() } : rest, "Rename");
  }

  /** remove takes away what is chosen. */
  remove(): void {
    if (this.edge) {
      const e = graph.edgesOf(this.content).find((x) => graph.edgeKey(x) === this.edge);
      if (e) this.disconnect(e);
      return;
    }
    if (this.selected.size === 0) return;
    const ids = [...this.selected];
    const nodes = this.content.nodes.map((n) => n.id).filter((id) => this.selected.has(id)); // in the flow's order, as on the outline
    this.said = `${ids.length === 1 ? "Removed" : `${ids.length} removed`}. Ctrl Z brings it back.`; this.saidCount++;
    this.act(ids.length === 1 ? "Remove" : `Remove ${ids.length}`, {
      content: graph.removeAll(this.content, nodes),
      layout: { ...this.doc.layout, notes: (this.doc.layout.notes ?? []).filter((n) => !this.selected.has(n.id)) },
    });
  }

  // Layout.
  /** move puts nodes and notes where they were dragged. */
  move(to: Record<string, Point>, label = "Move", merge?: string): void {
    const nodes = { ...this.doc.layout.nodes };
    const notes = (this.doc.layout.notes ?? []).map((n) => (to[n.id] ? { ...n, ...to[n.id] } : n));
    let moved = false;
    for (const [id, p] of Object.entries(to)) {
      const was = nodes[id];
      if (graph.findNode(this.content, id)) { if (!was || was.x !== p.x || was.y !== p.y) { nodes[id] = p; moved = true; } } else moved = true;
    }
    if (moved) this.act(label, { content: this.content, layout: { ...this.doc.layout, nodes, notes } }, merge);
  }

  nudge(dx: number, dy: number): void {
    const to: Record<string, Point> = {};
    for (const id of this.selected) {
      const p = this.doc.layout.nodes?.[id] ?? this.doc.layout.notes?.find((n) => n.id === id);
      if (p) to[id] = { x: p.x + dx, y: p.y + dy };
    }
    this.move(to, "Move", "nudge");
  }

  /** tidy lays out everything, or the chosen nodes where they stand. */
  tidy(by: Tidier): void {
    const some = [...this.selected].filter((id) => graph.findNode(this.content, id));
    if (some.length > 1) {
      const only = new Set(some);
      const rects = place.rects(this.content, this.doc.layout, this.catalog);
      const was = place.bounds(some.map((id) => rects.get(id)!).filter(Boolean));
      const made = by(this.content, this.catalog, only);
      const to: Record<string, Point> = {};
      for (const [id, p] of Object.entries(made)) to[id] = place.snap({ x: p.x + (was?.x ?? 0), y: p.y + (was?.y ?? 0) });
      this.move(to, "Tidy up");
    } else this.act("Tidy up", { content: this.content, layout: place.aside(this.content, { ...this.doc.layout, nodes: by(this.content, this.catalog) }, this.catalog) });
    this.say("Tidied up.");
  }

  addNote(): string {
    if ((this.doc.layout.notes ?? []).length >= MOST.notes) { this.say(`A flow may have up to ${MOST.notes} notes.`); return ""; }
    const size = { w: 220, h: 120 };
    const note: Note = { id: clip.fresh("note"), ...place.near(this.doc, this.catalog, this.middle(size.w, size.h), size), ...size, text: "" };
    this.selected = new Set([note.id]);
    this.act("Add a note", { content: this.content, layout: { ...this.doc.layout, notes: [...(this.doc.layout.notes ?? []), note] } });
    return note.id;
  }

  setNote(id: string, change: Partial<Note>): void {
    const notes = this.doc.layout.notes ?? [];
    if (!notes.some((n) => n.id === id && Object.entries(change).some(([k, v]) => n[k as keyof Note] !== v))) return;
    this.act("Change a note", { content: this.content, layout: { ...this.doc.layout, notes: notes.map((n) => (n.id === id ? { ...n, ...change } : n)) } }, change.text === undefined ? undefined : `note:${id}`);
  }

  /** group frames the chosen nodes and gives the group's id; those of one group exactly are freed again. */
  group(): string {
    const ids = [...this.selected].filter((id) => graph.findNode(this.content, id));
    const groups = this.doc.layout.groups ?? [];
    const whole = groups.find((g) => g.nodes.length === ids.length && g.nodes.every((id) => this.selected.has(id)));
    if (whole) { this.ungroup(whole.id); return ""; }
    if (ids.length === 0 || groups.length >= MOST.groups) { this.say(ids.length === 0 ? "Choose nodes first, then group them." : `A flow may have up to ${MOST.groups} groups.`); return ""; }
    const group: Group = { id: clip.fresh("group"), title: "Group", nodes: ids };
    const others = groups.map((g) => ({ ...g, nodes: g.nodes.filter((id) => !this.selected.has(id)) })).filter((g) => g.nodes.length > 0);
    this.act("Group", { content: this.content, layout: { ...this.doc.layout, groups: [...others, group] } });
    return group.id;
  }

  ungroup(id: string): void { this.act("Ungroup", { content: this.content, layout: { ...this.doc.layout, groups: (this.doc.layout.groups ?? []).filter((g) => g.id !== id) } }); }

  nameGroup(id: string, title: string): void {
    if (this.doc.layout.groups?.some((g) => g.id === id && g.title !== title)) {
      this.act("Name a group", { content: this.content, layout: { ...this.doc.layout, groups: this.doc.layout.groups.map((g) => (g.id === id ? { ...g, title } : g)) } });
    }
  }

  // Clipboard.
  copy(): clip.Snippet | undefined { return this.selected.size ? clip.copy(this.doc, this.selected) : undefined; }

  /** paste puts a snippet around a point, or beside where it was; it hides nothing. */
  paste(s: clip.Snippet, at?: Point, tidier?: Tidier, label = "Paste", word = "pasted"): void {
    let snippet = s;
    if (s.nodes.some((n) => !s.at?.[n.id])) {
      const only = { ...this.content, trigger: "", nodes: s.nodes, edges: s.edges };
      snippet = { ...s, at: tidier?.(only, this.catalog) ?? {} };
    }
    const boxes = [...place.covered({ content: { ...this.content, nodes: snippet.nodes }, layout: { nodes: snippet.at, notes: snippet.notes } }, this.catalog).values()];
    const b = place.bounds(boxes)!, by = at ? place.snap({ x: at.x - b.x - b.w / 2, y: at.y - b.y - b.h / 2 }) : { x: 0, y: 0 };
    const moved = (p: Point, by: Point): Point => place.snap({ x: p.x + by.x, y: p.y + by.y });
    const away = place.beside(place.covered(this.doc, this.catalog).values(), boxes.map((r) => ({ ...r, ...moved(r, by) })));
    const made = clip.paste(this.doc, this.catalog, snippet, (p) => moved(moved(p, by), away));
    this.selected = new Set(made.ids);
    const nodes = made.ids.filter((id) => graph.findNode(made.doc.content, id)).length;
    this.said = `${clip.count(nodes, made.ids.length - nodes)} ${word}.${nodes < snippet.nodes.length ? " The start was left out: a flow has one." : ""}`; this.saidCount++;
    if (made.ids.length > 0) this.act(label, made.doc); else this.notify();
  }

  duplicate(): void { const s = this.copy(); if (s) this.paste(s, undefined, undefined, "Duplicate", "duplicated"); }

  /** go walks along the edges from the chosen node: down, up, or to a neighbour. */
  go(way: "down" | "up" | "left" | "right", more = false): void {
    const ids = [...this.selected];
    const from = ids.at(-1) ?? "";
    const rects = place.rects(this.content, this.doc.layout, this.catalog);
    const here = rects.get(from);
    if (!here) { const first = this.content.trigger || this.content.nodes[0]?.id; if (first) this.select([first]); return; }
    const mid = here.x + here.w / 2;
    let near: string[];
    if (way === "down") near = graph.edgesOf(this.content).filter((e) => graph.split(e.from)[0] === from).map((e) => e.to);
    else if (way === "up") near = graph.edgesOf(this.content).filter((e) => e.to === from).map((e) => graph.split(e.from)[0]);
    else near = [...rects].filter(([id, r]) => id !== from && Math.abs(r.y - here.y) < place.ROW && (way === "left" ? r.x + r.w / 2 < mid : r.x + r.w / 2 > mid)).map(([id]) => id);
    const distance = (id: string) => { const r = rects.get(id); return r ? Math.abs(r.x + r.w / 2 - mid) + Math.abs(r.y - here.y) / 4 : Infinity; };
    const to = near.filter((id) => rects.has(id)).sort((a, b) => distance(a) - distance(b))[0];
    if (to) this.select(more ? [...ids.filter((id) => id !== to), to] : [to]);
  }
}
