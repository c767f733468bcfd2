// Beside the drawing: the fields of the chosen node, where its ways out lead, and what can be done with what is chosen.
import { memo, useEffect, useRef, useState } from "react";
import { edgeKey, edgesOf, exitsOf, findNode, split, titleOf, whyNot } from "../core/graph";
import type { Editor } from "../core/editor";
import type { Finding } from "../core/problems";
import type { FlowNode } from "../core/types";
import { extensions } from "../extensions";
import { about } from "./Box";
import { useEditor, useTools } from "./context";
import { Icon } from "./Icon";
import { PanelForm } from "../panel";

export const Drawer = memo(function Drawer() {
  const { editor, session } = useTools();
  useEditor(editor);
  const node = editor.one;
  const [open, setOpen] = useState(true);
  const key = node?.id ?? editor.edge ?? "";
  useEffect(() => { setOpen(true); }, [key]);
  if (!open || editor.marking) return null; // what is marked by dragging is not known before the mouse is let go
  const shut = <button type="button" className="button button-quiet button-icon" aria-label="Close" onClick={() => { setOpen(false); editor.select([]); }}><Icon name="x" /></button>;
  if (node) return <NodeDrawer key={session.tab} node={node} shut={shut} />;
  const edge = editor.edge ? edgesOf(editor.content).find((e) => edgeKey(e) === editor.edge) : undefined;
  if (edge) return <EdgeDrawer edge={edge} shut={shut} />;
  if (editor.selected.size > 1) return <ManyDrawer shut={shut} />;
  return null;
});

function NodeDrawer({ node, shut }: { node: FlowNode; shut: React.ReactNode }) {
  const { editor, session, setNaming } = useTools();
  const spec = editor.spec(node);
  const [trouble, setTrouble] = useState("");
  const parts = extensions.filter((x) => x.Node && (x.modes ?? ["edit"]).includes(editor.mode));
  return (
    <section className="drawer drawer-one" aria-label={`Node ${titleOf(node)}`}>
      <header className="drawer-head">
        <span className={`box-icon cat-${spec?.category ?? "unknown"}`}><Icon name={spec?.icon ?? "circle-help"} /></span>
        <div className="drawer-title"><h2>{titleOf(node)}</h2><p className="muted small">{about(node, spec)} · <code>{node.id}</code></p></div>
        {shut}
      </header>
      <div className="drawer-body">
        {editor.edits ? <Fields node={node} trouble={setTrouble} /> : <ReadOnly node={node} />}
        {editor.edits && <Exits node={node} />}
        {parts.map((x) => x.Node && <x.Node key={x.name} node={node} />)}
      </div>
      <Below node={node} trouble={trouble} />
      {editor.edits && (
        <footer className="drawer-foot">
          <button type="button" className="button button-small" onClick={() => setNaming(node.id)}><Icon name="pencil" />Rename</button>
          <button type="button" className="button button-small" onClick={() => editor.duplicate()}><Icon name="copy" />Duplicate</button>
          <button type="button" className="button button-small button-danger" onClick={() => editor.remove()}><Icon name="trash-2" />Remove</button>
          {session.steps.size > 0 && editor.mode === "edit" && <button type="button" className="button button-small button-quiet" onClick={() => session.paint(undefined)}>Clear what was tried</button>}
        </footer>
      )}
    </section>
  );
}

/** Below says what is wrong with the node and what happened there. It stands below the fields, so that none moves when it comes. */
function Below({ node, trouble }: { node: FlowNode; trouble: string }) {
  const { editor, session } = useTools();
  const findings = editor.problemsOf.get(node.id) ?? [];
  if (!trouble && findings.length === 0 && !session.steps.has(node.id)) return null;
  return (
    <div className="drawer-below">
      {trouble && <p className="notice notice-warn">{trouble}</p>}
      {findings.length > 0 && <ul className="drawer-problems" aria-label="Problems of this node">{findings.map((f, i) => <li key={i}><button type="button" className="problem" onClick={(e) => toField(e.currentTarget, f.field)}><Icon name="triangle-alert" /><span>{named(editor, f)}{f.text}</span></button></li>)}</ul>}
      <StepView node={node} />
    </div>
  );
}

/** named is the label of the field that a problem is about, where its sentence does not begin with it. */
export function named(editor: Editor, f: Finding): React.ReactNode {
  const node = findNode(editor.content, f.node), key = keyOf(f.field);
  const label = (node && editor.spec(node)?.fields?.find((x) => x.key === key)?.label) || f.field;
  return label && !f.text.startsWith(label) ? <strong>{label}: </strong> : null;
}

