// Undo and redo without limit: each step keeps the whole document, of which nearly all is shared with the step before.

export interface Step<T> { label: string; doc: T; merge?: string }

export class History<T> {
  private past: Step<T>[] = [];
  private future: Step<T>[] = [];
  private now: Step<T>;

  constructor(first: T) { this.now = { label: "", doc: first }; }

  get doc(): T { return this.now.doc; }
  get undoes(): string { return this.past.length ? this.now.label : ""; }
  get redoes(): string { return this.future.at(-1)?.label ?? ""; }
  get depth(): number { return this.past.length; }

  /** push makes a step. Steps in a row with the same merge key are one: typing in one field. */
  push(label: string, doc: T, merge?: string): void {
    if (doc === this.now.doc) return;
    if (!(merge && merge === this.now.merge && this.past.length)) this.past.push(this.now);
    this.now = { label, doc, merge };
    this.future = [];
  }

  /** seal ends a row of steps that would be one. */
  seal(): void { this.now = { ...this.now, merge: undefined }; }

  undo(): boolean {
    const before = this.past.pop();
    if (!before) return false;
    this.future.push(this.now);
    this.now = { ...before, merge: undefined };
    return true;
  }

  redo(): boolean {
    const after = this.future.pop();
    if (!after) return false;
    this.past.push(this.now);
    this.now = { ...after, merge: undefined };
    return true;
  }
}
