// Outputs that are pinned to nodes for trying: kept for this tab only, because they may hold what belongs to a person.
export interface Pin { port: string; output: Record<string, unknown> }

export class Pins {
  private all: Record<string, Pin>;
  constructor(private readonly key: string) {
    try { this.all = JSON.parse(sessionStorage.getItem(key) ?? "{}") as Record<string, Pin>; } catch { this.all = {}; }
  }
  of(node: string): Pin | undefined { return this.all[node]; }
  get count(): number { return Object.keys(this.all).length; }
  set(node: string, pin: Pin | undefined): void {
    const { [node]: _was, ...rest } = this.all;
    this.all = pin ? { ...rest, [node]: pin } : rest;
    try { sessionStorage.setItem(this.key, JSON.stringify(this.all)); } catch { /* kept while the page is open */ }
  }
  /** among gives the pins of nodes that are there. */
  among(ids: ReadonlySet<string>): Record<string, Pin> { return Object.fromEntries(Object.entries(this.all).filter(([id]) => ids.has(id))); }
}

/** readOutput reads what was typed as an output: a JSON object. */
export function readOutput(text: string): { output?: Record<string, unknown>; wrong?: string } {
  try {
    const v = JSON.parse(text) as unknown;
    if (v && typeof v === "object" && !Array.isArray(v)) return { output: v as Record<string, unknown> };
    return { wrong: "An output is a JSON object, like {\"id\": \"4711\"}." };
  } catch (err) { return { wrong: `This is no JSON: ${err instanceof Error ? err.message : ""}` }; }
}
