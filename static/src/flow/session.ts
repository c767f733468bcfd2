// One sitting at the canvas: the editor, its saving, who else is there, and what a run or a trial paints on the drawing.
import { Editor, Mode, Tidier } from "./core/editor";
import { edgesOf, findNode, split } from "./core/graph";
import { Clash, Merged, Side, merge3, same } from "./core/merge";
import { at, free } from "./core/place";
import { Kept, SaveState, Saver, Store, left } from "./core/save";
import { Catalog, Content, Doc, Head, Layout, Painted, Start, Values } from "./core/types";
import { Net } from "./net";

export interface Other { tab: string; name: string; node: string; edits: boolean; mine: boolean }

/** Step is what a run or a trial says about one node. */
export interface Step { state: string; port?: string; output?: unknown; changes?: unknown[]; log?: string[]; ms?: number; error?: string; attempts?: number; pinned?: boolean; word?: string; tone?: string }

export interface Merging { base: Content; mine: Doc; theirs: Start; merged: Merged }

export const loadTidy = async (): Promise<Tidier> => (await import("./core/tidy")).tidy;

const store: Store = {
  get: (k) => { try { return localStorage.getItem(k); } catch { return null; } },
  set: (k, v) => { try { localStorage.setItem(k, v); } catch { /* full or forbidden: the server is still asked to save */ } },
  drop: (k) => { try { localStorage.removeItem(k); } catch { /* as above */ } },
};

function tabName(): string {
  try {
    let id = sessionStorage.getItem("joinery:tab");
    if (!id) { id = fresh(); sessionStorage.setItem("joinery:tab", id); }
    return id;
  } catch { return fresh(); }
}
const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(16).padStart(2, "0")).join("");

/** placed gives every node a place: all by the automatic layout when none has one, else new ones where there is room. */
export async function placed(content: Content, layout: Layout, cat: Catalog): Promise<Layout> {
  const missing = content.nodes.filter((n) => !layout.nodes?.[n.id]);
  if (missing.length === 0) return layout;
  if (missing.length * 2 > content.nodes.length) return { ...layout, nodes: (await loadTidy())(content, cat) };
  let out = layout;
  for (const n of missing) {
    const into = edgesOf(content).find((e) => e.to === n.id);
    const above = into && out.nodes?.[split(into.from)[0]];
    out = at(out, n.id, free(content, out, cat, above ? { x: above.x, y: above.y + 124 } : { x: 0, y: 0 }));
  }
  return out;
}

export class Session {
  readonly saver: Saver;
  readonly tab = tabName();
  others: Other[] = [];
  merging: Merging | undefined;
  saveState: SaveState = "saved";
  saveSentence = "";
  review: string;
  /** typing holds, for each open form, what waits until all that was typed is in the flow. */
  readonly typing = new Set<() => Promise<void>>();
  steps: ReadonlyMap<string, Step> = new Map();
  /** shows is what a drawing that is only looked at can show or hide. */
  shows = { moved: false };
  /** center is set by the view: it brings a node into the middle. */
  center: ((id: string) => void) | undefined;
  /** enter is set by what stands beside the drawing: it takes the focus there. */
  enter: (() => boolean) | undefined;
  private settling = false;
  private leaving = false;

  private constructor(readonly net: Net, readonly editor: Editor, readonly start: Start, first: Doc, readonly mode: Mode) {
    this.review = start.review ?? "";
    this.saver = new Saver(this.storeKey, { put: (body) => this.put(body) }, store, { now: () => Date.now(), after: (ms, act) => { const t = setTimeout(act, ms); return () => clearTimeout(t); } }, {
      state: (state, sentence) => { this.saveState = state; this.saveSentence = sentence; if (sentence && state !== "conflict") editor.say(sentence); else editor.notify(); },
      saved: (_revision, _hash, problems) => editor.judge(problems),
      conflict: (head) => { void this.settle(head); },
    }, start.revision, start.hash, first);
    editor.watch((doc) => this.saver.changed(doc));
  }

  private get storeKey(): string { return `joinery:canvas:${this.net.flow}:${this.tab}`; }

