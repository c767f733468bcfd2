// Two people changed the same thing: what each did, and whose is taken.
import { useEffect, useMemo, useRef, useState } from "react";
import type { Clash, Side } from "../core/merge";
import { flat } from "../core/merge";
import type { FlowNode } from "../core/types";
import { plain } from "./Drawer";
import { useTools } from "./context";

function side(c: Clash, v: unknown): [string, string][] {
  if (v === undefined) return [["", "removed"]];
  if (c.part.startsWith("flow:")) return [["", plain(v)]];
  const f = flat(v as FlowNode);
  const keys = c.fields.includes("removed on one side") ? Object.keys(f).filter((k) => k !== "id") : c.fields;
  return keys.map((k) => [k.replace(/^params\./, ""), f[k] === undefined ? "empty" : plain(f[k])]);
}

export default function Merge() {
  const { session } = useTools();
  const m = session.merging!;
  const dialog = useRef<HTMLDialogElement>(null);
  const [sides, setSides] = useState<ReadonlyMap<string, Side>>(() => new Map());
  useEffect(() => { dialog.current?.showModal(); }, []);
  const who = m.theirs.head.by;
  const left = useMemo(() => session.clashes.filter((c) => !sides.has(c.part)).length, [session, sides]);
  const choose = (part: string, s: Side) => setSides(new Map(sides).set(part, s));
  const all = (s: Side) => setSides(new Map(session.clashes.map((c) => [c.part, s])));
  return (
    <dialog ref={dialog} className="dialog merge" aria-label="Two people changed this flow" onCancel={(e) => e.preventDefault()}>
      <header><h2>You and {who} changed the same</h2><p className="muted">What differs apart from each other is merged already{m.merged.taken.length ? `: ${m.merged.taken.join(", ")}` : ""}. For these, choose whose counts. Both stay in the history.</p></header>
      <div className="actions"><button type="button" className="button button-small" onClick={() => all("mine")}>All mine</button><button type="button" className="button button-small" onClick={() => all("theirs")}>All of {who}</button></div>
      <div className="merge-list">
        {session.clashes.map((c) => (
          <fieldset key={c.part}>
            <legend>{c.title}</legend>
            {(["mine", "theirs"] as const).map((s) => (
              <label key={s} className={`merge-side${sides.get(c.part) === s ? " is-chosen" : ""}`}>
                <span className="merge-who"><input type="radio" name={c.part} checked={sides.get(c.part) === s} onChange={() => choose(c.part, s)} />{s === "mine" ? "Mine" : `${who}'s`}</span>
                <dl>{side(c, c[s]).map(([k, v]) => <div key={k}>{k && <dt>{k}</dt>}<dd><code>{v}</code></dd></div>)}</dl>
              </label>
            ))}
          </fieldset>
        ))}
      </div>
      <footer className="actions"><button type="button" className="button button-primary" disabled={left > 0} data-off={left > 0 ? "" : undefined} onClick={() => session.choose(sides)}>{left > 0 ? `${left} to choose` : "Merge"}</button></footer>
    </dialog>
  );
}
