// The builder: palette, drawing, drawer, and what opens over them.
import { ReactFlowProvider, useReactFlow, type Viewport } from "@xyflow/react";
import { Suspense, lazy, useCallback, useEffect, useMemo, useRef, useState } from "react";
import * as clip from "../core/clipboard";
import { exitsOf, nextPort } from "../core/graph";
import { find } from "../core/keys";
import { GRID, covered } from "../core/place";
import { next } from "../core/problems";
import type { Point } from "../core/types";
import { extensions } from "../extensions";
import { Session, loadTidy } from "../session";
import { Bar, Problems, Said, Zoom } from "./Bars";
import { Canvas, glide } from "./Canvas";
import { Ask, Context, Tools, useEditor } from "./context";
import { middle as middleOf, toMiddle } from "./sight";
import { Drawer } from "./Drawer";
import { Palette } from "./Palette";
import { Picker } from "./Picker";

const Help = lazy(() => import("./Help"));
const Merge = lazy(() => import("./Merge"));

export const App = ({ session }: { session: Session }) => <ReactFlowProvider><Builder session={session} /></ReactFlowProvider>;

const inField = (t: EventTarget | null): boolean => t instanceof HTMLElement && (t.isContentEditable || t.matches("input, textarea, select, [role=textbox]") || !!t.closest("dialog[open], .panel-place"));

