// Saving by itself. What the server has not acknowledged lies in this browser's storage, so a reload, a crash of the tab or a
// server that starts again loses nothing.
export type Fields = [string, string][];

export interface Kept { base: string; fields: Fields }

export interface Answer { status: number; body: { revision?: number; detail?: string; problems?: { field: string; detail: string }[]; conflict?: string } }

export interface KeeperParts {
  key: string;
  base(): string;
  fields(): Fields;
  send(more: Record<string, string>): Promise<Answer>;
  saved(revision: number): void;
  say(text: string): void;
  conflict(html: string): void;
  problems(list: { field: string; detail: string }[]): void;
  store: { get(key: string): string | null; set(key: string, value: string): void; drop(key: string): void };
  after(ms: number, act: () => void): () => void;
  now(): number;
}

const REST = 1_200, MOST = 6_000, AGAIN = [1_000, 2_000, 4_000, 8_000, 15_000];

export class Keeper {
  private cancel: (() => void) | undefined;
  private first = 0;
  private flying = false;
  private turn = 0;
  private clean = true;
  private clashed = false;
  private failures = 0;

  constructor(private readonly p: KeeperParts) {}

  get dirty(): boolean { return !this.clean; }

  changed(): void {
    this.turn++;
    this.clean = false;
    this.keep();
    if (this.clashed) return;
    if (!this.first) this.first = this.p.now();
    if (this.failures === 0) this.p.say("Not saved yet.");
    this.later(Math.max(0, Math.min(REST, this.first + MOST - this.p.now())));
  }

  /** now saves without waiting. */
  async now(more: Record<string, string> = {}): Promise<void> {
    this.cancel?.();
    if (more.op === "overwrite") this.clashed = false;
    await this.send(more);
  }

  /** left is what an earlier page could not save, or undefined. */
  left(): Kept | undefined {
    const text = this.p.store.get(this.p.key);
    if (!text) return undefined;
    try {
      const k = JSON.parse(text) as Kept;
      return typeof k.base === "string" && Array.isArray(k.fields) ? k : undefined;
    } catch { return undefined; }
  }

  drop(): void { this.clean = true; this.p.store.drop(this.p.key); }

  private keep(): void { this.p.store.set(this.p.key, JSON.stringify({ base: this.p.base(), fields: this.p.fields() } satisfies Kept)); }

  private later(ms: number): void {
    this.cancel?.();
    this.cancel = this.p.after(ms, () => { void this.send({}); });
  }

  private async send(more: Record<string, string>): Promise<void> {
    if (this.flying || this.clashed || (this.clean && !more.op)) return;
    this.flying = true;
    this.first = 0;
    const sent = this.turn;
    this.p.say("Saving…");
    let answer: Answer;
    try { answer = await this.p.send(more); } catch { answer = { status: 0, body: {} }; }
    this.flying = false;
    const { status, body } = answer;
    if (status === 200 && body.revision) {
      this.failures = 0;
      this.p.saved(body.revision);
      this.p.problems([]);
      if (sent === this.turn) { this.drop(); this.p.say(`Saved as revision ${body.revision}.`); return; }
      this.keep();
      this.later(REST);
    } else if (status === 409 && body.conflict) {
      this.clashed = true;
      this.p.say("Somebody else saved meanwhile. What you type is kept in this browser.");
      this.p.conflict(body.conflict);
    } else if (status === 401 || status === 403) {
      this.p.say("Not saved: sign in again in another tab, then reload this page. What you typed is kept in this browser.");
    } else if (status >= 400 && status < 500 && status !== 429) {
      this.p.problems(body.problems ?? []);
      this.p.say(`${body.detail ?? "The server did not take it."} What you typed is kept in this browser.`);
    } else {
      this.p.say("Joinery does not answer. What you type is kept in this browser and saved as soon as it answers.");
      this.later(AGAIN[Math.min(this.failures++, AGAIN.length - 1)]);
    }
  }
}
