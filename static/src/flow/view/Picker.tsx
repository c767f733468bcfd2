// One list to search and choose from: node types to add, nodes to connect to, nodes to go to.
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { edgesOf, exitsOf, findNode, split, titleOf, whyNot } from "../core/graph";
import { Ask, useTools } from "./context";
import { about } from "./Box";
import { Icon } from "./Icon";

export interface Item { id: string; title: string; hint: string; icon: string; category: string; why?: string }

const areas: Record<string, string> = { trigger: "Start", logic: "Logic", people: "People", directory: "Directory", hris: "HR system", message: "Messages" };
export const areaOf = (category: string): string => areas[category] ?? category;
export const areaOrder = Object.keys(areas);

/** matches ranks by where the words are found: in the title first. */
export function matches<T extends { title: string; hint: string; id?: string }>(items: T[], query: string): T[] {
  const whole = query.trim().toLowerCase(), words = whole.split(/\s+/).filter(Boolean);
  if (words.length === 0) return items;
  const score = (i: T) => {
    const title = i.title.toLowerCase(), hint = i.hint.toLowerCase();
    let total = i.id === whole || title === whole ? 100 : 0;
    for (const w of words) {
      if (title.startsWith(w)) total += 3; else if (title.includes(w)) total += 2; else if (hint.includes(w)) total += 1; else return 0;
    }
    return total;
  };
  return items.map((i) => [score(i), i] as const).filter(([s]) => s > 0).sort((a, b) => b[0] - a[0]).map(([, i]) => i);
}

export function Picker({ what }: { what: Ask }) {
  const { editor, ask, center } = useTools();
  const input = useRef<HTMLInputElement>(null), list = useRef<HTMLUListElement>(null);
  const [query, setQuery] = useState(""), [active, setActive] = useState(0);
  const id = useId();
  const back = useRef<Element | null>(document.activeElement);
  const { content, catalog } = editor;

  const items = useMemo<Item[]>(() => {
    if (what.kind === "add") {
      const behind = !!(what.from || what.edge);
      return [...catalog.specs].sort((a, b) => areaOrder.indexOf(a.category) - areaOrder.indexOf(b.category))
        .filter((s) => !(behind && s.trigger)).map((s) => ({ id: s.kind, title: s.title, hint: `${areaOf(s.category)} ${s.kind} ${s.help}`, icon: s.icon, category: s.category }));
    }
    if (what.kind === "way") {
      const n = findNode(content, what.node);
      return n ? exitsOf(n, editor.spec(n)).map((p) => {
        const to = edgesOf(content).filter((e) => e.from === `${n.id}.${p.name}`).map((e) => titleOf(findNode(content, e.to) ?? { id: e.to, type: "" }));
        return { id: p.name, title: p.name, hint: to.length ? `leads to ${to.join(", ")}` : p.label === p.name ? "leads nowhere yet" : p.label, icon: "arrow-down", category: "logic" };
      }) : [];
    }
    const nodes = content.nodes.map((n) => ({ id: n.id, title: titleOf(n), hint: `${about(n, editor.spec(n))} · ${n.id}`, icon: editor.spec(n)?.icon ?? "circle-help", category: editor.spec(n)?.category ?? "unknown" }));
    if (what.kind === "find") return nodes;
    return nodes.filter((n) => n.id !== split(what.from)[0]).map((n) => ({ ...n, why: whyNot(content, catalog, what.from, n.id) || undefined })).sort((a, b) => Number(!!a.why) - Number(!!b.why));
  }, [what, content, catalog, editor]);
  const found = matches(items, query);

  const from = what.kind === "connect" ? what.from : what.kind === "way" ? what.node : what.kind === "add" ? what.from ?? what.edge?.from : undefined;
  const source = from ? findNode(content, split(from)[0]) : undefined;
  const lead = what.kind === "way" ? (source ? titleOf(source) : "") : source ? `After ${titleOf(source)}, way out ${split(from!)[1]}` : "";
  const label = what.kind === "add" ? (what.edge ? "Insert a node" : "Add a node") : what.kind === "connect" ? "Connect to" : what.kind === "way" ? "Which way out?" : "Find a node";

  useEffect(() => {
    input.current?.focus();
    const focused = back.current as HTMLElement | SVGElement | null;
    return () => { if (focused?.isConnected) focused.focus({ preventScroll: true }); };
  }, []);
  useEffect(() => { setActive(0); }, [query]);
  useEffect(() => { setQuery(""); setActive(0); input.current?.focus(); }, [what]);
  useEffect(() => { list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" }); }, [active, query]);

  const pick = (item: Item | undefined) => {
    if (!item) return;
    if (item.why) { editor.say(item.why); return; }
    if (what.kind === "way") { ask({ kind: "connect", from: `${what.node}.${item.id}` }); return; }
    ask(undefined);
    if (what.kind === "find") {
      editor.select([item.id]);
      center(item.id);
      requestAnimationFrame(() => document.querySelector<HTMLElement>(`.react-flow__node[data-id="${item.id}"]`)?.focus({ preventScroll: true }));
    } else if (what.kind === "connect") editor.connect(what.from, item.id);
    else {
      const made = editor.add(item.id, { from: what.from, edge: what.edge, at: what.from || what.edge ? (what.from ? what.at && { x: what.at.x, y: what.at.y } : undefined) : what.at });
      if (made) requestAnimationFrame(() => document.querySelector<HTMLElement>(`.react-flow__node[data-id="${made}"]`)?.focus({ preventScroll: true }));
    }
  };

  // It is no modal dialog of the browser's: making all the rest inert costs more than everything else it does. A scrim keeps the mouse from it, and Tab leads nowhere.
  return (<>
    <div className="scrim" onClick={() => ask(undefined)} />
    <dialog open className="dialog picker" aria-modal="true" aria-label={label}>
      <div className="picker-head"><strong>{label}</strong>{lead && <span className="muted small">{lead}</span>}</div>
      <input ref={input} type="search" role="combobox" aria-label={label} aria-expanded="true" aria-controls={`${id}-list`} aria-autocomplete="list" aria-activedescendant={found[active] ? `${id}-${active}` : undefined}
        placeholder={what.kind === "add" ? "Search by name or by what it does" : "Search"} value={query} autoComplete="off" spellCheck={false} onChange={(e) => setQuery(e.target.value)}
        onKeyDown={(e) => {
          if (e.key === "ArrowDown") { e.preventDefault(); setActive((a) => Math.min(found.length - 1, a + 1)); }
          if (e.key === "ArrowUp") { e.preventDefault(); setActive((a) => Math.max(0, a - 1)); }
          if (e.key === "Enter") { e.preventDefault(); pick(found[active]); }
          if (e.key === "Tab") e.preventDefault();
          if (e.key === "Escape") { e.preventDefault(); ask(undefined); }
          e.stopPropagation();
        }} />
      <ul ref={list} className="picker-list" id={`${id}-list`} role="listbox" aria-label="Results" onMouseDown={(e) => e.preventDefault()}>
        {found.map((item, i) => (
          <li key={item.id} id={`${id}-${i}`} role="option" aria-selected={i === active} aria-disabled={item.why ? true : undefined} onClick={() => pick(item)} onMouseMove={() => setActive(i)}>
            <span className={`box-icon cat-${item.category}`}><Icon name={item.icon} /></span>
            <span className="picker-text"><span>{item.title}</span><span className="muted small">{item.why ?? (what.kind === "add" ? catalog.spec(item.id)?.help : item.hint)}</span></span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="muted picker-none">Nothing found. Try another word.</p>}
    </dialog>
  </>);
}