const keyOf = (field: string): string => field.split(/[.[]/)[0];

/** toField goes to the field that a problem is about. */
function toField(from: Element, field: string): void {
  const form = from.closest(".drawer")?.querySelector(".panel-place"), name = `p_${keyOf(field)}`;
  form?.querySelector<HTMLElement>(`:is([name="${name}"], [name^="${name}."], [data-entries="${name}"] input):not([type=hidden])`)?.focus();
}

/** Fields shows the server's form of the node. */
function Fields({ node, trouble }: { node: FlowNode; trouble(text: string): void }) {
  const { editor, session } = useTools();
  const place = useRef<HTMLDivElement>(null);
  const form = useRef<PanelForm>(undefined);
  useEffect(() => {
    const made = form.current = new PanelForm(place.current!, session, trouble);
    return () => made.end();
  }, [session, trouble]);
  useEffect(() => { form.current?.show(node); }, [node, editor.content]);
  useEffect(() => { form.current?.keep(); }); // what stands below takes some of the room
  return <div ref={place} className="panel-place" />;
}

function ReadOnly({ node }: { node: FlowNode }) {
  const { editor } = useTools();
  const fields = (editor.spec(node)?.fields ?? []).filter((f) => node.params?.[f.key] !== undefined);
  return <dl className="pairs drawer-pairs">{fields.map((f) => <div key={f.key}><dt>{f.label}</dt><dd><code>{plain(node.params![f.key])}</code></dd></div>)}</dl>;
}

export const plain = (v: unknown): string => (typeof v === "string" ? v : JSON.stringify(v, null, 1));

/** StepView shows what a run or a trial says about the node. */
function StepView({ node }: { node: FlowNode }) {
  const { session } = useTools();
  const s = session.steps.get(node.id), p = session.painted(node.id);
  if (!s || !p) return null;
  return (
    <section className="step-view" aria-label="What happened here">
      <p><span className={`badge badge-${p.tone}`}>{p.word}</span>{s.port ? <> left by <code>{s.port}</code></> : null}{s.pinned ? <span className="badge badge-violet">pinned</span> : null}</p>
      {s.error && <p className="error">{s.error}</p>}
      {(s.changes ?? []).length > 0 && <><h3>Planned changes</h3><ul className="lines">{s.changes!.map((c, i) => <li key={i}>{typeof c === "string" ? c : (c as { sentence?: string }).sentence ?? <code>{plain(c)}</code>}</li>)}</ul></>}
      {s.output !== undefined && s.output !== null && <details open><summary>Output</summary><pre className="code" tabIndex={0} aria-label="Output">{JSON.stringify(s.output, null, 2)}</pre></details>}
      {(s.log ?? []).length > 0 && <details><summary>Log</summary><pre className="code" tabIndex={0} aria-label="Log">{s.log!.join("\n")}</pre></details>}
    </section>
  );
}

function Exits({ node }: { node: FlowNode }) {
  const { editor, ask } = useTools();
  const exits = exitsOf(node, editor.spec(node));
  if (exits.length === 0) return null;
  const { content, catalog } = editor;
  return (
    <section className="exits-edit" aria-label="Ways out">
      <h3>Ways out</h3>
      {exits.map((p) => {
        const from = `${node.id}.${p.name}`, to = edgesOf(content).filter((e) => e.from === from).map((e) => e.to);
        const bare = { ...content, edges: edgesOf(content).filter((e) => e.from !== from) };
        return (
          <div className="field" key={p.name}>
            <label htmlFor={`exit-${p.name}`}>{p.name}{p.label && p.label !== p.name ? <span className="muted"> {p.label}</span> : null}</label>
            {to.length > 1
              ? <ul className="exit-many">{to.map((id) => <li key={id}>{titleOf(findNode(content, id) ?? { id, type: "" })}<button type="button" className="button button-small button-quiet" aria-label={`Stop leading ${p.name} to ${id}`} onClick={() => editor.disconnect({ from, to: id })}><Icon name="x" /></button></li>)}</ul>
              : <select id={`exit-${p.name}`} value={to[0] ?? ""} onChange={(e) => { if (e.target.value === "+") ask({ kind: "add", from }); else editor.lead(from, e.target.value); }}>
                <option value="">{p.name === "error" ? "The run fails, and a person looks" : "The end"}</option>
                {content.nodes.filter((n) => n.id === to[0] || whyNot(bare, catalog, from, n.id) === "").map((n) => <option key={n.id} value={n.id}>{titleOf(n)}</option>)}
                <option value="+">A new node…</option>
              </select>}
          </div>
        );
      })}
    </section>
  );
}

function EdgeDrawer({ edge, shut }: { edge: { from: string; to: string }; shut: React.ReactNode }) {
  const { editor, ask } = useTools();
  const [id, port] = split(edge.from);
  const a = findNode(editor.content, id), b = findNode(editor.content, edge.to);
  if (!a || !b) return null;
  return (
    <section className="drawer drawer-one" aria-label="Edge">
      <header className="drawer-head"><div className="drawer-title"><h2>Edge</h2></div>{shut}</header>
      <div className="drawer-body">
        <p><button type="button" className="link" onClick={() => editor.select([a.id])}>{titleOf(a)}</button> → <code>{port}</code> → <button type="button" className="link" onClick={() => editor.select([b.id])}>{titleOf(b)}</button></p>
      </div>
      {editor.edits && <footer className="drawer-foot">
        <button type="button" className="button button-small" onClick={() => ask({ kind: "add", edge })}><Icon name="plus" />Insert a node</button>
        <button type="button" className="button button-small button-danger" onClick={() => editor.remove()}><Icon name="unlink" />Remove</button>
      </footer>}
    </section>
  );
}

function ManyDrawer({ shut }: { shut: React.ReactNode }) {
  const { editor, setNaming } = useTools();
  return (
    <section className="drawer drawer-many" aria-label="What is chosen">
      <h2>{editor.selected.size} chosen</h2>
      {editor.edits && <>
        <button type="button" className="button button-small" onClick={() => editor.duplicate()}><Icon name="copy" />Duplicate</button>
        <button type="button" className="button button-small" onClick={() => setNaming(editor.group())}><Icon name="group" />Group</button>
        <button type="button" className="button button-small button-danger" onClick={() => editor.remove()}><Icon name="trash-2" />Remove</button>
      </>}
      {shut}
    </section>
  );
}
