// One edge, with a + on it that inserts a node.
import { BaseEdge, getSmoothStepPath, type EdgeProps } from "@xyflow/react";
import { memo } from "react";
import { sign } from "../core/diff";
import { STUB, through } from "../core/lanes";
import { useTools } from "./context";

export const Wire = memo(function Wire(p: EdgeProps) {
  const { editor, ask } = useTools();
  const { lane, mark } = (p.data ?? {}) as { lane?: number; mark?: string };
  const led = lane !== undefined && p.targetY - p.sourceY > 3 * STUB ? through(p.sourceX, p.sourceY, p.targetX, p.targetY, lane) : undefined;
  const [path, x, y] = led ? [led.d, led.x, led.y] : getSmoothStepPath({ sourceX: p.sourceX, sourceY: p.sourceY, targetX: p.targetX, targetY: p.targetY, sourcePosition: p.sourcePosition, targetPosition: p.targetPosition, borderRadius: 10, offset: 22 });
  const [from, to] = p.id.split(">");
  return (
    <>
      <BaseEdge path={path} markerEnd={p.markerEnd} interactionWidth={22} />
      {mark && mark !== "same" && <g className={`wire-mark mark-${mark}`} transform={`translate(${x} ${y})`} aria-hidden="true"><circle r="9" /><text y="5">{sign[mark][0]}</text></g>}
      {editor.edits && (
        <g className="wire-add" transform={`translate(${x} ${y})`} onClick={(e) => { e.stopPropagation(); ask({ kind: "add", edge: { from, to }, screen: { x: e.clientX, y: e.clientY } }); }}>
          <title>Insert a node here</title>
          <circle r="14" className="wire-hit" /><circle r="8" /><path d="M-4 0H4M0 -4V4" />
        </g>
      )}
    </>
  );
});