  static async open(net: Net, start: Start, mode: Mode): Promise<Session> {
    net.use(start.csrf);
    const layout = await placed(start.content, start.layout, new Catalog(start.types));
    const first: Doc = { content: start.content, layout };
    const editor = new Editor({ ...start, layout }, mode);
    const session = new Session(net, editor, start, editor.doc, mode);
    void first;
    if (mode === "edit") { session.recover(); void session.retype(); session.attend(); }
    return session;
  }

  /** save takes what is still being typed, and saves without waiting; true when the server has everything. */
  async save(): Promise<boolean> {
    for (const settle of this.typing) await settle();
    return this.saver.now();
  }

  private get typedKey(): string { return `joinery:typed:${this.net.flow}`; }

  /** typed keeps what was typed into a node's form and is not in the flow yet, for this tab. */
  typed(what: { node: string; values: Values } | undefined): void {
    try { if (what) sessionStorage.setItem(this.typedKey, JSON.stringify(what)); else sessionStorage.removeItem(this.typedKey); } catch { /* full or forbidden */ }
  }

  /** retype puts into the flow what was typed just before the page was loaded anew. */
  private async retype(): Promise<void> {
    try {
      const { node, values } = JSON.parse(sessionStorage.getItem(this.typedKey) ?? "{}");
      this.typed(undefined);
      if (!node || !findNode(this.editor.content, node)) return;
      const { status, body } = await this.net.send("POST", "canvas/panel", { content: this.editor.content, node, values });
      if (status === 200) this.editor.over(body.content, node, body.node.id);
    } catch { /* what cannot be read or asked about is lost: a field, not a drawing */ }
  }

  private async put(body: unknown) {
    const answer = await this.net.send("PUT", "canvas.json", body);
    if (answer.status !== 403) return answer;
    this.net.use((await this.net.get<Start>("canvas.json")).csrf); // signed in anew: the form token is another
    return this.net.send("PUT", "canvas.json", body);
  }

  /** recover brings back what this tab, or one that was closed, could not save. */
  private recover(): void {
    const own = left(store, this.storeKey);
    if (own) this.bringBack(own);
    else void this.orphans();
  }

  private bringBack(kept: Kept): void {
    const { editor, start } = this;
    if (same(kept.content, start.content) && same(kept.layout, editor.doc.layout)) return store.drop(this.storeKey);
    if (kept.base === start.revision || same(kept.baseContent, start.content)) {
      editor.take("Bring back what was not saved", { content: kept.content, layout: kept.layout });
      editor.say("What was not saved is back.");
      return;
    }
    this.weigh(kept.baseContent, { content: kept.content, layout: kept.layout }, start);
  }

  /** orphans looks for what tabs left behind that nobody has open any more. */
  private async orphans(): Promise<void> {
    const prefix = `joinery:canvas:${this.net.flow}:`;
    let keys: string[] = [];
    try { keys = Object.keys(localStorage).filter((k) => k.startsWith(prefix) && k !== this.storeKey); } catch { return; }
    const channel = new BroadcastChannel(prefix);
    channel.onmessage = (e) => { if (e.data?.who === this.tab) channel.postMessage({ here: this.tab }); };
    if (keys.length === 0) return;
    const alive = new Set<string>();
    const hear = new BroadcastChannel(prefix);
    hear.onmessage = (e) => { if (e.data?.here) alive.add(e.data.here); };
    for (const k of keys) hear.postMessage({ who: k.slice(prefix.length) });
    await new Promise((done) => { setTimeout(done, 250); });
    hear.close();
    for (const k of keys) {
      const kept = alive.has(k.slice(prefix.length)) ? undefined : left(store, k);
      if (!kept) continue;
      store.drop(k);
      this.bringBack(kept);
      return;
    }
  }

  // Others.
  private attend(): void {
    let timer = 0;
    const tell = async (): Promise<void> => {
      clearTimeout(timer);
      if (this.leaving) return;
      try {
        const { status, body } = await this.net.send("POST", "canvas/attend", { tab: this.tab, node: [...this.editor.selected][0] ?? "" });
        if (status === 200) this.hear(body as { others: Other[]; head: Head; review: string });
      } catch { /* the server is away; saving says so */ }
      timer = window.setTimeout(tell, document.hidden ? 12_000 : 4_000);
    };
    void tell();
    document.addEventListener("visibilitychange", () => { if (!document.hidden) void tell(); });
    window.addEventListener("pagehide", () => {
      this.leaving = true;
      void this.net.send("POST", "canvas/attend", { tab: this.tab, node: "", left: true }, true).catch(() => undefined);
      if (!this.saver.clean) void this.net.send("PUT", "canvas.json", { content: this.editor.content, layout: this.editor.doc.layout, base_revision: this.saver.base }, true).catch(() => undefined);
    });
    window.addEventListener("pageshow", (e) => { if (e.persisted) { this.leaving = false; void tell(); } });
  }

