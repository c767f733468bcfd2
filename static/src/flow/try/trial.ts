// A trial of the flow as it is on the canvas. The form is the one of the page Try, so that both ask the same.
import type { Step, Session } from "../session";
import { Pins } from "./pins";

export interface Tried { state: string; reason: string; partial: boolean; label: string; worker: string; ms: number; steps: Record<string, Step & { passed?: string[]; people?: string[] }>; changes: { sentence: string }[]; asked: string[]; unasked: string[] }

const trials = new WeakMap<Session, Trial>();
/** trialOf is the trial of a sitting. */
export const trialOf = (s: Session): Trial => { let t = trials.get(s); if (!t) trials.set(s, t = new Trial(s)); return t; };

export class Trial {
  open = false;
  busy = false;
  trouble: string[] = [];
  tried: Tried | undefined;
  private of: unknown; // the content that was tried
  readonly pins: Pins;
  /** form is the form that says for whom; the panel sets it. */
  form: HTMLFormElement | undefined;

  constructor(private readonly session: Session) { this.pins = new Pins(`joinery:pins:${session.net.flow}`); }

  private tell(): void { this.session.editor.notify(); }
  show(open: boolean): void { this.open = open; this.tell(); }
  pin(node: string, pin: Parameters<Pins["set"]>[1]): void { this.pins.set(node, pin); this.tell(); }
  /** old says that the flow was changed since it was tried. */
  get old(): boolean { return this.tried !== undefined && this.of !== this.session.editor.content; }
  clear(): void { this.tried = undefined; this.session.paint(undefined); }

  /** fetchForm asks for the fields of the page Try, with those who are found. */
  async fetchForm(query: string): Promise<DocumentFragment> {
    const r = await fetch(this.session.net.at(`try${query ? `?q=${encodeURIComponent(query)}` : ""}`), { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await r.text(), "text/html");
    const out = document.createDocumentFragment();
    for (const f of page.querySelectorAll("main form fieldset")) out.append(document.importNode(f, true));
    if (!r.ok || !out.firstChild) throw new Error("The form cannot be shown.");
    return out;
  }

  /** run tries, to the end or to one node. */
  async run(until = ""): Promise<void> {
    const { editor, net, start } = this.session;
    if (this.busy) return;
    if (!this.form) { this.open = true; this.trouble = ["Say for whom, then try."]; return this.tell(); }
    const f = new FormData(this.form), text = (k: string) => String(f.get(k) ?? "").trim();
    const body: Record<string, unknown> = { until: until || text("until"), live: f.get("live") !== null, pins: this.pins.among(new Set(editor.content.nodes.map((n) => n.id))) };
    if (start.can.edit) body.content = editor.content;
    if (text("payload")) {
      try { body.payload = JSON.parse(text("payload")); } catch (err) { this.trouble = [`What is made up is no JSON: ${err instanceof Error ? err.message : ""}`]; return this.tell(); }
    } else if (text("event")) body.event = text("event");
    else body.joiner = text("joiner");
    if (text("signoffs")) body.signoffs = Object.fromEntries(editor.content.nodes.map((n) => [n.id, text("signoffs")]));
    const content = editor.content;
    this.busy = true; this.trouble = []; this.tell();
    try {
      const { status, body: got } = await net.send("POST", "canvas/try", body);
      if (status !== 200) {
        this.trouble = [got.detail ?? "It cannot be tried now.", ...((got.problems ?? got.errors ?? []) as { path?: string; detail: string }[]).map((p) => `${p.path ? `${p.path}: ` : ""}${p.detail}`)];
      } else {
        this.tried = got as Tried;
        this.of = content;
        this.session.paint(this.tried.steps);
        editor.say(summary(this.tried));
      }
    } catch { this.trouble = ["Joinery does not answer. Nothing was tried."]; }
    this.busy = false; this.tell();
  }
}

/** summary says what came of a trial. */
export function summary(t: Tried): string {
  if (t.state === "failed") return `A live run would need a person here. ${t.reason}`;
  if (t.state === "waiting") return `It cannot be worked out further now. ${t.reason}`;
  return t.partial ? "Worked out up to that node. Nothing was written." : "It would come through. Nothing was written.";
}
