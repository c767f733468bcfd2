// The bars over the drawing: acts, zoom, who is here, whether it is saved, what is wrong.
import { useReactFlow, useStore } from "@xyflow/react";
import { memo, useEffect, useState } from "react";
import { next } from "../core/problems";
import { shown } from "../core/keys";
import { extensions } from "../extensions";
import { loadTidy } from "../session";
import { glide } from "./Canvas";
import { useEditor, useTools } from "./context";
import { named } from "./Drawer";
import { Icon } from "./Icon";

const mac = /Mac|iP(hone|ad)/.test(navigator.platform);
const Act = ({ icon, label, keys, onClick, off }: { icon: string; label: string; keys?: string; onClick(): void; off?: boolean }) => (
  <button type="button" className="button button-quiet button-icon" aria-label={label} title={keys ? `${label} (${shown(keys, mac)})` : label} disabled={off} data-off={off ? "" : undefined} onClick={onClick}><Icon name={icon} /></button>
);

export const Bar = memo(function Bar({ help, list }: { help(): void; list(): void }) {
  const { editor, session, ask } = useTools();
  useEditor(editor);
  const { history } = editor;
  const parts = extensions.filter((x) => x.Bar && (x.modes ?? ["edit"]).includes(editor.mode));
  return (
    <div className="canvas-bar" role="toolbar" aria-label="Canvas">
      {editor.edits && <>
        <Act icon="plus" label="Add a node" keys="/" onClick={() => ask({ kind: "add" })} />
        <Act icon="undo-2" label={history.undoes ? `Undo: ${history.undoes}` : "Undo"} keys="Mod+z" off={!history.undoes} onClick={() => editor.undo()} />
        <Act icon="redo-2" label={history.redoes ? `Redo: ${history.redoes}` : "Redo"} keys="Mod+Shift+z" off={!history.redoes} onClick={() => editor.redo()} />
        <Act icon="wand-sparkles" label="Tidy up" keys="Shift+Alt+t" onClick={() => { void loadTidy().then((t) => editor.tidy(t)); }} />
      </>}
      <Act icon="search" label="Find a node" keys="Mod+f" onClick={() => ask({ kind: "find" })} />
      {editor.edits && <a className="button button-quiet button-icon" href={session.net.at("settings")} aria-label="Settings of the flow" title="Settings of the flow: values, limits"><Icon name="settings" /></a>}
      <Act icon="keyboard" label="Keyboard" keys="?" onClick={help} />
      {parts.map((x) => x.Bar && <x.Bar key={x.name} />)}
      <span className="canvas-bar-gap" />
      {editor.edits && <Others />}
      {editor.edits && <SaveWord />}
      {editor.problems.length > 0
        ? <button type="button" className="button button-small problem-count" title="All problems; F8 goes to the next" onClick={list}><Icon name="triangle-alert" />{editor.problems.length}<span className="hide-small">{editor.problems.length === 1 ? " problem" : " problems"}</span></button>
        : editor.edits && session.saveState === "saved" ? <span className="badge badge-good canvas-fine"><Icon name="circle-check" /><span className="hide-small">No problems</span></span> : null}
    </div>
  );
});

function Others() {
  const { editor, session, center } = useTools();
  if (session.others.length === 0) return null;
  return (
    <ul className="others" aria-label="Also here">
      {session.others.slice(0, 5).map((o) => {
        const what = `${o.name}${o.mine ? ", in another tab" : ""} ${o.edits ? "is editing" : "is looking"}`;
        return <li key={o.tab}><button type="button" className="other" title={what} aria-label={`${initials(o.name)}, ${what}`} onClick={() => { if (o.node) { editor.select([o.node]); center(o.node); } }}><span aria-hidden="true">{initials(o.name)}</span></button></li>;
      })}
    </ul>
  );
}

export const initials = (name: string): string => name.split(/\s+/).filter(Boolean).map((w) => w[0]).slice(0, 2).join("").toUpperCase();

const saveWords = { saved: "Saved", waiting: "Saving…", saving: "Saving…", offline: "Offline", conflict: "Changed by somebody else", refused: "Not saved" };
const saveIcons = { saved: "cloud-check", waiting: "cloud-upload", saving: "cloud-upload", offline: "wifi-off", conflict: "users", refused: "circle-alert" };

function SaveWord() {
  const { session } = useTools();
  const s = session.saveState;
  return <span className={`save-word save-${s}`} role="status" title={session.saveSentence || `Revision ${session.saver.base}`}><Icon name={saveIcons[s]} /><span className="hide-small">{saveWords[s]}</span></span>;
}

export const Zoom = memo(function Zoom() {
  const flow = useReactFlow();
  const zoom = useStore((s) => Math.round(s.transform[2] * 100));
  const ms = { duration: glide(160) };
  return (
    <div className="zoom" role="group" aria-label="Zoom">
      <Act icon="plus" label="Larger" keys="+" onClick={() => { void flow.zoomIn(); }} />
      <button type="button" className="button button-quiet zoom-now" title={`Actual size (0)`} aria-label={`Zoom ${zoom} percent. Actual size`} onClick={() => { void flow.zoomTo(1, ms); }}>{zoom}%</button>
      <Act icon="minus" label="Smaller" keys="-" onClick={() => { void flow.zoomOut(); }} />
      <Act icon="maximize" label="Show the whole flow" keys="1" onClick={() => { void flow.fitView({ padding: 0.12, maxZoom: 1, ...ms }); }} />
    </div>
  );
});

/** Problems lists everything that keeps the flow from being submitted. */
export const Problems = memo(function Problems({ close, at, setAt }: { close(): void; at: number; setAt(n: number): void }) {
  const { editor, center } = useTools();
  useEditor(editor);
  const go = (i: number) => { setAt(i); const f = editor.problems[i]; if (f?.node) { editor.select([f.node]); center(f.node); } };
  return (
    <section className="problem-list" aria-label="Problems">
      <header><h2>Problems</h2><span className="muted small">F8 goes to the next</span><span className="canvas-bar-gap" />
        <button type="button" className="button button-quiet button-small" onClick={() => go(next(editor.problems.length, at))}>Next</button>
        <button type="button" className="button button-quiet button-icon" aria-label="Close the list" onClick={close}><Icon name="x" /></button></header>
      {editor.problems.length === 0 ? <p className="muted">Nothing is wrong. The flow can be submitted for review.</p> : (
        <ol>{editor.problems.map((f, i) => (
          <li key={i}><button type="button" className="problem" aria-current={i === at ? "true" : undefined} onClick={() => go(i)}><Icon name="triangle-alert" /><span><strong>{f.node ? titleAt(editor, f.node) : "The flow"}</strong><br />{named(editor, f)}{f.text}</span></button></li>
        ))}</ol>
      )}
    </section>
  );
});

const titleAt = (editor: { content: { nodes: { id: string; name?: string }[] } }, id: string): string => { const n = editor.content.nodes.find((x) => x.id === id); return n?.name || id; };

/** Said shows the last thing worth telling, for a few seconds, and tells it to screen readers. */
export const Said = memo(function Said() {
  const { editor } = useTools();
  useEditor(editor);
  const [text, setText] = useState("");
  const count = editor.saidAt;
  useEffect(() => {
    if (!count) return;
    setText(editor.said);
    const t = setTimeout(() => setText(""), 5_000);
    return () => clearTimeout(t);
  }, [count, editor]);
  return <div className={`said${text ? " said-now" : ""}`} role="status">{text}</div>;
});