  private hear({ others, head, review }: { others: Other[]; head: Head; review: string }): void {
    if (!same(others, this.others) || review !== this.review) { this.others = others; this.review = review; this.editor.notify(); }
    if (head.revision > this.saver.base && head.hash !== this.saver.hash && !this.saver.busy) void this.settle(head);
  }

  /** settle takes what somebody else saved. */
  private async settle(head: Head): Promise<void> {
    if (this.settling || this.merging) return;
    this.settling = true;
    try {
      const theirs = await this.net.get<Start>("canvas.json");
      if (theirs.revision > this.saver.base) this.weigh(this.saver.baseContent, this.editor.doc, theirs, head.by);
    } catch { /* asked again at the next save or look */ } finally { this.settling = false; }
  }

  private weigh(base: Content, mine: Doc, theirs: Start, by = theirs.head.by): void {
    const merged = merge3(base, mine.content, theirs.content);
    if (merged.clashes.length > 0) {
      if (mine !== this.editor.doc) this.editor.take("Bring back what was not saved", mine);
      this.saver.changed(this.editor.doc);
      this.merging = { base, mine, theirs, merged };
      this.editor.notify();
      return;
    }
    this.join(mine, theirs, merged, `Changes of ${by}`);
    const what = merged.taken.slice(0, 3).join(", ");
    this.editor.say(same(base, theirs.content) ? "What was not saved is back." : `${by} changed ${what || "the flow"}${merged.taken.length > 3 ? " and more" : ""}. It is taken in.`);
  }

  private join(mine: Doc, theirs: Start, merged: Merged, label: string): void {
    const theirNodes = theirs.layout.nodes ?? {};
    const layout: Layout = { ...mine.layout, nodes: { ...theirNodes, ...mine.layout.nodes } };
    for (const n of merged.content.nodes) {
      if (!layout.nodes?.[n.id]) Object.assign(layout, at(layout, n.id, free(merged.content, layout, this.editor.catalog, { x: 0, y: 0 })));
    }
    const clean = same(merged.content, theirs.content);
    const doc: Doc = { content: clean ? theirs.content : merged.content, layout };
    this.editor.take(label, doc);
    this.saver.rebase(theirs.revision, theirs.hash, clean ? doc : { content: theirs.content, layout }, doc);
    this.editor.judge(theirs.problems);
  }

  /** choose ends a merge: which side each clash takes. */
  choose(sides: ReadonlyMap<string, Side>): void {
    const m = this.merging;
    if (!m) return;
    this.merging = undefined;
    this.join(this.editor.doc, m.theirs, merge3(m.base, m.mine.content, m.theirs.content, sides), "Merge");
    this.editor.say("Merged.");
  }

  get clashes(): Clash[] { return this.merging?.merged.clashes ?? []; }

  // Painting.
  /** paint shows what a run or a trial says at each node; nothing takes it away. */
  paint(steps: Record<string, Step> | undefined): void {
    this.steps = new Map(Object.entries(steps ?? {}).filter(([id]) => findNode(this.editor.content, id)));
    this.editor.notify();
  }

  show(what: Partial<Session["shows"]>): void { this.shows = { ...this.shows, ...what }; this.editor.notify(); }

  painted(id: string): Painted | undefined {
    const s = this.steps.get(id);
    if (!s) return undefined;
    const took = s.ms !== undefined && s.ms >= 1 ? ` · ${duration(s.ms)}` : "";
    return { state: s.state, tone: s.tone ?? tones[s.state] ?? "neutral", word: `${s.word ?? words[s.state] ?? s.state}${took}`, port: s.port, ms: s.ms, error: s.error, changes: s.changes?.length };
  }
}

const tones: Record<string, string> = { succeeded: "good", failed: "bad", waiting: "warn", running: "info", parked: "warn", skipped: "neutral", pending: "neutral", canceled: "neutral", undone: "neutral" };
const words: Record<string, string> = { succeeded: "ok" };

export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}
