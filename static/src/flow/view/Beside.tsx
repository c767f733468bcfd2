// What stands beside the nodes and is not part of the content: notes, and frames around groups.
import { NodeResizeControl } from "@xyflow/react";
import { memo, useEffect, useRef, useState } from "react";
import type { Group, Note } from "../core/types";
import { useTools } from "./context";
import { Icon } from "./Icon";

const toNode = (e: Element) => e.closest<HTMLElement>(".react-flow__node")?.focus({ preventScroll: true });

export const NoteBox = memo(function NoteBox({ data, selected }: { data: { note: Note; naming: boolean }; selected?: boolean }) {
  const { editor, setNaming } = useTools();
  const { note } = data;
  const [typing, setTyping] = useState(editor.edits && note.text === "" && !!selected);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => { if (data.naming) { setTyping(true); setNaming(""); } }, [data.naming, setNaming]);
  useEffect(() => {
    if (!typing || !area.current) return;
    area.current.focus({ preventScroll: true });
    area.current.setSelectionRange(area.current.value.length, area.current.value.length);
  }, [typing]);
  return (
    <div className="note" onDoubleClick={() => editor.edits && setTyping(true)}>
      {selected && editor.edits && <NodeResizeControl className="note-resize" minWidth={120} minHeight={60} onResizeEnd={(_e, r) => editor.setNote(note.id, { w: Math.round(r.width), h: Math.round(r.height) })} />}
      {typing
        ? <textarea ref={area} className="nodrag nopan nowheel" aria-label="Note" defaultValue={note.text} maxLength={4000} placeholder="Write a note"
            onBlur={(e) => { editor.setNote(note.id, { text: e.target.value }); setTyping(false); }}
            onKeyDown={(e) => { e.stopPropagation(); if (e.key === "Escape") toNode(e.currentTarget); }} />
        : <p>{note.text || (editor.edits ? "Double-click to write" : "")}</p>}
      {selected && editor.edits && !typing && <button type="button" className="note-edit nodrag" aria-label="Write the note" onClick={() => setTyping(true)}><Icon name="pencil" /></button>}
    </div>
  );
});

export const Frame = memo(function Frame({ data }: { data: { group: Group; naming: boolean } }) {
  const { editor, setNaming } = useTools();
  const { group } = data;
  const [typing, setTyping] = useState(false);
  const input = useRef<HTMLInputElement>(null), title = useRef<HTMLButtonElement>(null), byKey = useRef(false);
  useEffect(() => { if (data.naming) { setTyping(true); setNaming(""); } }, [data.naming, setNaming]);
  useEffect(() => {
    if (typing) { input.current?.focus(); input.current?.select(); } else if (byKey.current) { byKey.current = false; title.current?.focus({ preventScroll: true }); }
  }, [typing]);
  return (
    <div className="frame">
      <div className="frame-head">
        {typing
          ? <input ref={input} className="nodrag nopan" aria-label="Title of the group" defaultValue={group.title} maxLength={200} onBlur={(e) => { editor.nameGroup(group.id, e.target.value); setTyping(false); }}
              onKeyDown={(e) => { e.stopPropagation(); if (e.key === "Enter" || e.key === "Escape") { byKey.current = true; e.currentTarget.blur(); } }} />
          : <button ref={title} type="button" className="frame-title" title="Choose its nodes; double-click to name it" onClick={() => editor.select(group.nodes)} onDoubleClick={() => editor.edits && setTyping(true)}>{group.title}</button>}
        {editor.edits && !typing && <button type="button" className="frame-act nodrag" aria-label={`Name the group ${group.title}`} onClick={() => setTyping(true)}><Icon name="pencil" /></button>}
        {editor.edits && <button type="button" className="frame-act nodrag" aria-label={`Free the group ${group.title}`} onClick={() => editor.ungroup(group.id)}><Icon name="x" /></button>}
      </div>
    </div>
  );
});

/** Ghost is where a box stood before. */
export const Ghost = memo(function Ghost({ data }: { data: { title: string } }) { return <div className="ghost"><span>{data.title} stood here</span></div>; });
