// The keyboard: one table that both acts and is shown as help.

export interface Binding { id: string; keys: string[]; text: string; group: string; edits?: boolean }

/** Keys are written as they are shown: Mod is Ctrl, or Cmd on a Mac. */
export const bindings: Binding[] = [
  { id: "find-type", keys: ["/"], text: "Add a node, after the chosen one", group: "Add and connect", edits: true },
  { id: "connect", keys: ["c"], text: "Connect the chosen node to another", group: "Add and connect", edits: true },
  { id: "note", keys: ["Shift+s"], text: "Add a note", group: "Add and connect", edits: true },
  { id: "open", keys: ["Enter"], text: "Open the node's fields", group: "Change", edits: false },
  { id: "rename", keys: ["F2"], text: "Rename", group: "Change", edits: true },
  { id: "remove", keys: ["Delete", "Backspace"], text: "Remove; what led to it leads on", group: "Change", edits: true },
  { id: "undo", keys: ["Mod+z"], text: "Undo", group: "Change", edits: true },
  { id: "redo", keys: ["Mod+Shift+z", "Mod+y"], text: "Redo", group: "Change", edits: true },
  { id: "copy", keys: ["Mod+c"], text: "Copy, as text too", group: "Change" },
  { id: "cut", keys: ["Mod+x"], text: "Cut", group: "Change", edits: true },
  { id: "paste", keys: ["Mod+v"], text: "Paste nodes or YAML", group: "Change", edits: true },
  { id: "duplicate", keys: ["Mod+d"], text: "Duplicate", group: "Change", edits: true },
  { id: "group", keys: ["Mod+g"], text: "Group, or free a group", group: "Change", edits: true },
  { id: "tidy", keys: ["Shift+Alt+t"], text: "Tidy up", group: "Change", edits: true },
  { id: "save", keys: ["Mod+s"], text: "Save now", group: "Change", edits: true },
  { id: "submit", keys: ["Mod+Shift+Enter"], text: "Submit for review", group: "Change", edits: true },
  { id: "settings", keys: [","], text: "Settings of the flow", group: "Change", edits: true },
  { id: "all", keys: ["Mod+a"], text: "Choose everything", group: "Choose and move" },
  { id: "none", keys: ["Escape"], text: "Choose nothing, close what is open", group: "Choose and move" },
  { id: "walk", keys: ["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"], text: "Go to the next node", group: "Choose and move" },
  { id: "walk-more", keys: ["Shift+ArrowDown", "Shift+ArrowUp", "Shift+ArrowLeft", "Shift+ArrowRight"], text: "Choose the next node too", group: "Choose and move" },
  { id: "nudge", keys: ["Alt+ArrowDown", "Alt+ArrowUp", "Alt+ArrowLeft", "Alt+ArrowRight"], text: "Move the chosen nodes", group: "Choose and move", edits: true },
  { id: "find", keys: ["Mod+f"], text: "Find a node", group: "Look" },
  { id: "fit", keys: ["1"], text: "Show the whole flow", group: "Look" },
  { id: "actual", keys: ["0"], text: "Actual size", group: "Look" },
  { id: "in", keys: ["+", "="], text: "Larger", group: "Look" },
  { id: "out", keys: ["-"], text: "Smaller", group: "Look" },
  { id: "problem", keys: ["F8"], text: "Next problem", group: "Look" },
  { id: "problem-back", keys: ["Shift+F8"], text: "Problem before", group: "Look" },
  { id: "help", keys: ["?"], text: "This list", group: "Look" },
];

export interface Pressed { key: string; ctrlKey: boolean; metaKey: boolean; shiftKey: boolean; altKey: boolean }

/** nameOf writes a key press the way the table does. */
export function nameOf(e: Pressed): string {
  const single = e.key.length === 1;
  const letter = single && /[a-z]/i.test(e.key);
  const key = letter ? e.key.toLowerCase() : e.key === " " ? "Space" : e.key;
  const shift = e.shiftKey && (letter || !single); // ? and + are typed with Shift on some keyboards, and are themselves
  return `${e.ctrlKey || e.metaKey ? "Mod+" : ""}${shift ? "Shift+" : ""}${e.altKey ? "Alt+" : ""}${key}`;
}

const byKey = new Map(bindings.flatMap((b) => b.keys.map((k) => [k, b] as const)));

/** find gives the act of a key press; undefined when it has none here. */
export function find(e: Pressed, edits: boolean): Binding | undefined {
  // Alt with a letter gives another character on a Mac, so the letter of the act is compared by its code where the view knows it.
  const b = byKey.get(nameOf(e));
  return b && (!b.edits || edits) ? b : undefined;
}

/** shown writes keys for people. */
export function shown(key: string, mac: boolean): string {
  const names: Record<string, string> = { Mod: mac ? "⌘" : "Ctrl", Shift: "Shift", Alt: mac ? "⌥" : "Alt", ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", Delete: "Del", Backspace: "⌫" };
  return key.split(/\+(?=.)/).map((p) => names[p] ?? (p.length === 1 ? p.toUpperCase() : p)).join(" ");
}
