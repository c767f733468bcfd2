// The shapes that the server and the canvas share. Content is what is reviewed and hashed; layout stands beside it.

export interface Retry { attempts?: number; first?: string; max?: string }

export interface FlowNode {
  id: string;
  type: string;
  name?: string;
  params?: Record<string, unknown>;
  retry?: Retry;
  timeout?: string;
  on_error?: string;
}

export interface FlowEdge { from: string; to: string }

export interface Content {
  key: string;
  name: string;
  description?: string;
  trigger: string;
  vars?: Record<string, unknown>;
  nodes: FlowNode[];
  edges?: FlowEdge[];
  invariants?: unknown[];
  limits?: Record<string, number>;
}

/** Mark is what became of a node or an edge from one revision to another. */
export type Mark = "added" | "removed" | "changed" | "same";

export interface Point { x: number; y: number }

export interface Note { id: string; x: number; y: number; w: number; h: number; text: string; tone?: string }

export interface Group { id: string; title: string; tone?: string; nodes: string[] }

/** What the server keeps beside a flow at most. */
export const MOST = { notes: 200, groups: 100, note: 4_000, title: 200 };

export interface Layout { nodes?: Record<string, Point>; notes?: Note[]; groups?: Group[] }

/** Doc is what one act changes and one undo brings back. */
export interface Doc { readonly content: Content; readonly layout: Layout }

export interface Field { key: string; label: string; kind: string; required?: boolean; default?: unknown; help?: string; of?: string; expr?: boolean }

export interface Port { name: string; label: string }

export interface Spec {
  kind: string;
  version: number;
  category: string;
  title: string;
  icon: string;
  help: string;
  fields: Field[] | null;
  ports: Port[] | null;
  ports_from?: string;
  trigger?: boolean;
  writes?: boolean;
  ends?: boolean;
}

export interface Problem { path: string; detail: string }

export interface Head { revision: number; hash: string; by: string; at: string }

/** Start is what GET canvas.json answers. */
export interface Start {
  flow: string;
  revision: number;
  hash: string;
  head: Head;
  content: Content;
  layout: Layout;
  problems: Problem[];
  types: Spec[];
  can: { edit: boolean; submit: boolean; simulate: boolean };
  user: { id: string; name: string };
  csrf: string;
  review?: string;
  live?: number;
  /** marks are what differs, where two revisions are compared; moved is where boxes stood before. */
  marks?: { nodes: Record<string, Mark>; edges: Record<string, Mark>; moved: Record<string, Point> };
}

/** Catalog finds the spec of a node type. */
export class Catalog {
  private readonly byKind: Map<string, Spec>;
  constructor(readonly specs: Spec[]) { this.byKind = new Map(specs.map((s) => [s.kind, s])); }
  spec(kind: string): Spec | undefined { return this.byKind.get(kind); }
}

/** Painted is what a run did with a node, as its box shows it. */
export interface Painted { state: string; tone: string; word: string; port?: string; ms?: number; error?: string; changes?: number }

/** Values are the fields of a form by name; those that may be given several times have a list. */
export type Values = Record<string, string | string[]>;
