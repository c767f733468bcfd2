// The server's form of a node, beside the drawing. What is typed is sent with the unsaved flow, and the flow that comes back is
// taken over; the form that comes back is put in place without disturbing who types.
import { edgeKey, edgesOf, findNode, rename, setNode, split } from "./core/graph";
import { merge3 } from "./core/merge";
import type { Content, FlowNode, Values } from "./core/types";
import type { Session } from "./session";
import { morph } from "./view/morph";

const away = "Joinery does not answer, so the fields cannot be changed at the moment. What you drew is kept.";

export class PanelForm {
  private node = ""; // whose form is shown
  private shown = ""; // what of the flow the form shows
  private timer = 0;
  private pending = false;
  private flying: Promise<void> | undefined; // the newest question to the server, until it is answered
  private turn = 0;
  private id = ""; // another id for the node, until the server has answered about it
  private awaited = false; // the first field gets the focus as soon as it is there
  private scrolled = false; // the reader has scrolled away from the field that has the focus
  private readonly posts = new Map<string, number>();
  private readonly off: () => void;
  private get editor() { return this.session.editor; }
  private get net() { return this.session.net; }

  constructor(private readonly place: HTMLElement, private readonly session: Session, private readonly trouble: (text: string) => void) {
    const { editor } = this;
    const settle = () => this.settle();
    session.typing.add(settle);
    const typed = (e: Event) => this.soon(350, e), done = (e: Event) => this.soon(0, e), send = (e: Event) => { e.preventDefault(); this.soon(0); };
    const ask = (e: Event) => { (e as CustomEvent<{ content?: unknown }>).detail.content = editor.content; };
    const focus = () => { this.awaited = true; this.focus(); };
    const all = [["input", typed], ["change", done], ["submit", send], ["joinery:node-ask", ask], ["joinery:focus-form", focus]] as const;
    for (const [type, act] of all) place.addEventListener(type, act);
    const away = () => { this.scrolled = true; }, back = () => { this.scrolled = false; };
    const around = place.parentElement ?? place, moves = [["wheel", away], ["touchmove", away], ["pointerdown", away], ["keydown", back], ["focusin", back]] as const;
    for (const [type, act] of moves) around.addEventListener(type, act, { passive: true });
    this.off = () => {
      session.typing.delete(settle);
      for (const [type, act] of all) place.removeEventListener(type, act);
      for (const [type, act] of moves) around.removeEventListener(type, act);
    };
  }

  /** show brings up a node's form, or brings it up to date. */
  show(n: FlowNode): void {
    const now = this.stateOf(this.editor.content, n.id);
    if (n.id === this.node && now === this.shown) return;
    if (n.id !== this.node) {
      this.flush();
      this.node = n.id;
      this.id = "";
      this.awaited = false;
      this.place.replaceChildren();
      this.trouble("");
    }
    this.shown = now;
    const mine = ++this.turn;
    window.setTimeout(() => { if (mine === this.turn) void this.fetch(n.id, mine); }, 50);
  }

  private focus(): void {
    const first = this.awaited && this.place.querySelector<HTMLElement>("form fieldset :is(input:not([type=hidden]), select, textarea):not(:disabled)");
    if (!first) return;
    this.awaited = false;
    first.focus();
  }

