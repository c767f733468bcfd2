// What every part of the view needs: the editor, and the acts that open something.
import { createContext, useContext, useSyncExternalStore } from "react";
import type { Viewport } from "@xyflow/react";
import type { Editor } from "../core/editor";
import type { FlowEdge, Point, Start } from "../core/types";
import type { Session } from "../session";

export type Ask =
  | { kind: "add"; from?: string; edge?: FlowEdge; at?: Point; screen?: Point }
  | { kind: "way"; node: string }
  | { kind: "connect"; from: string }
  | { kind: "find" };

export interface Tools {
  editor: Editor;
  session: Session;
  start: Start;
  ask(what: Ask | undefined): void;
  center(id: string): void;
  view(): Viewport; // where the drawing is, or glides to
  naming: string; // the node whose name is being typed
  setNaming(id: string): void;
}

export const Context = createContext<Tools | undefined>(undefined);

export function useTools(): Tools {
  const tools = useContext(Context);
  if (!tools) throw new Error("a part of the canvas stands outside of it");
  return tools;
}

/** useEditor draws anew when the editor changes. */
export function useEditor(editor: Editor): number { return useSyncExternalStore(editor.subscribe, () => editor.version); }
