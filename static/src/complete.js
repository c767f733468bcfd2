// What fits where the cursor stands in an expression. Pure: text and names in, suggestions out. It needs no server, so no
// key waits for one; the names come from there once.

const path = /[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\.?$/;

// expressionAt tells where the expression around the cursor begins; -1 when the cursor is in plain text. kind is
// "expression" for a field that is nothing else, "field" for one that may be a text.
export function expressionAt(text, cursor, kind) {
  if (text.startsWith("=")) return cursor >= 1 ? 1 : -1;
  if (kind === "expression") return 0;
  const open = text.lastIndexOf("{{", cursor - 1);
  if (open < 0 || cursor < open + 2) return -1;
  const inner = text.slice(open + 2, cursor);
  return depth(inner).closed ? -1 : open + 2;
}

// depth goes through an expression: whether it stands in quotes at its end, which calls are open there, and whether }}
// has closed it.
function depth(inner) {
  const calls = [];
  let quote = "", braces = 0;
  for (let i = 0; i < inner.length; i++) {
    const c = inner[i];
    if (quote) {
      if (c === "\\") i++;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if (c === "{") braces++;
    else if (c === "}" && braces > 0) braces--;
    else if (c === "}" && inner[i + 1] === "}") return { closed: true, quote: "", calls: [] };
    else if (c === "(") calls.push({ at: i, name: /([A-Za-z_]\w*)$/.exec(inner.slice(0, i))?.[1] ?? "", argument: 0 });
    else if (c === ")") calls.pop();
    else if (c === "," && calls.length > 0) calls[calls.length - 1].argument++;
  }
  return { closed: false, quote, calls };
}

// suggest gives what fits at the cursor: from and to are the part of the text that a suggestion takes the place of, call is
// the helper whose parentheses the cursor is in.
export function suggest(env, text, cursor, kind) {
  const none = { from: cursor, to: cursor, prefix: "", items: [], call: null };
  const start = expressionAt(text, cursor, kind);
  if (start < 0) return none;
  const inner = text.slice(start, cursor);
  const { quote, calls } = depth(inner);
  const call = env.helpers.find((h) => h.name === calls.at(-1)?.name) ?? null;
  if (quote) return { ...none, call };
  env = { ...env, bound: boundBy(env, inner, calls) };
  const named = calls.at(-1);
  if (named && each.has(named.name) && inner[named.at - named.name.length - 1] === "." && named.argument === 0) {
    // The name that stands for each entry is whatever its writer likes.
    const free = ["x", "y", "z"].find((n) => !env.bound.some((b) => b.path === n)) ?? "x";
    const items = inner.slice(named.at + 1).trim() === "" ? [{ label: free, insert: free + ", ", type: "", help: "Stands for each entry, one after the other.", again: true }] : [];
    return { ...none, items, call };
  }
  const typed = path.exec(inner)?.[0] ?? "";
  const from = cursor - typed.length;
  const before = text[from - 1] ?? "";
  const result = (items, at, prefix) => ({ from: at, to: cursor, prefix, items: items.slice(0, 40), call });
  if (before === "." || /[\w"']/.test(before) && typed === "") {
    // Behind a call or a text in quotes: its type says what can follow.
    const on = before === "." ? typeOf(env, text.slice(start, from - 1)).type : "";
    return result(methods(env, on, typed), from, typed);
  }
  const dot = typed.lastIndexOf(".");
  if (dot < 0) return result(typed === "" ? roots(env) : atStart(env, typed), from, typed);
  const parent = typed.slice(0, dot), prefix = typed.slice(dot + 1);
  const items = [...members(env, parent, prefix), ...methods(env, lookUp(env, parent).type, prefix)];
  return { ...result(items, cursor - prefix.length, prefix), whole: from };
}

// each are the helpers that give every entry of a list a name.
const each = new Set(["all", "exists", "exists_one", "filter", "map"]);

// boundBy gives the names that stand for entries where the cursor is, with what their lists hold.
function boundBy(env, inner, calls) {
  let bound = [];
  for (const c of calls) {
    const list = c.at - c.name.length - 1, name = /^\s*([A-Za-z_]\w*)\s*,/.exec(inner.slice(c.at + 1))?.[1];
    if (!each.has(c.name) || inner[list] !== "." || c.argument === 0 || !name) continue;
    const of = typeOf({ ...env, bound }, inner.slice(0, list));
    bound = [{ path: name, type: of.of ?? "", help: "Each entry, one after the other.", entry: of.entry ?? [] }, ...bound.filter((b) => b.path !== name)];
  }
  return bound;
}

// lookUp finds what a path names: an entry and its parts go before what the flow has.
function lookUp(env, path) {
  const [first, ...parts] = path.split(".");
  let at = env.bound?.find((b) => b.path === first);
  if (!at) return env.names.find((n) => n.path === path) ?? { type: "" };
  for (const part of parts) at = at.entry?.find((e) => e.path === part) ?? { type: "" };
  return at;
}

const starts = (name, prefix) => name.toLowerCase().startsWith(prefix.toLowerCase());

const ofName = (n, label) => ({ label, insert: n.insert ?? n.path, type: n.type, help: n.help ?? "", value: n.value ?? "", whole: n.insert !== undefined });
const ofHelper = (h) => ({ label: h.name, insert: `${h.name}()`, back: 1, again: each.has(h.name), type: h.gives, help: h.help, detail: h.signature, example: `${h.example} → ${h.result}` });

function roots(env) {
  const seen = new Map();
  for (const b of env.bound ?? []) seen.set(b.path, { ...ofName(b, b.path), again: b.entry.length > 0, insert: b.path + (b.entry.length > 0 ? "." : "") });
  for (const n of env.names) {
    const root = n.path.split(".")[0];
    if (!seen.has(root)) seen.set(root, root === n.path ? ofName(n, root) : { label: root, insert: root + ".", type: "", help: "", again: true });
  }
  return [...seen.values()];
}

// atStart finds what begins so, at first the tops and functions, then names whose last part does.
function atStart(env, prefix) {
  const tops = roots(env).filter((r) => starts(r.label, prefix));
  const functions = env.helpers.filter((h) => !h.on && starts(h.name, prefix)).map(ofHelper);
  const deep = prefix.length < 2 ? [] : env.names.filter((n) => n.path.includes(".") && starts(n.path.slice(n.path.lastIndexOf(".") + 1), prefix)).map((n) => ofName(n, n.path));
  return [...tops, ...deep, ...functions];
}

// members are the names one step below.
function members(env, parent, prefix) {
  const seen = new Map();
  if (env.bound?.some((b) => b.path === parent.split(".")[0])) {
    return (lookUp(env, parent).entry ?? []).filter((e) => starts(e.path, prefix)).map((e) => ofName(e, e.path));
  }
  for (const n of env.names) {
    if (!n.path.startsWith(parent + ".")) continue;
    const rest = n.path.slice(parent.length + 1);
    const part = rest.split(".")[0];
    if (!starts(part, prefix) || seen.has(part)) continue;
    if (part === rest) seen.set(part, { ...ofName(n, part), insert: n.insert ?? part });
    else seen.set(part, { label: part, insert: part + ".", type: "", help: "", again: true });
  }
  return [...seen.values()];
}

const methods = (env, type, prefix) => env.helpers.filter((h) => h.on && h.on === type && starts(h.name, prefix)).map(ofHelper);

// typeOf tells what the text before the cursor gives, as far as its end says: its type, and what the entries of a list are.
function typeOf(env, text) {
  const end = text.trimEnd();
  if (/["']$/.test(end)) return { type: "string" };
  if (/\d$/.test(end) && /(?:^|[^\w.])\d[\d.]*$/.test(end)) return { type: "number" };
  const open = opening(end);
  if (end.endsWith("]") && open >= 0) {
    const first = typeOf(env, firstOf(end.slice(open + 1, -1)));
    return { type: "list", of: first.type, entry: first.entry };
  }
  if (!end.endsWith(")")) return lookUp(env, path.exec(end)?.[0] ?? "");
  const name = /([A-Za-z_]\w*)$/.exec(end.slice(0, open))?.[1], at = open - (name?.length ?? 0);
  const given = end.slice(open + 1, -1), helper = env.helpers.find((h) => h.name === name);
  if (!helper) return name ? { type: "" } : typeOf(env, given);
  if (helper.gives !== "list") return { type: helper.gives };
  if (helper.of) return { type: "list", of: helper.of };
  const from = typeOf(env, end[at - 1] === "." ? end.slice(0, at - 1) : firstOf(given));
  if (name === "map") {
    const bound = boundBy(env, end.slice(0, -1), [{ at: open, name, argument: 1 }]);
    const made = typeOf({ ...env, bound: [...bound, ...(env.bound ?? [])] }, given.slice(given.lastIndexOf(",") + 1));
    return { type: "list", of: made.type, entry: made.entry };
  }
  return from.type === "list" ? from : { type: "list", of: from.type, entry: from.entry };
}

// opening finds where the bracket that ends a text was opened; -1 without.
function opening(text) {
  const stack = [];
  let quote = "", at = -1;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quote) {
      if (c === "\\") i++;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if ("([{".includes(c)) stack.push(i);
    else if (")]}".includes(c)) at = stack.pop() ?? -1;
  }
  return at;
}

// firstOf is the first of several values with commas between them.
function firstOf(text) {
  let open = 0, quote = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quote) {
      if (c === "\\") i++;
      else if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if ("([{".includes(c)) open++;
    else if (")]}".includes(c)) open--;
    else if (c === "," && open === 0) return text.slice(0, i);
  }
  return text;
}

// accept puts a suggestion into the text; caret is where the cursor goes.
export function accept(text, found, item) {
  const from = item.whole && found.whole !== undefined ? found.whole : found.from;
  // A call that stands there already keeps its parentheses.
  const insert = item.back && text[found.to] === "(" ? item.insert.slice(0, -2) : item.insert;
  const back = item.back && insert === item.insert ? item.back : 0;
  return { text: text.slice(0, from) + insert + text.slice(found.to), caret: from + insert.length - back };
}

// insertion puts a name into a field where the cursor is: bare inside of an expression, in braces within a text, and as an
// expression of its own into an empty field.
export function insertion(text, cursor, name, kind) {
  const put = (what) => ({ text: text.slice(0, cursor) + what + text.slice(cursor), caret: cursor + what.length });
  if (text === "" && kind === "field") return { text: "=" + name, caret: name.length + 1 };
  return expressionAt(text, cursor, kind) >= 0 ? put(name) : put(`{{ ${name} }}`);
}
