// Saving by itself. Whatever the server has not acknowledged lies in this browser's storage, so a reload, a crash of the tab
// or a server that starts again loses nothing. Time, storage and the wire are handed in.
import { Content, Doc, Head, Layout, Problem } from "./types";

export type SaveState = "saved" | "waiting" | "saving" | "offline" | "conflict" | "refused";

export interface Kept { base: number; hash: string; baseContent: Content; content: Content; layout: Layout; at: number }

export interface Answer { status: number; body: { revision?: number; hash?: string; problems?: Problem[]; detail?: string; head?: Head } }

export interface Wire { put(body: { content: Content; layout: Layout; base_revision: number }): Promise<Answer> }

export interface Store { get(key: string): string | null; set(key: string, value: string): void; drop(key: string): void }

export interface Clock { now(): number; after(ms: number, act: () => void): () => void }

export interface SaverEvents {
  state(state: SaveState, sentence: string): void;
  saved(revision: number, hash: string, problems: Problem[]): void;
  conflict(head: Head, sentence: string): void;
}

const REST = 900; // a pause in editing
const MOST = 5_000; // and at the latest
const AGAIN = [1_000, 2_000, 4_000, 8_000, 15_000];

export class Saver {
  state: SaveState = "saved";
  sentence = "";
  private doc: Doc;
  private acknowledged: Doc;
  private firstChange = 0;
  private cancel: (() => void) | undefined;
  private flying = false;
  private failures = 0;

  constructor(private readonly key: string, private readonly wire: Wire, private readonly store: Store, private readonly clock: Clock,
    private readonly events: SaverEvents, public base: number, public hash: string, first: Doc) {
    this.doc = this.acknowledged = first;
  }

  /** baseContent is what the server has, as far as we know. */
  get baseContent(): Content { return this.acknowledged.content; }

  get clean(): boolean { return this.doc === this.acknowledged; }

  /** busy tells that a save is under way, whose answer may be behind what others say. */
  get busy(): boolean { return this.flying; }

  /** changed is told of every change. */
  changed(doc: Doc): void {
    this.doc = doc;
    if (this.clean) { this.store.drop(this.key); if (!this.flying) this.set("saved"); return; }
    this.keep();
    if (this.state === "conflict") return;
    if (!this.firstChange) this.firstChange = this.clock.now();
    const wait = Math.max(0, Math.min(REST, this.firstChange + MOST - this.clock.now()));
    if (this.state !== "offline") this.set("waiting");
    this.later(wait);
  }

  /** now saves without waiting; true when the server has everything. */
  async now(): Promise<boolean> {
    this.cancel?.();
    for (let i = 0; i < 200 && this.flying; i++) await new Promise<void>((done) => { this.clock.after(50, done); });
    if (!this.clean && this.state !== "conflict") await this.send();
    return this.clean;
  }

  /** rebase takes the server's newest as the ground, after it was merged in. */
  rebase(revision: number, hash: string, acknowledged: Doc, doc: Doc): void {
    this.base = revision;
    this.hash = hash;
    this.acknowledged = acknowledged;
    this.state = "waiting";
    this.changed(doc);
  }

  private later(ms: number): void {
    this.cancel?.();
    this.cancel = this.clock.after(ms, () => { void this.send(); });
  }

  private keep(): void {
    const kept: Kept = { base: this.base, hash: this.hash, baseContent: this.acknowledged.content, content: this.doc.content, layout: this.doc.layout, at: this.clock.now() };
    this.store.set(this.key, JSON.stringify(kept));
  }

  private set(state: SaveState, sentence = ""): void {
    if (this.state === state && this.sentence === sentence) return;
    this.state = state;
    this.sentence = sentence;
    this.events.state(state, sentence);
  }

  private async send(): Promise<void> {
    if (this.flying || this.clean || this.state === "conflict") return;
    this.flying = true;
    this.firstChange = 0;
    const sent = this.doc;
    if (this.state !== "offline") this.set("saving");
    let answer: Answer;
    try {
      answer = await this.wire.put({ content: sent.content, layout: sent.layout, base_revision: this.base });
    } catch {
      answer = { status: 0, body: {} };
    }
    this.flying = false;
    this.take(sent, answer);
  }

  private take(sent: Doc, { status, body }: Answer): void {
    if (status === 200 || status === 201) {
      this.failures = 0;
      this.base = body.revision ?? this.base;
      this.hash = body.hash ?? this.hash;
      this.acknowledged = sent;
      this.events.saved(this.base, this.hash, body.problems ?? []);
      if (this.clean) { this.store.drop(this.key); this.set("saved"); return; }
      this.keep();
      this.set("waiting");
      this.later(REST);
    } else if (status === 409 && body.head) {
      this.set("conflict", body.detail ?? "");
      this.events.conflict(body.head, body.detail ?? "");
    } else if (status === 401) {
      this.set("refused", "You are signed out. Sign in in another tab; what you did is kept in this browser.");
      this.later(AGAIN.at(-1)!);
    } else if (status >= 400 && status < 500 && status !== 429) {
      this.set("refused", body.detail ?? "The server did not take it.");
    } else {
      this.set("offline", "Joinery does not answer. What you do is kept in this browser and saved as soon as it answers.");
      this.later(AGAIN[Math.min(this.failures++, AGAIN.length - 1)]);
    }
  }

  /** stop ends the waiting, when the page goes. */
  stop(): void { this.cancel?.(); }
}

/** left reads what a tab could not save; undefined when there is nothing, or nothing that can be read. */
export function left(store: Store, key: string): Kept | undefined {
  const text = store.get(key);
  if (!text) return undefined;
  try {
    const k = JSON.parse(text) as Kept;
    return Array.isArray(k.content?.nodes) && Number.isInteger(k.base) ? k : undefined;
  } catch { return undefined; }
}
