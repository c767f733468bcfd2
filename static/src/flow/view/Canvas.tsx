// The drawing: React Flow over the editor. What is dragged lives here until it is let go; everything else is the editor's.
import { Background, BackgroundVariant, MiniMap, ReactFlow, SelectionMode, applyNodeChanges, useReactFlow, useStore, useStoreApi, type Connection, type Edge, type Node, type NodeChange } from "@xyflow/react";
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type DragEvent } from "react";
import { findNode, edgeKey, edgesOf, split, whyNot } from "../core/graph";
import { GRID, HEIGHT, WIDTH, covered, snap } from "../core/place";
import type { Point } from "../core/types";
import { Box } from "./Box";
import { Frame, Ghost, NoteBox } from "./Beside";
import { useEditor, useTools } from "./context";
import { Scene, build, reframe } from "./scene";
import { seen } from "./sight";
import { Wire } from "./Wire";

const nodeTypes = { box: Box, note: NoteBox, frame: Frame, ghost: Ghost };
const edgeTypes = { wire: Wire };
const CULL_FROM = 150;
export const DRAGGED = "application/x-joinery-type";

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
export const glide = (ms: number): number => (still() ? 0 : ms);
const calm = { duration: 0 };

export const Canvas = memo(function Canvas() {
  const { editor, session, ask, naming, setNaming } = useTools();
  const version = useEditor(editor);
  const flow = useReactFlow();
  const api = useStoreApi();
  const scene = useRef<Scene>(undefined);
  const dragging = useRef(false);
  const [nodes, setNodes] = useState<Node[]>([]);
  const [edges, setEdges] = useState<Edge[]>([]);
  const coarse = useMemo(() => matchMedia("(pointer: coarse)").matches, []);
  const changes = editor.edits && !coarse;

  useLayoutEffect(() => {
    if (dragging.current) return;
    const made = build(editor, session, naming, { nodes: scene.current?.nodes ?? [], edges: scene.current?.edges ?? [] });
    scene.current = made;
    setNodes(made.nodes);
    setEdges(made.edges);
  }, [version, naming, editor, session]);

  const onNodesChange = useCallback((all: NodeChange[]) => {
    const chosen = all.filter((c) => c.type === "select");
    if (chosen.length > 0) {
      const now = new Set(editor.selected);
      for (const c of chosen) if (c.selected) now.add(c.id); else now.delete(c.id);
      editor.select(now);
    }
    const moves = all.filter((c) => c.type === "position");
    const rest = all.filter((c) => c.type === "dimensions" || c.type === "position");
    if (rest.length === 0) return;
    setNodes((before) => {
      let changed = [...rest] as NodeChange[];
      for (const c of moves) { // a frame takes its nodes along
        const frame = before.find((n) => n.id === c.id);
        if (frame?.type !== "frame" || !c.position) continue;
        const dx = c.position.x - frame.position.x, dy = c.position.y - frame.position.y;
        for (const id of (frame.data as { group: { nodes: string[] } }).group.nodes) {
          const n = before.find((x) => x.id === id);
          if (n && !all.some((x) => x.type === "position" && x.id === id)) changed.push({ type: "position", id, position: { x: n.position.x + dx, y: n.position.y + dy }, dragging: c.dragging });
        }
      }
      const after = moves.length ? reframe(applyNodeChanges(changed, before)) : applyNodeChanges(changed, before);
      scene.current = { nodes: after, edges: scene.current?.edges ?? [] };
      return after;
    });
  }, [editor]);

  const onDragStop = useCallback(() => {
    dragging.current = false;
    const to: Record<string, Point> = {};
    for (const n of scene.current?.nodes ?? []) {
      if (n.type === "frame") continue;
      const p = snap(n.position);
      const was = editor.doc.layout.nodes?.[n.id] ?? editor.doc.layout.notes?.find((x) => x.id === n.id);
      if (!was || was.x !== p.x || was.y !== p.y) to[n.id] = p;
    }
    if (Object.keys(to).length) editor.move(to); else editor.notify();
  }, [editor]);

  const valid = useCallback((c: Connection | Edge) => whyNot(editor.content, editor.catalog, `${c.source}.${c.sourceHandle}`, c.target) === "", [editor]);
  const screenPoint = (e: MouseEvent | TouchEvent): Point => ("changedTouches" in e ? { x: e.changedTouches[0].clientX, y: e.changedTouches[0].clientY } : { x: e.clientX, y: e.clientY });
  const reconnecting = useRef<Edge>(undefined);

  // The first look is the whole flow, when it can be read then; else the start at a readable size.
  const first = useRef(true);
  useEffect(() => {
    if (first.current && editor.content.nodes.length === 0) { // what is put here stays where it was put
      first.current = false;
      void flow.setViewport({ zoom: 1, x: api.getState().width / 2 - WIDTH / 2, y: 96 }, calm);
      return;
    }
    if (!first.current || nodes.length === 0) return;
    first.current = false;
    requestAnimationFrame(() => performance.mark("canvas-ready"));
    const { width, height } = api.getState();
    const b = flow.getNodesBounds(nodes.filter((n) => n.type !== "frame" && n.type !== "ghost"));
    const zoom = Math.min(width / (b.width + 80), height / (b.height + 120), 1);
    if (zoom >= 0.6) { void flow.setViewport({ zoom, x: (width - b.width * zoom) / 2 - b.x * zoom, y: Math.max(60, (height - b.height * zoom) / 2) - b.y * zoom }, calm); return; }
    const chosen = nodes.find((n) => n.id === editor.one?.id);
    const start = chosen ?? nodes.find((n) => n.id === editor.content.trigger) ?? nodes[0];
    const z = width < 600 ? 0.7 : 0.85;
    void flow.setViewport({ zoom: z, x: width / 2 - (start.position.x + (start.width ?? 0) / 2) * z, y: (chosen ? height / 2 - 30 : 76) - start.position.y * z }, calm);
  }, [nodes, flow, api, editor]);

  const edgeAt = (x: number, y: number) => {
    for (const el of document.elementsFromPoint(x, y)) {
      const id = el.closest(".react-flow__edge")?.getAttribute("data-id");
      if (id) return edgesOf(editor.content).find((e) => edgeKey(e) === id);
    }
    return undefined;
  };

  const onDrop = (e: DragEvent) => {
    const kind = e.dataTransfer.getData(DRAGGED);
    if (!kind) return;
    e.preventDefault();
    const edge = edgeAt(e.clientX, e.clientY);
    const p = flow.screenToFlowPosition({ x: e.clientX, y: e.clientY });
    editor.add(kind, edge ? { edge } : { at: { x: p.x, y: p.y - HEIGHT / 2 } });
  };

  return (
    <ReactFlow
      nodes={nodes} edges={edges} nodeTypes={nodeTypes} edgeTypes={edgeTypes} onNodesChange={onNodesChange}
      onlyRenderVisibleElements={nodes.length >= CULL_FROM}
      nodesDraggable={changes} nodesConnectable={changes} nodesFocusable={false} edgesFocusable={false} elementsSelectable
      disableKeyboardA11y deleteKeyCode={null} selectionKeyCode="Shift" multiSelectionKeyCode={["Control", "Meta", "Shift"]} selectionMode={SelectionMode.Partial}
      panOnScroll zoomOnDoubleClick={false} minZoom={0.1} maxZoom={2.5} snapToGrid snapGrid={[GRID, GRID]} nodeDragThreshold={4} connectionRadius={34}
      isValidConnection={valid}
      onNodeDragStart={() => { dragging.current = true; }} onNodeDragStop={onDragStop} onSelectionDragStart={() => { dragging.current = true; }} onSelectionDragStop={onDragStop}
      onConnect={(c) => { if (c.sourceHandle) editor.connect(`${c.source}.${c.sourceHandle}`, c.target); }}
      onConnectEnd={(e, state) => {
        if (state.isValid || !state.fromHandle || reconnecting.current) return;
        const p = screenPoint(e), under = document.elementFromPoint(p.x, p.y);
        const box = under?.closest<HTMLElement>(".react-flow__node-box");
        const outward = state.fromHandle.type === "source", source = state.fromHandle.nodeId, port = state.fromHandle.id ?? "";
        const target = state.toNode?.id ?? box?.dataset.id;
        if (outward && target && target !== source) { editor.connect(`${source}.${port}`, target); return; }
        if (target) { if (outward) editor.say(whyNot(editor.content, editor.catalog, `${source}.${port}`, target)); return; }
        if (outward && under?.closest(".react-flow__pane")) ask({ kind: "add", from: `${source}.${port}`, at: flow.screenToFlowPosition(p), screen: p });
      }}
      onReconnectStart={(_e, edge) => { reconnecting.current = edge; }}
      onReconnect={(old, c) => { const [from, to] = old.id.split(">"); if (c.sourceHandle) editor.reconnect({ from, to }, { from: `${c.source}.${c.sourceHandle}`, to: c.target }); }}
      onReconnectEnd={() => { setTimeout(() => { reconnecting.current = undefined; }, 0); }}
      onSelectionStart={() => editor.mark(true)} onSelectionEnd={() => editor.mark(false)}
      onEdgeClick={(_e, edge) => editor.selectEdge(edge.id)}
      onPaneClick={() => { editor.select([]); }}
      onNodeClick={(e, n) => { if (n.type === "frame" || e.ctrlKey || e.metaKey || e.shiftKey) return; if (editor.selected.size > 1) editor.select([n.id]); (e.currentTarget as HTMLElement).focus?.({ preventScroll: true }); }}
      onNodeDoubleClick={(_e, n) => { if (n.type === "box" && editor.edits) setNaming(n.id); }}
      onDragOver={(e) => { if (e.dataTransfer.types.includes(DRAGGED)) { e.preventDefault(); e.dataTransfer.dropEffect = "copy"; } }} onDrop={onDrop}
      proOptions={{ hideAttribution: false }}
      aria-label="Drawing of the flow"
    >
      <Background variant={BackgroundVariant.Dots} gap={GRID} size={1.4} />
      <MiniMap pannable zoomable ariaLabel="Map of the flow" className="map" nodeClassName={(n) => (n.type === "box" ? `map-${findNode(editor.content, n.id) ? editor.spec(findNode(editor.content, n.id)!)?.category ?? "unknown" : "unknown"}` : `map-${n.type}`)} onClick={(_e, p) => { void flow.setCenter(p.x, p.y, { zoom: flow.getZoom(), duration: glide(200) }); }} />
      <Follow />
    </ReactFlow>
  );
});

/** Follow keeps in sight what was chosen by keyboard, or added, also when something opens beside it. */
function Follow() {
  const { editor, center, view } = useTools();
  useEditor(editor);
  const api = useStoreApi();
  const size = useStore((s) => s.width * 100_000 + s.height);
  const chosen = [...editor.selected], key = chosen.join(" ");
  const last = useRef({ key, size, seen: false }); // what is chosen at first is in sight
  useEffect(() => {
    const { domNode } = api.getState(), was = last.current;
    const boxes = covered(editor.doc, editor.catalog);
    const sees = (id: string) => { const b = boxes.get(id); return !b || !domNode || seen(domNode, b, view()); };
    const first = was.key !== key || was.size !== size ? chosen.find((id) => boxes.has(id)) : undefined;
    const inSight = !first || chosen.some(sees);
    if (first && !inSight && (was.key !== key || was.seen)) center(first);
    last.current = { key, size, seen: first ? inSight || was.key !== key : was.seen };
  }, [key, size, api, center, view, editor, chosen]);
  return null;
}

export const portOf = (from: string): string => split(from)[1];
