// The keyboard, as a list.
import { useEffect, useRef } from "react";
import { bindings, shown } from "../core/keys";
import { Icon } from "./Icon";

const mac = /Mac|iP(hone|ad)/.test(navigator.platform);

export default function Help({ close, edits }: { close(): void; edits: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => { dialog.current?.showModal(); }, []);
  const groups = [...new Set(bindings.map((b) => b.group))].map((g) => [g, bindings.filter((b) => b.group === g && (edits || !b.edits))] as const).filter(([, l]) => l.length > 0);
  return (
    <dialog ref={dialog} className="dialog help" aria-label="Keyboard" onClose={close} onClick={(e) => { if (e.target === dialog.current) close(); }}>
      <header><h2>Keyboard</h2><button type="button" className="button button-quiet button-icon" aria-label="Close" onClick={close}><Icon name="x" /></button></header>
      <div className="help-groups" tabIndex={0} role="region" aria-label="Keys">
        {groups.map(([g, list]) => (
          <section key={g}><h3>{g}</h3><dl>{list.map((b) => <div key={b.id}><dt>{b.text}</dt><dd>{b.keys.slice(0, b.id.startsWith("walk") || b.id === "nudge" ? 4 : 2).map((k) => <kbd key={k}>{shown(k, mac)}</kbd>)}</dd></div>)}</dl></section>
        ))}
        <section><h3>Mouse</h3><dl>
          <div><dt>Move the drawing</dt><dd>drag, wheel, or Space and drag</dd></div>
          <div><dt>Zoom</dt><dd><kbd>{mac ? "⌘" : "Ctrl"}</kbd> and wheel, or pinch</dd></div>
          <div><dt>Choose an area</dt><dd><kbd>Shift</kbd> and drag</dd></div>
          <div><dt>Choose one more</dt><dd><kbd>{mac ? "⌘" : "Ctrl"}</kbd> and click</dd></div>
        </dl></section>
      </div>
    </dialog>
  );
}
