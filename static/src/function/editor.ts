// The code editor. It lives in a shadow root, where its styles need no exception from the content security policy.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, completionStatus } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lua } from "@codemirror/legacy-modes/mode/lua";
import { Diagnostic, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, RangeSet, StateEffect, StateField } from "@codemirror/state";
import { EditorView, GutterMarker, gutter, highlightActiveLine, highlightActiveLineGutter, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Library } from "./library";

export interface Found { line: number; column?: number; width?: number; warning?: boolean; detail: string }
export interface Survivor { line: number; change: string }

export interface EditorEvents { changed(text: string): void; say(text: string): void; explain(html: HTMLElement | null): void; save(): void; test(): void; run(): void }

class CoverMark extends GutterMarker {
  constructor(private readonly ran: boolean) { super(); }
  override eq(other: CoverMark): boolean { return other.ran === this.ran; }
  override toDOM(): Node {
    const mark = document.createElement("span");
    mark.className = this.ran ? "cover-ran" : "cover-missed";
    mark.textContent = this.ran ? "✓" : "✗";
    mark.title = this.ran ? "A test ran this line" : "No test ran this line";
    return mark;
  }
}

const setCover = StateEffect.define<{ ran: number[]; missed: number[] }>();
const cover = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update(marks, tr) {
    marks = marks.map(tr.changes);
    for (const e of tr.effects) {
      if (!e.is(setCover)) continue;
      const at = new Map([...e.value.ran.map((n) => [n, true] as const), ...e.value.missed.map((n) => [n, false] as const)]);
      marks = RangeSet.of([...at].filter(([n]) => n >= 1 && n <= tr.state.doc.lines).sort((a, b) => a[0] - b[0]).map(([n, ran]) => new CoverMark(ran).range(tr.state.doc.line(n).from)));
    }
    return marks;
  },
});

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--violet)" }, { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" }, { tag: tags.string, color: "var(--good)" },
  { tag: [tags.number, tags.atom, tags.bool], color: "var(--warn)" }, { tag: [tags.standard(tags.variableName), tags.function(tags.variableName)], color: "var(--info)" },
]);

const theme = EditorView.theme({
  "&": { fontSize: "13px", backgroundColor: "var(--surface)", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "6px", maxHeight: "62vh" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", minHeight: "260px", borderRadius: "6px" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--muted)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent-weak) 45%, transparent)" }, ".cm-activeLineGutter": { backgroundColor: "var(--accent-weak)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection": { backgroundColor: "var(--accent-weak)" },
  ".cm-matchingBracket": { backgroundColor: "var(--accent-weak)", outline: "1px solid var(--line-strong)" },
  ".cm-cover": { width: "16px", textAlign: "center" }, ".cover-ran": { color: "var(--good)" }, ".cover-missed": { color: "var(--bad)", fontWeight: "700" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line-strong)", borderRadius: "6px", boxShadow: "var(--shadow-raised)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-tooltip-autocomplete ul li[aria-selected] .cm-completionDetail": { color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "var(--warn)", fontStyle: "normal", fontSize: "12px" }, ".cm-completionInfo": { maxWidth: "360px", padding: "8px 10px" },
  ".explain": { maxWidth: "420px", padding: "8px 10px", display: "grid", gap: "6px", fontFamily: "var(--sans)", lineHeight: "1.45" }, ".cm-completionInfo .explain": { padding: "0" },
  ".explain p": { margin: "0" }, ".explain code": { fontFamily: "var(--mono)", fontSize: "12px", overflowWrap: "anywhere" }, ".explain strong": { color: "var(--warn)" },
  ".cm-diagnostic": { color: "var(--text)", fontFamily: "var(--sans)" }, ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--text)", borderColor: "var(--line)" },
  ".cm-panels input, .cm-panels button": { font: "inherit", color: "var(--text)", backgroundColor: "var(--surface)", backgroundImage: "none", border: "1px solid var(--line-strong)", borderRadius: "5px" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-weak)", outline: "1px solid var(--warn-line)" },
});

export class CodeEditor {
  readonly view: EditorView;
  private diagnostics: Found[] = [];
  private survivors: Survivor[] = [];

