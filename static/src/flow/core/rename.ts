// Other names for steps in what a node's fields compute. The rules are those of internal/expr/rename.go and of Paste in
// internal/flow: only expressions are changed, and of these nothing in quotes.
import { FlowNode, Spec } from "./types";

/** renamed gives a node's params with other names for steps; now has the new name of each. */
export function renamed(n: FlowNode, spec: Spec | undefined, now: ReadonlyMap<string, string>): FlowNode["params"] {
  if (!n.params || !spec) return n.params;
  const out = { ...n.params };
  for (const f of spec.fields ?? []) {
    const cases = f.kind === "cases", bare = f.kind === "expression";
    if (out[f.key] !== undefined && (f.expr || bare || cases)) out[f.key] = rewritten(out[f.key], now, bare, cases) as (typeof out)[string];
  }
  return out;
}

function rewritten(v: unknown, now: ReadonlyMap<string, string>, bare: boolean, cases: boolean): unknown {
  if (typeof v === "string") return inText(v, now, bare);
  if (Array.isArray(v)) return v.map((x) => rewritten(x, now, bare, cases));
  if (!v || typeof v !== "object") return v;
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, cases && k !== "when" ? x : rewritten(x, now, bare || cases, cases)]));
}

/** inText renames in a field's text: all of it, or what stands in double braces. */
export function inText(text: string, now: ReadonlyMap<string, string>, bare = false): string {
  if (bare || text.startsWith("=")) return inExpression(text, now);
  let out = "", rest = text;
  for (let open = rest.indexOf("{{"); open >= 0; open = rest.indexOf("{{")) {
    const inner = rest.slice(open + 2), end = closing(inner);
    if (end < 0) break;
    out += `${rest.slice(0, open)}{{${inExpression(inner.slice(0, end), now)}}}`;
    rest = inner.slice(end + 2);
  }
  return out + rest;
}

const piece = /"(?:\\[^]|[^"\\])*(?:"|\\?$)|'(?:\\[^]|[^'\\])*(?:'|\\?$)|(?<![\w.])steps\.([a-z][a-z0-9_]*)(?!\w)/g;

const inExpression = (text: string, now: ReadonlyMap<string, string>): string =>
  text.replace(piece, (all: string, id?: string) => (id !== undefined && now.has(id) ? `steps.${now.get(id)}` : all));

/** closing finds the braces that end an expression; -1 without. */
function closing(s: string): number {
  let depth = 0, quote = "";
  for (let i = 0; i < s.length; i++) {
    const c = s[i];
    if (quote) {
      if (c === "\\") i++;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if (c === "{") depth++;
    else if (c === "}" && depth > 0) depth--;
    else if (c === "}" && s[i + 1] === "}") return i;
  }
  return -1;
}
