// Where other parts of the builder join the canvas. A part is a React component that gets the tools of the canvas through
// useTools() (view/context.ts): the editor (document, choice, acts), the session (net, paint, steps) and what the page
// started with. Add a part by one line here.
import type { ComponentType } from "react";
import type { FlowNode } from "./core/types";
import { TryBar, TryNode, TrySide } from "./try/Try";

export interface Extension {
  name: string;
  /** modes in which the part is there; edit when left out. */
  modes?: string[];
  /** Bar stands in the bar over the drawing: a button. */
  Bar?: ComponentType;
  /** Side stands beside the drawing, over the drawer, as long as it gives something other than null. */
  Side?: ComponentType;
  /** Node stands in the drawer of a chosen node, below its fields. */
  Node?: ComponentType<{ node: FlowNode }>;
}

export const extensions: Extension[] = [
  { name: "try", modes: ["edit", "view"], Bar: TryBar, Side: TrySide, Node: TryNode },
];
