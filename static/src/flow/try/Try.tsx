// Trying a flow without leaving the canvas: for whom, what came of it at each node, and outputs that are pinned.
import { useEffect, useRef, useState } from "react";
import { exitsOf } from "../core/graph";
import type { FlowNode } from "../core/types";
import { useEditor, useTools } from "../view/context";
import { Icon } from "../view/Icon";
import { readOutput } from "./pins";
import { summary, trialOf } from "./trial";

export function TryBar() {
  const { editor, session, start } = useTools();
  useEditor(editor);
  if (!start.can.simulate) return null;
  const t = trialOf(session);
  return <button type="button" className="button button-small try-open" aria-expanded={t.open} onClick={() => { if (!t.open && matchMedia("(max-width: 860px)").matches) editor.select([]); t.show(!t.open); }}><Icon name="play" />Try here</button>;
}

export function TrySide() {
  const { editor, session } = useTools();
  useEditor(editor);
  return trialOf(session).open ? <Panel /> : null;
}

function Panel() {
  const { editor, session, start, center } = useTools();
  const t = trialOf(session), place = useRef<HTMLDivElement>(null), form = useRef<HTMLFormElement>(null);
  const [wrong, setWrong] = useState("");
  const fill = async (query: string): Promise<void> => {
    try { place.current?.replaceChildren(await t.fetchForm(query)); setWrong(""); } catch (err) { setWrong(err instanceof Error ? err.message : "The form cannot be shown."); }
  };
  useEffect(() => { t.form = form.current ?? undefined; void fill(""); return () => { t.form = undefined; }; }, []);
  const tests = () => { void session.saver.now().then((all) => { if (all || !editor.edits) location.assign(session.net.at(`backtests?revision=${session.saver.base}`)); else editor.say("It is not saved yet, so it cannot be tested."); }); };
  const r = t.tried;
  return (
    <section className="drawer try-side" aria-label="Try the flow">
      <header className="drawer-head"><div className="drawer-title"><h2>Try</h2><p className="muted small">Nothing is written anywhere.</p></div>
        <button type="button" className="button button-quiet button-icon" aria-label="Close the trial" onClick={() => t.show(false)}><Icon name="x" /></button></header>
      <div className="drawer-body">
        <form ref={form} className="stack" onSubmit={(e) => { e.preventDefault(); if ((e.nativeEvent as SubmitEvent).submitter?.getAttribute("name") === "find") void fill(String(new FormData(e.currentTarget).get("q") ?? "")); else void t.run(); }}>
          <div ref={place} className="stack panel-place" />
          {t.pins.count > 0 && <p className="muted small">Pinned: {editor.content.nodes.filter((n) => t.pins.of(n.id)).map((n) => <button key={n.id} type="button" className="link" onClick={() => { editor.select([n.id]); center(n.id); }}>{n.name || n.id}</button>)}</p>}
          <div className="actions"><button type="submit" className="button button-primary" disabled={t.busy}>{t.busy ? "Working it out…" : "Try it"}</button></div>
        </form>
        <section className="try-tests" aria-label="Against past joiners">
          <h3>Against past joiners</h3>
          <p className="muted small">What this content would have done for those who came last.</p>
          <div className="actions"><button type="button" className="button button-small" onClick={tests}><Icon name="history" />Test {start.can.edit ? "what is drawn" : "this revision"}</button></div>
        </section>
      </div>
      {(wrong || t.trouble.length > 0 || r) && <div className="drawer-below">
        {wrong && <p className="notice notice-bad">{wrong}</p>}
        {t.trouble.map((x) => <p key={x} className="notice notice-bad" role="alert">{x}</p>)}
        {r && <section className="try-result" aria-label="What came of it">
          <p className={`notice notice-${r.state === "failed" ? "bad" : r.state === "waiting" ? "warn" : "good"}`}>{summary(r)}</p>
          {t.old && <p className="notice notice-warn">The flow was changed since. Try again to see what it would do now.</p>}
          {r.changes.length > 0 && <><h3>What would change</h3><ul className="lines">{r.changes.map((c, i) => <li key={i}>{c.sentence}</li>)}</ul></>}
          {r.unasked.length > 0 && <p className="muted small">Not asked, so only assumed: {r.unasked.join(", ")}.</p>}
          <button type="button" className="button button-small button-quiet" onClick={() => t.clear()}>Clear what was tried</button>
        </section>}
      </div>}
    </section>
  );
}

export function TryNode({ node }: { node: FlowNode }) {
  const { editor, session, start } = useTools();
  useEditor(editor);
  const t = trialOf(session), pin = t.pins.of(node.id), step = session.steps.get(node.id), spec = editor.spec(node);
  const ports = exitsOf(node, spec).map((p) => p.name);
  const [typing, setTyping] = useState<string | undefined>(), [port, setPort] = useState(""), [wrong, setWrong] = useState("");
  useEffect(() => { setTyping(undefined); setWrong(""); }, [node.id]);
  if (!start.can.simulate) return null;
  const begin = () => { setTyping(JSON.stringify(pin?.output ?? step?.output ?? {}, null, 2)); setPort(pin?.port ?? step?.port ?? ports[0] ?? ""); };
  const keep = () => {
    const { output, wrong } = readOutput(typing ?? "");
    setWrong(wrong ?? "");
    if (output) { t.pin(node.id, { port, output }); setTyping(undefined); editor.say("Pinned for trying. It is no part of the flow."); }
  };
  return (
    <section className="try-node stack" aria-label="Try this node">
      <h3>Try</h3>
      <div className="actions">
        <button type="button" className="button button-small" onClick={() => { void t.run(node.id); }}><Icon name="play" />Try up to here</button>
        {!spec?.trigger && ports.length > 0 && typing === undefined && <button type="button" className="button button-small" onClick={begin}><Icon name="pin" />{pin ? "Change the pinned output" : "Pin an output"}</button>}
        {pin && <button type="button" className="button button-small button-quiet" onClick={() => t.pin(node.id, undefined)}>Unpin</button>}
      </div>
      {pin && typing === undefined && <p className="muted small">Its output is pinned: a trial takes it, leaves by {pin.port}, and does not work the node out.</p>}
      {typing !== undefined && <div className="stack" data-panel-own="">
        <div className="field"><label htmlFor="pin-port">Leaves by</label><select id="pin-port" value={port} onChange={(e) => setPort(e.target.value)}>{ports.map((p) => <option key={p}>{p}</option>)}</select></div>
        <div className="field"><label htmlFor="pin-output">Output</label><textarea id="pin-output" className="code" rows={6} spellCheck={false} value={typing} aria-invalid={wrong !== ""} onChange={(e) => setTyping(e.target.value)} />{wrong && <p className="error">{wrong}</p>}</div>
        <div className="actions"><button type="button" className="button button-small button-primary" onClick={keep}>Pin it</button><button type="button" className="button button-small button-quiet" onClick={() => setTyping(undefined)}>Cancel</button></div>
      </div>}
    </section>
  );
}
