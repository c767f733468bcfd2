// The library for function code: what completion offers and help explains. It is the server's catalogue; which of it is
// granted is read from the form.
import { Completion, CompletionContext, CompletionResult, snippetCompletion } from "@codemirror/autocomplete";

export interface Param { name: string; type: string; optional?: boolean }
export interface Func { name: string; signature: string; help: string; example: string; effect: string; params?: Param[]; capability?: string; operation?: string }

const keywords = "and break do else elseif end false for function if in local nil not or repeat return then true until while".split(" ");

export class Library {
  private readonly byName: Map<string, Func>;
  /** inputs are the names of the input's fields. */
  inputs: string[] = [];

  constructor(private readonly all: Func[], private readonly grants: () => string[]) {
    this.byName = new Map(all.map((f) => [f.name, f]));
  }

  find(name: string): Func | undefined { return this.byName.get(name); }

  /** connections are those for which the manifest grants a function. */
  connections(f: Func): string[] {
    return this.grants().map((g) => g.split(":")).filter(([c, , o]) => c === f.capability && o === f.operation).map(([, key]) => key);
  }

  granted(f: Func): boolean { return !f.capability || this.connections(f).length > 0; }

  /** needs says which grant is missing, "" for none. */
  needs(f: Func): string { return this.granted(f) ? "" : `Needs the grant ${f.capability}:<connection>:${f.operation}, which the manifest does not have.`; }

  explain(f: Func): HTMLElement {
    const box = document.createElement("div");
    box.className = "explain";
    const line = (tag: string, text: string) => { const e = document.createElement(tag); e.textContent = text; box.append(e); };
    line("code", f.signature);
    line("p", f.help);
    if (f.example && f.example !== f.name) line("code", f.example);
    const needs = this.needs(f);
    if (needs) line("strong", needs);
    else if (f.capability) line("p", `Granted for ${this.connections(f).join(", ")}.`);
    return box;
  }

  complete = (context: CompletionContext): CompletionResult | null => {
    const inText = context.matchBefore(/\b(?:directory|hris|plan)\.\w+\(\s*"[\w-]*$/);
    if (inText) return this.connectionAt(context, inText.text);
    const word = context.matchBefore(/[A-Za-z_][\w.]*$/);
    if (!word && !context.explicit) return null;
    const before = context.state.sliceDoc(context.state.doc.lineAt(context.pos).from, word?.from ?? context.pos);
    if (/--/.test(before) || (before.match(/"/g)?.length ?? 0) % 2 === 1) return null; // a comment, a text
    const text = context.state.doc.toString();
    const options: Completion[] = [...this.functions(), ...this.inputs.map((name) => ({ label: `input.${name}`, type: "property", detail: "input", boost: 40 }))];
    for (const name of locals(text, context.pos)) options.push({ label: name, type: "variable", boost: 30 });
    for (const name of keywords) options.push({ label: name, type: "keyword", boost: -20 });
    return { from: word?.from ?? context.pos, options, validFor: /^[\w.]*$/ };
  };

  private functions(): Completion[] {
    return this.all.map((f) => {
      const asks = Boolean(f.capability), granted = this.granted(f);
      const keys = asks ? this.connections(f) : [];
      const params = (f.params ?? []).filter((p) => !p.optional).map((p, i) => (i === 0 && asks ? `"\${${keys.length === 1 ? keys[0] : p.name}}"` : `\${${p.name === "..." ? "value" : p.name}}`));
      return snippetCompletion(`${f.name}(${params.join(", ")})`, {
        label: f.name, type: asks ? "interface" : "function", detail: granted ? "" : "needs grant", info: () => this.explain(f), boost: asks ? (granted ? 60 : -60) : 0,
      });
    });
  }

  private connectionAt(context: CompletionContext, text: string): CompletionResult | null {
    const f = this.find(text.slice(0, text.indexOf("(")));
    if (!f) return null;
    const keys = this.connections(f);
    return { from: context.pos - (text.length - text.lastIndexOf('"') - 1), options: keys.map((label) => ({ label, type: "constant", detail: "granted" })), validFor: /^[\w-]*$/ };
  }
}

/** locals are names that the code declares before a place, or anywhere after it in the same text. */
export function locals(text: string, pos: number): string[] {
  const names = new Set<string>();
  for (const m of text.slice(0, pos).matchAll(/\blocal\s+(?:function\s+)?([\w\s,]+?)(?:=|\n|$|\()|\bfunction\s*[\w.]*\s*\(([^)]*)\)|\bfor\s+([\w\s,]+?)(?:=|\bin\b)/g)) {
    for (const name of (m[1] ?? m[2] ?? m[3] ?? "").split(",")) if (/^[A-Za-z_]\w*$/.test(name.trim()) && !keywords.includes(name.trim())) names.add(name.trim());
  }
  return [...names];
}