function Builder({ session }: { session: Session }) {
  const { editor } = session;
  useEditor(editor);
  const flow = useReactFlow();
  const root = useRef<HTMLDivElement>(null);
  const [asked, ask] = useState<Ask | undefined>();
  const [naming, setNaming] = useState("");
  const [help, setHelp] = useState(false);
  const [list, setList] = useState(false);
  const [at, setAt] = useState(-1);
  const pointer = useRef<Point>(undefined);
  const ready = useRef(false); // everything is saved and judged: the form may be sent

  const going = useRef<Viewport>(undefined); // where the drawing glides to
  const pane = () => root.current!.querySelector<HTMLElement>(".react-flow")!;
  const center = useCallback((id: string) => {
    const r = covered(editor.doc, editor.catalog).get(id);
    if (!r) return;
    const to = going.current = toMiddle(pane(), r, Math.max(flow.getZoom(), 0.7)), duration = glide(180);
    void flow.setViewport(to, { duration });
    setTimeout(() => { if (going.current === to) going.current = undefined; }, duration + 40);
  }, [editor, flow]);
  const view = useCallback(() => going.current ?? flow.getViewport(), [flow]);
  useEffect(() => { session.center = center; }, [session, center]);
  const tools = useMemo<Tools>(() => ({ editor, session, start: session.start, ask, center, view, naming, setNaming }), [editor, session, center, view, naming]);

  const focusNode = useCallback(() => { requestAnimationFrame(() => {
    const id = [...editor.selected].at(-1);
    if (id) root.current?.querySelector<HTMLElement>(`.react-flow__node[data-id="${CSS.escape(id)}"]`)?.focus({ preventScroll: true });
  }); }, [editor]);

  // The node that has the focus may be drawn anew under another id, or be gone. Then the chosen one gets it, or the one that Tab leads to.
  const held = useRef<Element>(null);
  useEffect(() => {
    const frame = requestAnimationFrame(() => {
      if (!held.current || held.current.isConnected) return;
      held.current = null;
      const id = [...editor.selected].at(-1), node = (css: string) => root.current?.querySelector<HTMLElement>(`.react-flow__node${css}`);
      if (document.activeElement === document.body) (id && node(`[data-id="${CSS.escape(id)}"]`) || node('[tabindex="0"]'))?.focus({ preventScroll: true });
    });
    return () => cancelAnimationFrame(frame);
  }, [editor, editor.version]);

  const goProblem = useCallback((back: boolean) => {
    const i = next(editor.problems.length, at, back);
    if (i < 0) { editor.say("There are no problems."); return; }
    setAt(i);
    const f = editor.problems[i];
    if (f.node) { editor.select([f.node]); center(f.node); focusNode(); }
    editor.say(`Problem ${i + 1} of ${editor.problems.length}: ${f.text}`);
  }, [editor, at, center, focusNode]);

  const middle = useCallback((): Point => middleOf(pane(), view()), [view]);
  useEffect(() => { editor.sight = middle; }, [editor, middle]);

  const act = useCallback((id: string, e: KeyboardEvent): boolean => {
    const one = editor.one;
    const ms = { duration: glide(160) };
    const focused = document.activeElement; // an edge is no HTMLElement
    const onNode = focused?.closest<HTMLElement>(".react-flow__node")?.dataset.id, onEdge = focused?.closest(".react-flow__edge")?.getAttribute("data-id");
    const onButton = !!focused?.closest("button, a, summary");
    switch (id) {
      case "find-type": ask({ kind: "add", from: one ? nextPort(editor.content, one, editor.spec(one)) || undefined : undefined, edge: edgeOf(editor.edge) }); return true;
      case "connect": {
        if (!one) editor.say("Choose the node that the edge begins at.");
        else if (exitsOf(one, editor.spec(one)).length === 0) editor.say("Nothing can follow this node: it ends the run.");
        else ask({ kind: "way", node: one.id });
        return true;
      }
      case "note": editor.addNote(); return true;
      case "open":
        if (onButton) return false;
        if (onEdge) { editor.selectEdge(onEdge); return true; }
        if (onNode && !editor.selected.has(onNode)) { editor.select([onNode]); if (!session.enter) return true; }
        if (editor.note) { setNaming(editor.note.id); return true; }
        if (session.enter) return session.enter();
        if (root.current?.querySelector(".panel-place")?.dispatchEvent(new CustomEvent("joinery:focus-form")) === undefined) root.current?.querySelector<HTMLElement>(".drawer :is(button, summary, a)")?.focus();
        return true;
      case "rename": setNaming(one?.id ?? editor.note?.id ?? ""); return true;
      case "remove": editor.remove(); return true;
      case "undo": editor.undo(); return true;
      case "redo": editor.redo(); return true;
      case "duplicate": editor.duplicate(); return true;
      case "group": setNaming(editor.group()); return true;
      case "tidy": void loadTidy().then((t) => editor.tidy(t)); return true;
      case "save": void session.save().then((all) => { if (all) editor.say(`Saved as revision ${session.saver.base}.`); }); return true;
      case "settings": location.assign(session.net.at("settings")); return true;
      case "submit": {
        const form = document.querySelector<HTMLFormElement>('form[action$="/reviews"]');
        if (form) form.requestSubmit(); else editor.say(session.review ? "It is being reviewed already." : "There is nothing to submit.");
        return true;
      }
      case "all": editor.selectAll(); return true;
      case "none": editor.select([]); setList(false); return true;
      case "walk": case "walk-more":
        editor.go(e.key.slice(5).toLowerCase() as "up", id === "walk-more");
        focusNode();
        return true;
      case "nudge": {
        const [dx, dy] = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[e.key] ?? [0, 0];
        editor.nudge(dx * GRID, dy * GRID);
        return true;
      }
      case "find": ask({ kind: "find" }); return true;
      case "fit": void flow.fitView({ padding: 0.12, maxZoom: 1, ...ms }); return true;
      case "actual": void flow.zoomTo(1, ms); return true;
      case "in": void flow.zoomIn(); return true; // without gliding, so that quick presses add up
      case "out": void flow.zoomOut(); return true;
      case "problem": goProblem(false); return true;
      case "problem-back": goProblem(true); return true;
      case "help": setHelp(true); return true;
    }
    return false;
  }, [editor, flow, session, middle, goProblem, focusNode]);

  const edgeOf = (key: string) => { if (!key) return undefined; const [from, to] = key.split(">"); return { from, to }; };

  useEffect(() => {
    const down = (e: KeyboardEvent) => {
      const inside = root.current?.contains(document.activeElement) || document.activeElement === document.body || document.activeElement?.id === "main";
      const b = find(e.altKey && e.code === "KeyT" ? { key: "t", ctrlKey: e.ctrlKey, metaKey: e.metaKey, shiftKey: e.shiftKey, altKey: true } : e, editor.edits);
      if (!b || !inside || document.querySelector("dialog[open]")) return;
      if (inField(e.target) && !["save", "submit", "problem", "problem-back"].includes(b.id)) {
        if (b.id === "none") { (e.target as HTMLElement).blur(); focusNode(); e.preventDefault(); }
        return;
      }
      if (["copy", "cut", "paste"].includes(b.id)) return; // the clipboard's own events do these
      if (act(b.id, e)) e.preventDefault();
    };
    document.addEventListener("keydown", down);
    return () => document.removeEventListener("keydown", down);
  }, [act, editor, focusNode]);

  // Copy, cut and paste: the browser's own events, which need no permission.
  useEffect(() => {
    const ours = (e: ClipboardEvent) => !inField(e.target) && !document.querySelector("dialog[open]") && (getSelection()?.isCollapsed ?? true);
    const copy = (e: ClipboardEvent) => {
      const s = ours(e) ? editor.copy() : undefined;
      if (!s || !e.clipboardData || s.nodes.length + (s.notes?.length ?? 0) === 0) return;
      e.preventDefault();
      e.clipboardData.setData("text/plain", clip.asText(s));
      e.clipboardData.setData(clip.MIME, JSON.stringify(s));
      if (e.type === "cut" && editor.edits) editor.remove();
      editor.say(`${clip.count(s.nodes.length, s.notes?.length ?? 0)} ${e.type === "cut" ? "cut" : "copied"}.`);
    };
    const paste = async (e: ClipboardEvent) => {
      if (!ours(e) || !editor.edits || !e.clipboardData) return;
      const whole = e.clipboardData.getData(clip.MIME), text = e.clipboardData.getData("text/plain");
      let s = clip.read(whole || text);
      if (!s && !/\b(nodes|joinery):/.test(text)) return;
      e.preventDefault();
      if (!s) {
        const { status, body } = await session.net.send("POST", "canvas/paste", { text }).catch(() => ({ status: 0, body: {} as any }));
        if (status !== 200) { editor.say(body.detail ?? "What you pasted cannot be read now."); return; }
        s = clip.asSnippet(body);
      }
      if (!s) { editor.say("There are no nodes in what you pasted."); return; }
      editor.paste(s, whole && s.nodes.some((n) => editor.content.nodes.some((m) => m.id === n.id)) ? undefined : pointer.current ? flow.screenToFlowPosition(pointer.current) : middle(), await loadTidy());
      focusNode();
    };
    const pasted = (e: ClipboardEvent) => { void paste(e); };
    document.addEventListener("copy", copy); document.addEventListener("cut", copy); document.addEventListener("paste", pasted);
    return () => { document.removeEventListener("copy", copy); document.removeEventListener("cut", copy); document.removeEventListener("paste", pasted); };
  }, [editor, session, flow, middle, focusNode]);

  // A review takes what is saved, so everything is saved first; with problems it is refused here already.
  useEffect(() => {
    const submit = (e: SubmitEvent) => {
      const form = e.target as HTMLFormElement;
      if (!editor.edits || !form.getAttribute("action")?.endsWith("/reviews")) return;
      const field = form.elements.namedItem("revision");
      if (ready.current && field instanceof HTMLInputElement) { field.value = String(session.saver.base); return; }
      e.preventDefault(); e.stopPropagation();
      void session.save().then((all) => {
        if (!all) return editor.say("It is not saved yet, so it cannot be submitted.");
        if (editor.problems.length > 0) {
          setList(true);
          goProblem(false);
          return editor.say(`${editor.problems.length === 1 ? "One problem" : `${editor.problems.length} problems`} to solve before it can be submitted.`);
        }
        // A form that is just being submitted cannot be submitted again, so this waits until that is over.
        setTimeout(() => { ready.current = true; form.requestSubmit(); ready.current = false; }, 0);
      });
    };
    document.addEventListener("submit", submit, true);
    return () => document.removeEventListener("submit", submit, true);
  }, [editor, session, goProblem]);

  const sides = extensions.filter((x) => x.Side && (x.modes ?? ["edit"]).includes(editor.mode));
  return (
    <Context.Provider value={tools}>
      <div ref={root} className={`builder-grid mode-${editor.mode}`} onFocus={(e) => { held.current = e.target.closest(".react-flow__node"); }} onPointerMove={(e) => { pointer.current = (e.target as Element).closest?.(".react-flow__pane, .react-flow__node") ? { x: e.clientX, y: e.clientY } : undefined; }}>
        {editor.edits && <Palette />}
        <div className="canvas-place">
          <Canvas />
          <Bar help={() => setHelp(true)} list={() => setList(!list)} />
          <Zoom />
          {list && <Problems close={() => setList(false)} at={at} setAt={setAt} />}
          {editor.content.nodes.length === 0 && <div className="canvas-empty"><p><strong>Nothing here yet.</strong></p><p>Drag a node from the palette, or press <kbd>/</kbd>. A flow begins with a start: an HRIS event, or one by hand.</p></div>}
          <Said />
        </div>
        {sides.map((x) => x.Side && <x.Side key={x.name} />)}
        {!session.enter && <Drawer />}
      </div>
      {asked && <Picker what={asked} />}
      {help && <Suspense fallback={null}><Help close={() => setHelp(false)} edits={editor.edits} /></Suspense>}
      {session.merging && <Suspense fallback={null}><Merge /></Suspense>}
    </Context.Provider>
  );
}