  constructor(host: HTMLElement, text: string, label: string, readOnly: boolean, private readonly library: Library, private readonly events: EditorEvents) {
    const root = host.attachShadow({ mode: "open" });
    const act = (f: () => void) => () => { f(); return true; };
    this.view = new EditorView({
      root, parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(), cover, gutter({ class: "cm-cover", markers: (v) => v.state.field(cover), initialSpacer: () => new CoverMark(true) }), lintGutter(), history(), indentOnInput(), bracketMatching(), closeBrackets(),
          highlightActiveLine(), highlightActiveLineGutter(), highlightSelectionMatches(), search({ top: true }), indentUnit.of("  "), EditorState.tabSize.of(2), EditorView.lineWrapping,
          StreamLanguage.define(lua), syntaxHighlighting(colours), theme,
          autocompletion({ override: [library.complete], maxRenderedOptions: 60 }), hoverTooltip((view, pos) => this.hover(view, pos)),
          EditorState.readOnly.of(readOnly), EditorView.editable.of(!readOnly),
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0", spellcheck: "false", autocapitalize: "off" }),
          EditorView.domEventHandlers({ keydown: (e, view) => { if (e.key === "Escape" && completionStatus(view.state) === null) events.say("Tab now leaves the code."); return false; }, beforeinput: replaced }),
          keymap.of([
            { key: "Mod-s", run: act(() => events.save()), preventDefault: true }, { key: "Mod-Enter", run: act(() => events.test()) }, { key: "Mod-Shift-Enter", run: act(() => events.run()) },
            { key: "F1", run: (view) => { this.explainAt(view); return true; }, preventDefault: true },
            ...closeBracketsKeymap, ...defaultKeymap.filter((k) => k.key !== "Mod-Enter"), ...searchKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap, indentWithTab,
          ]),
          EditorView.updateListener.of((u) => { if (u.docChanged) { this.survivors = []; events.changed(u.state.doc.toString()); } }),
        ],
      }),
    });
  }

  get text(): string { return this.view.state.doc.toString(); }

  /** put takes another text, when the form was brought back. */
  put(text: string): void {
    if (text !== this.text) this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
  }

  judge(found: Found[]): void { this.diagnostics = found; this.draw(); }

  covered(lines: number[], missed: number[], survivors: Survivor[]): void {
    this.survivors = survivors;
    this.view.dispatch({ effects: setCover.of({ ran: lines.filter((n) => !missed.includes(n)), missed }) });
    this.draw();
  }

  private draw(): void {
    const { doc } = this.view.state;
    const line = (n: number) => doc.line(Math.min(Math.max(n, 1), doc.lines));
    const out: Diagnostic[] = this.diagnostics.map((f) => {
      const l = line(f.line || doc.lines);
      const start = f.column ? units(l.text, f.column - 1) : l.text.length - l.text.trimStart().length;
      const end = f.column && f.width ? units(l.text, f.column - 1 + f.width) : l.text.length;
      return { from: l.from + Math.min(start, l.length), to: l.from + Math.max(Math.min(end, l.length), Math.min(start, l.length)), severity: f.warning ? "warning" : "error", message: f.detail };
    });
    for (const s of this.survivors) { const l = line(s.line); out.push({ from: l.from, to: l.to, severity: "info", message: `No test noticed that ${s.change}.` }); }
    this.view.dispatch(setDiagnostics(this.view.state, out));
  }

  private wordAt(view: EditorView, pos: number): { name: string; from: number; to: number } | null {
    const l = view.state.doc.lineAt(pos);
    for (const m of l.text.matchAll(/[A-Za-z_][\w.]*/g)) {
      const from = l.from + m.index, to = from + m[0].length;
      if (pos >= from && pos <= to) return { name: m[0], from, to };
    }
    return null;
  }

  private hover(view: EditorView, pos: number) {
    const w = this.wordAt(view, pos);
    const f = w && this.library.find(w.name);
    return f ? { pos: w.from, end: w.to, above: true, create: () => ({ dom: this.library.explain(f) }) } : null;
  }

  private explainAt(view: EditorView): void {
    const w = this.wordAt(view, view.state.selection.main.head);
    const f = w && this.library.find(w.name);
    this.events.explain(f ? this.library.explain(f) : null);
  }
}

/** replaced puts typed text in the place of a selection itself: browsers would keep the look of what was there by a style
 * attribute, which the content security policy refuses. */
function replaced(event: Event, view: EditorView): boolean {
  const e = event as InputEvent, { from, to, empty } = view.state.selection.main;
  if (e.inputType !== "insertText" || e.data === null || empty || view.composing || view.state.readOnly || !e.cancelable) return false;
  e.preventDefault();
  const text = e.data;
  const plain = () => view.state.update(view.state.replaceSelection(text), { userEvent: "input.type", scrollIntoView: true });
  if (!view.state.facet(EditorView.inputHandler).some((handle) => handle(view, from, to, text, plain))) view.dispatch(plain());
  return true;
}

/** units counts the characters of a text that a number of its bytes makes. */
export function units(text: string, bytes: number): number {
  let n = 0, i = 0;
  for (const ch of text) {
    if (n >= bytes) return i;
    const code = ch.codePointAt(0)!;
    n += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    i += ch.length;
  }
  return i;
}
