// The palette: every node type, to drag, to click, or to search and add with Enter.
import { memo, useMemo, useState } from "react";
import { useTools } from "./context";
import { DRAGGED } from "./Canvas";
import { Icon } from "./Icon";
import { areaOf, areaOrder, matches } from "./Picker";

export const Palette = memo(function Palette() {
  const { editor } = useTools();
  const [query, setQuery] = useState("");
  const all = useMemo(() => editor.catalog.specs.map((s) => ({ ...s, hint: `${areaOf(s.category)} ${s.kind} ${s.help}` })), [editor]);
  const found = matches(all, query);
  const groups = query ? [["Found", found] as const] : [...new Set([...areaOrder, ...all.map((s) => s.category)])].map((c) => [areaOf(c), all.filter((s) => s.category === c)] as const).filter(([, list]) => list.length > 0);
  return (
    <section className="palette-side" aria-label="Node types">
      <div className="palette-search">
        <input type="search" aria-label="Search node types" placeholder="Search nodes" value={query} autoComplete="off" spellCheck={false} onChange={(e) => setQuery(e.target.value)}
          onKeyDown={(e) => { if (e.key === "Enter" && found[0]) { editor.add(found[0].kind); setQuery(""); } if (e.key === "Escape") setQuery(""); e.stopPropagation(); }} />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <div className="palette-types" tabIndex={-1}>
        {groups.map(([title, list]) => (
          <section key={title} aria-label={title}>
            <h2>{title}</h2>
            {list.map((s) => (
              <button key={s.kind} type="button" className="palette-type" draggable title={s.help} onClick={() => editor.add(s.kind)}
                onDragStart={(e) => { e.dataTransfer.setData(DRAGGED, s.kind); e.dataTransfer.effectAllowed = "copy"; }}>
                <span className={`box-icon cat-${s.category}`}><Icon name={s.icon} /></span>{s.title}
              </button>
            ))}
          </section>
        ))}
        {found.length === 0 && <p className="muted">Nothing found.</p>}
      </div>
    </section>
  );
});
