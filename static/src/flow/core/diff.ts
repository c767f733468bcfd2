// What differs between two sets of fields, and what became of a node or an edge from one revision to another. What differs
// between two revisions is told by the server (flow.Compare), so that drawing, words and picture say the same.
import { same } from "./merge";

export interface FieldChange { field: string; before: unknown; after: unknown }

/** fieldChanges compares two flat sets of fields. */
export function fieldChanges(a: Record<string, unknown>, b: Record<string, unknown>): FieldChange[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((k) => !same(a[k], b[k])).map((field) => ({ field, before: a[field], after: b[field] }));
}

/** sign says a mark without its colour. */
export const sign: Record<string, string> = { added: "+ added", removed: "− removed", changed: "± changed", moved: "↔ moved" };
