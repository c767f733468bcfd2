// The server's form of a node, beside the drawing. What is typed is sent with the unsaved flow, and the flow that comes back is
// taken over; the form that comes back is put in place without disturbing who types.
import type { Editor } from "./core/editor";
import { edgesOf, findNode, setNode, split } from "./core/graph";
import { merge3 } from "./core/merge";
import type { Content, FlowNode } from "./core/types";
import type { Net } from "./net";
import { morph } from "./view/morph";

type Values = Record<string, string | string[]>;

const away = "Joinery does not answer, so the fields cannot be changed at the moment. What you drew is kept.";

export class PanelForm {
  private node = ""; // whose form is shown
  private shown = ""; // what of the flow the form shows
  private timer = 0;
  private pending = false;
  private turn = 0;
  private readonly posts = new Map<string, number>();
  private readonly off: () => void;

  constructor(private readonly place: HTMLElement, private readonly editor: Editor, private readonly net: Net, private readonly trouble: (text: string) => void) {
    const typed = (e: Event) => this.soon(350, e), done = (e: Event) => this.soon(0, e), send = (e: Event) => { e.preventDefault(); this.soon(0); };
    const ask = (e: Event) => { (e as CustomEvent<{ content?: unknown }>).detail.content = editor.content; };
    const all = [["input", typed], ["change", done], ["submit", send], ["joinery:node-ask", ask]] as const;
    for (const [type, act] of all) place.addEventListener(type, act);
    this.off = () => { for (const [type, act] of all) place.removeEventListener(type, act); };
  }

  /** show brings up a node's form, or brings it up to date. */
  show(n: FlowNode): void {
    const now = this.stateOf(this.editor.content, n.id);
    if (n.id === this.node && now === this.shown) return;
    if (n.id !== this.node) {
      this.flush();
      this.node = n.id;
      this.place.replaceChildren();
      this.trouble("");
    }
    this.shown = now;
    const mine = ++this.turn;
    window.setTimeout(() => { if (mine === this.turn) void this.fetch(n.id, mine); }, 50);
  }

  /** rename asks for another id; whatever reads the node's results follows. */
  rename(id: string): void { void this.post({ ...this.values(), id }); }

  /** flush sends what waits to be sent. */
  flush(): void {
    if (!this.pending) return;
    clearTimeout(this.timer);
    void this.post(this.values());
  }

  end(): void { this.flush(); this.turn++; this.off(); }

  private stateOf(c: Content, id: string): string { return JSON.stringify([findNode(c, id), edgesOf(c).filter((e) => split(e.from)[0] === id)]); }

  private soon(wait: number, e?: Event): void {
    if (e?.target instanceof Element && e.target.closest("[data-panel-own]")) return;
    this.pending = true;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => { void this.post(this.values()); }, wait);
  }

  private values(): Values | undefined {
    const form = this.place.querySelector("form");
    if (!form) return undefined;
    const out: Values = {};
    for (const [k, v] of new FormData(form)) {
      if (typeof v !== "string" || k === "_csrf") continue;
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

  private async post(values: Values | undefined): Promise<void> {
    this.pending = false;
    if (!values) return;
    const id = this.node, before = this.editor.content, sent = JSON.stringify(this.values());
    if (!findNode(before, id)) return;
    const turn = (this.posts.get(id) ?? 0) + 1;
    this.posts.set(id, turn);
    this.turn++;
    let answer: { status: number; body: any };
    try { answer = await this.net.send("POST", "canvas/panel", { content: before, node: id, values }); } catch {
      this.trouble(away);
      if (this.node === id) this.soon(3_000); // what was typed is asked about until there is an answer
      return;
    }
    if (this.posts.get(id) !== turn || !findNode(this.editor.content, id)) return;
    if (answer.status !== 200) return this.trouble(answer.body.detail ?? "This was not taken.");
    const made = answer.body.node as FlowNode;
    const content = (answer.body.content as Content | undefined) ?? setNode(before, id, made);
    const now = this.editor.content;
    const next = before === now ? content : merge3(before, now, content).content; // what was drawn meanwhile stays
    const here = this.node === id;
    if (here) { this.node = made.id; this.shown = this.stateOf(next, made.id); }
    this.editor.over(next, id, made.id);
    if (!here) return;
    this.trouble(typeof values.id === "string" && values.id !== made.id ? answer.body.marks?.id?.error ?? "This id cannot be used." : "");
    if (!this.pending && JSON.stringify(this.values()) === sent) this.put(answer.body.html ?? "");
  }

  private put(html: string): void {
    if (this.place.firstChild) morph(this.place, html);
    else this.place.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    this.place.dispatchEvent(new CustomEvent("joinery:fragment", { bubbles: true }));
  }
}
