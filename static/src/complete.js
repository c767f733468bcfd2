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
  const typed = path.exec(inner)?.[0] ?? "";
  const from = cursor - typed.length;
  const before = text[from - 1] ?? "";
  const result = (items, at, prefix) => ({ from: at, to: cursor, prefix, items: items.slice(0, 40), call });
  if (before === "." || /[\w"']/.test(before) && typed === "") {
    // Behind a call or a text in quotes: its type says what can follow.
    const on = before === "." ? typeBefore(env, text.slice(start, from - 1)) : "";
    return result(methods(env, on, typed), from, typed);
  }
  const dot = typed.lastIndexOf(".");
  if (dot < 0) return result(typed === "" ? roots(env) : atStart(env, typed), from, typed);
  const parent = typed.slice(0, dot), prefix = typed.slice(dot + 1);
  const own = env.names.find((n) => n.path === parent);
  const items = [...members(env, parent, prefix, from), ...methods(env, own?.type ?? "", prefix)];
  return { ...result(items, cursor - prefix.length, prefix), whole: from };
}

const starts = (name, prefix) => name.toLowerCase().startsWith(prefix.toLowerCase());

const ofName = (n, label) => ({ label, insert: n.insert ?? n.path, type: n.type, help: n.help ?? "", value: n.value ?? "", whole: n.insert !== undefined });
const ofHelper = (h) => ({ label: h.name, insert: `${h.name}()`, back: 1, type: h.gives, help: h.help, detail: h.signature, example: `${h.example} → ${h.result}` });

function roots(env) {
  const seen = new Map();
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

// typeBefore is the type of the call or the quoted text that an expression ends with.
function typeBefore(env, text) {
  if (/["']$/.test(text)) return "string";
  if (/\]$/.test(text)) return "list";
  if (!text.endsWith(")")) return "";
  let open = 0;
  for (let i = text.length - 1; i >= 0; i--) {
    if (text[i] === ")") open++;
    if (text[i] === "(" && --open === 0) {
      const name = /([A-Za-z_]\w*)$/.exec(text.slice(0, i))?.[1];
      return env.helpers.find((h) => h.name === name)?.gives ?? "";
    }
  }
  return "";
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