  /** keep holds the field that has the focus in sight when what stands above it grows; the browser's own anchoring comes first. */
  keep(): void {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const e = document.activeElement;
      if (e && !this.scrolled && this.place.contains(e)) e.scrollIntoView({ block: "nearest" });
    }));
  }

  /** flush sends what waits to be sent. */
  flush(): void {
    if (!this.pending) return;
    clearTimeout(this.timer);
    this.flying = this.post(this.values());
  }

  /** settle ends when all that was typed is in the flow. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3 && (this.pending || this.flying); i++) { this.flush(); await this.flying; }
  }

  end(): void { this.flush(); this.turn++; this.off(); }

  private stateOf(c: Content, id: string): string { return JSON.stringify([findNode(c, id), edgesOf(c).filter((e) => split(e.from)[0] === id)]); }

  private soon(wait: number, e?: Event): void {
    if (e?.target instanceof HTMLInputElement && e.target.name === "id") {
      if (e.type !== "change") return; // half an id is none
      this.id = e.target.value.trim();
    }
    this.pending = true;
    clearTimeout(this.timer);
    this.session.typed({ node: this.node, values: this.values() ?? {} });
    this.timer = window.setTimeout(() => { this.flying = this.post(this.values()); }, wait);
  }

  private values(): Values | undefined {
    const form = this.place.querySelector("form");
    if (!form) return undefined;
    const out: Values = {};
    for (const [k, v] of new FormData(form)) {
      if (typeof v !== "string" || k === "_csrf" || k === "id") continue;
      const was = out[k];
      out[k] = was === undefined ? v : Array.isArray(was) ? [...was, v] : [was, v];
    }
    return out;
  }

  private async fetch(id: string, mine: number): Promise<void> {
    try {
      const { status, body } = await this.net.send("POST", "canvas/panel", { content: this.editor.content, node: id });
      if (mine !== this.turn || this.pending) return;
      this.trouble(status === 200 ? "" : body.detail ?? "The fields of this node cannot be shown.");
      if (status === 200) this.put(body.html ?? "");
    } catch { if (mine === this.turn) this.trouble(away); }
  }

  private async post(values: Values | undefined, id = this.node): Promise<void> {
    if (this.node === id) this.pending = false;
    if (!values) return;
    const before = this.editor.content, sent = JSON.stringify(this.values());
    if (!findNode(before, id)) return;
    if (this.node === id && this.id && this.id !== id) values.id = this.id; // whatever reads the node's results follows
    const turn = (this.posts.get(id) ?? 0) + 1;
    this.posts.set(id, turn);
    this.turn++;
    const answer: { status: number; body: any } = await this.net.send("POST", "canvas/panel", { content: before, node: id, values }).catch(() => ({ status: 0, body: {} }));
    if (answer.status === 0 || answer.status === 429 || answer.status >= 500) { // what was typed is asked about until there is an answer, also when another node is chosen by then
      this.trouble(away);
      window.setTimeout(() => { if (this.posts.get(id) === turn) this.flying = this.post(values, id); }, 3_000);
      return;
    }
    if (this.posts.get(id) !== turn || !findNode(this.editor.content, id)) return;
    this.flying = undefined;
    if (!this.pending) this.session.typed(undefined);
    if (answer.status !== 200) return this.trouble(answer.body.detail ?? "This was not taken.");
    const made = answer.body.node as FlowNode;
    const content = (answer.body.content as Content | undefined) ?? setNode(before, id, made);
    const now = this.editor.content;
    const next = before === now ? content : after(rename(before, id, made.id), rename(now, id, made.id), content);
    const here = this.node === id;
    if (here) { if (this.id === values.id) this.id = ""; this.node = made.id; this.shown = this.stateOf(next, made.id); }
    this.editor.over(next, id, made.id);
    if (!here) return;
    this.trouble("");
    if (!this.pending && JSON.stringify(this.values()) === sent) this.put(answer.body.html ?? "");
  }

  private put(html: string): void {
    if (this.place.firstChild) morph(this.place, html);
    else this.place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    this.place.dispatchEvent(new CustomEvent("joinery:fragment", { bubbles: true }));
    this.focus();
    this.keep();
  }
}

/** after takes what a form says into what was drawn meanwhile: that stays, and everything keeps its place in the lists. */
function after(before: Content, now: Content, said: Content): Content {
  const merged = merge3(before, now, said).content;
  const order = new Map([...now.nodes.map((n) => n.id), ...edgesOf(now).map(edgeKey)].map((k, i) => [k, i]));
  const by = <T>(key: (x: T) => string) => (a: T, b: T) => (order.get(key(a)) ?? order.size) - (order.get(key(b)) ?? order.size);
  return { ...merged, nodes: merged.nodes.toSorted(by((n) => n.id)), ...(merged.edges ? { edges: merged.edges.toSorted(by(edgeKey)) } : {}) };
}
