// One node of the drawing: its name, its type, what is wrong with it, and its ways out.
import { Handle, Position } from "@xyflow/react";
import { memo, useEffect, useRef } from "react";
import { titleOf } from "../core/graph";
import { portX } from "../core/place";
import type { Finding } from "../core/problems";
import type { FlowNode, Mark, Painted, Port, Spec } from "../core/types";
import { sign } from "../core/diff";
import { useTools } from "./context";
import { Icon } from "./Icon";

export interface BoxData extends Record<string, unknown> {
  n: FlowNode;
  spec?: Spec;
  exits: Port[];
  taken: string; // ports that lead somewhere, joined by a space
  findings?: Finding[];
  others: string; // who else has it chosen
  naming: boolean;
  trigger: boolean;
  width: number;
  mark?: Mark | "moved";
  run?: Painted;
}

/** about says in a few words which connection or policy the node is about. */
export function about(n: FlowNode, spec?: Spec): string {
  const named = (spec?.fields ?? []).filter((f) => f.kind === "directory" || f.kind === "hris" || f.kind === "policy")
    .map((f) => n.params?.[f.key]).filter((v): v is string => typeof v === "string" && v !== "");
  return [spec?.title ?? n.type, ...named.slice(0, 1)].join(" · ");
}

/** spoken is what screen readers call the node. */
export function spoken(d: BoxData): string {
  const parts = [titleOf(d.n), about(d.n, d.spec)];
  if (d.trigger) parts.push("start of the flow");
  if (d.spec?.writes) parts.push("writes");
  if (d.findings?.length) parts.push(`${d.findings.length} ${d.findings.length === 1 ? "problem" : "problems"}: ${d.findings[0].text}`);
  if (d.mark && d.mark !== "same") parts.push(d.mark);
  if (d.run) parts.push(d.run.word);
  if (d.others) parts.push(`${d.others} is here`);
  return parts.join(", ");
}

export const Box = memo(function Box({ data }: { data: BoxData }) {
  const { n, spec } = data;
  const edits = useTools().editor.edits;
  const taken = data.taken.split(" ");
  return (
    <>
      {!spec?.trigger && <Handle type="target" position={Position.Top} isConnectable={edits} className="port port-in" role="img" aria-label={`into ${titleOf(n)}`} />}
      <span className={`box-icon cat-${spec?.category ?? "unknown"}`}><Icon name={spec?.icon ?? "circle-help"} /></span>
      <span className="box-text">
        {data.naming ? <Naming n={n} /> : <span className="box-title">{titleOf(n)}</span>}
        <span className="box-type">{about(n, spec)}</span>
      </span>
      {spec?.writes && !data.run && <span className="box-writes" title="Changes an outside system"><Icon name="pencil" /></span>}
      {data.findings && data.findings.length > 0 && <span className="box-bad" title={data.findings.map((f) => f.text).join("\n")}>{data.findings.length}</span>}
      {data.mark && data.mark !== "same" && <span className={`box-mark mark-${data.mark}`}>{sign[data.mark]}</span>}
      {data.run && <span className={`box-run badge badge-${data.run.tone}`}>{data.run.word}</span>}
      {data.others && <span className="box-others">{data.others}</span>}
      {data.exits.map((p, i) => (
        <Handle key={p.name} id={p.name} type="source" position={Position.Bottom} isConnectable={edits} style={{ left: portX(i, data.exits.length, data.width) }}
          className={`port port-out${p.name === "error" ? " port-error" : ""}${taken.includes(p.name) ? "" : " port-free"}`} role="img" aria-label={`way out ${p.name} of ${titleOf(n)}`}>
          <span className="port-label">{p.name}</span>
        </Handle>
      ))}
    </>
  );
});

function Naming({ n }: { n: FlowNode }) {
  const { editor, setNaming } = useTools();
  const input = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  useEffect(() => { input.current?.focus(); input.current?.select(); }, []);
  const end = (keep: boolean, byKey = false) => {
    if (done.current) return;
    done.current = true;
    if (byKey) input.current?.closest<HTMLElement>(".react-flow__node")?.focus({ preventScroll: true });
    if (keep && input.current) editor.rename(n.id, input.current.value);
    setNaming("");
  };
  return <input ref={input} className="box-naming nodrag nopan" aria-label={`Name of ${n.id}`} defaultValue={titleOf(n)} maxLength={200} onBlur={() => end(true)}
    onKeyDown={(e) => { if (e.key === "Enter" || e.key === "Escape") { e.preventDefault(); e.stopPropagation(); end(e.key === "Enter", true); } }} />;
}
