// The form of a node while somebody types: what is wrong, what expressions give for a sample, what fits at the cursor. The
// server judges the whole form with the code that would save it.
//
// It works on the page of a node, where it also asks the server about what is typed, and beside the canvas, which asks by
// itself and puts the answer into the page (form[data-in-canvas]). The canvas takes part by two events:
//   joinery:node-ask  comes from the form before the server is asked what expressions may name. A listener puts the unsaved
//                     flow into event.detail.content; without one the newest revision counts.
//   joinery:fragment  is sent by the canvas from the element around the form whenever it put a form there.
import { read } from "./answer";
import { accept, insertion, suggest } from "./complete.js";
import { announce } from "./say.js";

const pause = 350; // milliseconds after the last key
const known = new WeakSet();
let fresh = 0;

const post = (address, form, body, signal) => fetch(address, {
  method: "POST", signal, body: JSON.stringify(body),
  headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": form.querySelector('[name="_csrf"]').value },
});

export function startPanels(scope) {
  for (const form of scope.querySelectorAll("form[data-panel], form[data-complete]")) {
    if (known.has(form)) continue;
    known.add(form);
    new Panel(form);
  }
  for (const box of scope.querySelectorAll("[data-entries]")) if (box.form && !box.form.matches("[data-panel], [data-complete]") && !known.has(box.form)) {
    known.add(box.form);
    new Entries(box.form);
  }
}

// Entries lets lines be added and taken away.
class Entries {
  constructor(form, changed = () => {}) {
    form.addEventListener("click", (event) => {
      const button = event.target.closest?.("button");
      if (!button) return;
      const box = button.closest("[data-entries]");
      if ("lineAdd" in button.dataset) this.add(box);
      else if ("lineDrop" in button.dataset) this.drop(box, button.closest("[data-line]"));
      else return;
      form.dispatchEvent(new CustomEvent("joinery:changed", { bubbles: true }));
      changed();
    });
  }

  add(box) {
    const last = box.querySelector("[data-lines] > [data-line]:last-child");
    const cells = [...last?.querySelectorAll("input, textarea") ?? []];
    if (cells.length > 0 && cells.every((c) => c.value.trim() === "")) return cells[0].focus();
    const holder = document.createElement("div");
    const taken = [...box.querySelectorAll("[name]")].map((e) => Number(/\.(\d+)\.[a-z]+$/.exec(e.name)?.[1] ?? -1));
    holder.innerHTML = box.querySelector("template[data-blank-line]").innerHTML.replaceAll("BLANK", String(Math.max(-1, ...taken) + 1));
    const line = holder.firstElementChild;
    box.querySelector("[data-lines]").append(line);
    number(box);
    line.querySelector("input, textarea, select").focus();
  }

  drop(box, line) {
    const next = line.nextElementSibling ?? line.previousElementSibling;
    line.remove();
    number(box);
    (next?.querySelector("input, textarea, select") ?? box.querySelector("[data-line-add]")).focus();
  }
}

function number(box) {
  const title = box.querySelector("legend").firstChild.textContent.trim();
  box.querySelectorAll("[data-lines] > [data-line]").forEach((line, i) => {
    line.setAttribute("aria-label", `${title}, line ${i + 1}`);
    line.querySelector("[data-line-drop]").setAttribute("aria-label", `Remove line ${i + 1}`);
  });
}

class Panel {
  constructor(form) {
    this.form = form;
    this.root = form.closest("[data-panel-root]") ?? form;
    this.env = null;
    this.last = null;
    this.turn = null;
    this.timer = 0;
    this.popup = new Popup();
    new Entries(form, () => this.soon(0));
    document.addEventListener("joinery:fragment", () => this.popup.again());
    form.addEventListener("input", (event) => this.typed(event));
    if (form.dataset.panel) form.addEventListener("change", (event) => { if (event.target.name !== "message") this.soon(0); });
    form.addEventListener("focusin", (event) => this.focused(event.target));
    form.addEventListener("focusout", () => setTimeout(() => { if (!form.contains(document.activeElement)) this.popup.close(); }, 0));
    form.addEventListener("keydown", (event) => this.key(event));
    form.addEventListener("click", (event) => { if (event.target.matches?.("[data-expr]")) this.offer(event.target, false); });
    if (form.hasAttribute("data-in-canvas")) form.addEventListener("submit", (event) => event.preventDefault());
    this.root.addEventListener("click", (event) => {
      const pick = event.target.closest?.("[data-insert]");
      if (pick) this.insert(pick.dataset.insert);
    });
    this.root.addEventListener("change", (event) => {
      if (event.target.name !== "sample") return;
      this.learn();
      if (form.dataset.panel) event.stopPropagation();
      this.judge(true);
    });
    this.learn();
    if (form.dataset.panel && form.hasAttribute("data-changed")) this.soon(0);
  }

  get sample() { return this.root.querySelector('[name="sample"]')?.value ?? ""; }

  ask() {
    const detail = {};
    this.form.dispatchEvent(new CustomEvent("joinery:node-ask", { bubbles: true, detail }));
    return { node: this.form.dataset.node ?? "", sample: this.sample, ...(detail.content ? { content: detail.content } : {}) };
  }

  // learn asks once what expressions may name here.
  async learn() {
    try {
      const answer = await post(this.form.dataset.complete, this.form, this.ask());
      if (answer.ok) this.env = await answer.json();
    } catch { /* without it the form works all the same */ }
  }

  typed(event) {
    const input = event.target;
    if (input.name === "message") return;
    if (input.matches("[data-expr]")) this.offer(input, true);
    if (input.name !== "id") this.soon();
  }

  // Beside the canvas a change of lines is told like one of a field, and the canvas asks.
  soon(wait = pause) {
    clearTimeout(this.timer);
    if (this.form.hasAttribute("data-in-canvas") && wait === 0) this.form.dispatchEvent(new Event("change", { bubbles: true }));
    if (this.form.dataset.panel) this.timer = setTimeout(() => this.judge(false), wait);
  }

  async judge(data) {
    if (!this.form.dataset.panel || this.form.querySelector("fieldset:disabled") || !this.form.isConnected) return;
    clearTimeout(this.timer);
    this.turn?.abort();
    const mine = this.turn = new AbortController();
    const values = {};
    for (const [name, value] of new FormData(this.form)) if (name !== "_csrf" && name !== "base" && name !== "message") (values[name] ??= []).push(value);
    this.say("Checking…");
    try {
      const answer = await post(this.form.dataset.panel, this.form, { ...this.ask(), values, data }, mine.signal);
      const got = await read(answer);
      if (!answer.ok) return this.say(got.detail || "The server does not answer. What you typed is still here.");
      this.show(got);
    } catch (error) {
      if (error.name !== "AbortError") this.say("The server cannot be reached. What you typed is still here.");
    }
  }

  say(text) {
    const state = this.form.querySelector("[data-panel-state]");
    if (state && state.textContent !== text) state.textContent = text;
  }

  show(got) {
    let wrong = got.rest.length;
    for (const [name, mark] of Object.entries(got.marks)) if (mark.error) wrong++;
    for (const input of this.form.querySelectorAll("input[name], textarea[name], select[name]")) this.mark(input, got.marks[input.name]?.error ?? "");
    for (const box of this.form.querySelectorAll("[data-entries]")) lay(box, box.dataset.entries, got.marks[box.dataset.entries]?.error ?? "");
    for (const line of this.form.querySelectorAll("[data-preview]")) {
      const mark = got.marks[line.dataset.preview];
      line.textContent = mark?.preview ?? "";
      line.hidden = !mark?.preview;
      line.classList.toggle("preview-bad", mark?.bad === true);
    }
    for (const [name, html] of Object.entries(got.parts ?? {})) this.part(name, html);
    this.say(wrong === 0 ? "No problems." : wrong === 1 ? "1 problem to solve." : `${wrong} problems to solve.`);
  }

  // part replaces a part of the form that follows from others, unless somebody is in it.
  part(name, html) {
    const old = this.root.querySelector(`[data-part="${name}"]`);
    if (!old || old.dataset.html === html) return;
    if (name === "data") {
      const open = new Set([...old.querySelectorAll("details[open] > summary")].map((s) => s.textContent));
      const holder = document.createElement("div");
      holder.innerHTML = html;
      const part = holder.firstElementChild;
      for (const d of part.querySelectorAll("details")) d.open = open.has(d.querySelector("summary").textContent);
      const focused = old.contains(document.activeElement) && document.activeElement.name === "sample";
      old.replaceWith(part);
      if (focused) part.querySelector('[name="sample"]').focus();
      return;
    }
    if (old.contains(document.activeElement)) return;
    old.innerHTML = html;
    old.dataset.html = html;
  }

  mark(input, detail) {
    const holder = input.closest(".entry-cell, .field");
    if (!holder || input.type === "hidden" || holder.matches("fieldset")) return;
    lay(holder, input.id, detail);
    input.setAttribute("aria-invalid", String(detail !== ""));
    const ids = [];
    for (const part of holder.querySelectorAll(":scope > .hint[id], :scope > .error[id]")) ids.push(part.id);
    if (ids.length > 0) input.setAttribute("aria-describedby", ids.join(" "));
    else input.removeAttribute("aria-describedby");
  }

  focused(input) {
    if (!input.matches?.("[data-expr]")) return this.popup.close();
    if (input !== this.last) this.popup.close();
    this.last = input;
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-haspopup", "listbox");
  }

  // offer shows what fits at the cursor; while typing only when something was begun.
  offer(input, typing, asked = false) {
    if (!this.env) return;
    const cursor = input.selectionStart;
    let found = suggest(this.env, input.value, cursor, input.dataset.expr);
    if (asked && found.items.length === 0 && input.value === "") {
      found = suggest(this.env, "=", 1, "field");
      found = { ...found, from: 0, to: 0, items: found.items.map((i) => ({ ...i, insert: "=" + i.insert })) };
    }
    const exact = found.items.length === 1 && found.items[0].label === found.prefix && !found.items[0].again;
    const begun = found.prefix !== "" || /[.]$/.test(input.value.slice(0, cursor));
    this.popup.hint(input, found.call);
    if (found.items.length > 0 && !exact && (asked || typing && begun)) this.popup.open(input, found, (item) => this.take(input, found, item));
    else this.popup.hide();
  }

  take(input, found, item) {
    const { text, caret } = accept(input.value, found, item);
    put(input, text, caret);
    this.soon();
    this.offer(input, item.again === true || item.back > 0, item.again === true);
  }

  key(event) {
    const input = event.target;
    if (!input.matches?.("[data-expr]")) return;
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      return this.offer(input, true, true);
    }
    if (this.popup.key(event)) return;
    if (event.key === "Enter" && "oneLine" in input.dataset && !event.isComposing) {
      event.preventDefault();
      this.soon(0);
    }
  }

  insert(name) {
    const input = this.last?.isConnected ? this.last : this.form.querySelector("[data-expr]");
    if (!input) return;
    const { text, caret } = insertion(input.value, this.last === input ? input.selectionStart : input.value.length, name, input.dataset.expr);
    input.closest("[hidden]")?.removeAttribute("hidden");
    input.focus();
    put(input, text, caret);
    announce(`${name} is put into ${input.labels?.[0]?.firstChild.textContent.trim() || "the field"}.`);
    this.soon();
  }
}

// put changes a field so that the browser's own undo knows it.
function put(input, text, caret) {
  input.focus();
  let from = 0;
  while (from < text.length && from < input.value.length && text[from] === input.value[from]) from++;
  let same = 0;
  while (same < text.length - from && same < input.value.length - from && text.at(-1 - same) === input.value.at(-1 - same)) same++;
  input.setSelectionRange(from, input.value.length - same);
  const piece = text.slice(from, text.length - same);
  if (!document.execCommand(piece === "" ? "delete" : "insertText", false, piece)) {
    input.value = text;
    input.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  input.setSelectionRange(caret, caret);
}

function lay(holder, id, detail) {
  let error = holder.querySelector(":scope > .error");
  if (detail === "") return error?.remove();
  if (!error) {
    error = document.createElement("p");
    error.className = "error";
    error.id = id + "-error";
    holder.append(error);
  }
  if (error.textContent !== detail) error.textContent = detail;
}

// Popup is the list of suggestions. The field keeps the focus and says which one is active.
class Popup {
  constructor() {
    this.box = null;
    this.input = null;
    addEventListener("scroll", () => this.place(), { capture: true, passive: true });
    addEventListener("resize", () => this.place());
  }

  build() {
    const id = `complete-${fresh++}`;
    this.box = document.createElement("div");
    this.box.className = "complete";
    this.box.popover = "manual";
    this.list = document.createElement("ul");
    this.list.className = "complete-list";
    this.list.id = id;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "Suggestions");
    this.help = document.createElement("div");
    this.help.className = "complete-help";
    this.box.append(this.list, this.help);
    place().append(this.box); // not into the form, of which the canvas may replace parts
    // The field keeps the focus.
    this.box.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.choose(Number(option.dataset.at));
    });
    this.list.addEventListener("mousemove", (event) => {
      const option = event.target.closest("[role=option]");
      if (option && Number(option.dataset.at) !== this.active) this.activate(Number(option.dataset.at));
    });
  }

  get shown() { return this.box?.matches(":popover-open") === true; }

  open(input, found, take) {
    if (!this.box) this.build();
    this.input = input;
    this.items = found.items;
    this.take = take;
    this.list.replaceChildren(...found.items.map((item, i) => {
      const option = document.createElement("li");
      option.id = `${this.list.id}-${i}`;
      option.dataset.at = String(i);
      option.setAttribute("role", "option");
      const label = document.createElement("code");
      label.textContent = item.label;
      const kind = document.createElement("span");
      kind.className = "complete-kind";
      kind.textContent = item.value || words[item.type] || "";
      option.append(label, kind);
      return option;
    }));
    if (!this.shown) this.box.showPopover();
    input.setAttribute("aria-controls", this.list.id);
    this.place();
    this.activate(0);
    clearTimeout(this.telling);
    this.telling = setTimeout(() => { if (this.shown) announce(`${this.items.length} ${this.items.length === 1 ? "suggestion" : "suggestions"}. ${this.items[this.active]?.label}.`); }, 600);
  }

  activate(i) {
    this.active = i;
    this.list.querySelectorAll("[role=option]").forEach((option, n) => option.setAttribute("aria-selected", String(n === i)));
    const option = this.list.children[i];
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.input.setAttribute("aria-activedescendant", option.id);
    const item = this.items[i];
    const lines = [[item.detail, "code"], [item.help, "p"], [item.example, "code"]].filter(([text]) => text);
    this.help.replaceChildren(...lines.map(([text, tag]) => { const e = document.createElement(tag); e.textContent = text; return e; }));
    this.help.hidden = lines.length === 0;
  }

  choose(i) {
    const item = this.items[i], take = this.take;
    this.hide();
    take(item);
  }

  close() {
    this.hide();
    this.hint(null, null);
  }

  hide() {
    if (!this.shown) return;
    this.box.hidePopover();
    this.input.removeAttribute("aria-activedescendant");
    this.input.removeAttribute("aria-controls");
  }

  place() {
    if (this.shown) beside(this.input, this.box);
    // The help of a call stands above the field, so that it covers neither the list nor what comes below.
    if (this.hinted?.isConnected && this.note?.matches(":popover-open")) beside(this.hinted, this.note, true);
  }

  // key tells whether the list took the key.
  key(event) {
    if (!this.shown || event.isComposing) return false;
    const n = this.items.length;
    switch (event.key) {
      case "ArrowDown": this.activate((this.active + 1) % n); break;
      case "ArrowUp": this.activate((this.active + n - 1) % n); break;
      case "PageDown": this.activate(Math.min(this.active + 8, n - 1)); break;
      case "PageUp": this.activate(Math.max(this.active - 8, 0)); break;
      case "Enter": this.choose(this.active); break;
      case "Escape": this.hide(); break;
      case "Tab": this.hide(); return false;
      default: return false;
    }
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  // again tells the field about its list when parts of the form were replaced.
  again() {
    if (this.hinted && !this.hinted.isConnected) this.hint(null, null);
    if (!this.shown) return;
    if (!this.input.isConnected || document.activeElement !== this.input) return this.hide();
    this.input.setAttribute("aria-controls", this.list.id);
    this.input.setAttribute("aria-activedescendant", `${this.list.id}-${this.active}`);
    this.place();
  }

  // hint shows the helper whose parentheses the cursor is in, below the field.
  hint(input, call) {
    this.hinted = call ? input : null;
    if (!call) return this.note?.matches(":popover-open") && this.note.hidePopover();
    if (!this.note) {
      this.note = document.createElement("p");
      this.note.className = "signature";
      this.note.popover = "manual";
      place().append(this.note);
    }
    const code = document.createElement("code");
    code.textContent = call.signature;
    this.note.replaceChildren(code, " " + call.help);
    if (!this.note.matches(":popover-open")) this.note.showPopover();
    this.place();
  }
}

const place = () => document.querySelector("main") ?? document.body;

// beside puts a box below a field, or above it, wherever there is room.
function beside(input, box, above = false) {
  if (!input?.isConnected) return;
  const at = input.getBoundingClientRect();
  const width = Math.min(Math.max(at.width, 280), innerWidth - 16);
  box.style.width = `${width}px`;
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  const high = box.offsetHeight;
  const below = at.bottom + 4 + high <= innerHeight, over = at.top >= high + 8;
  box.style.top = `${(above ? over : !below && over) ? at.top - high - 4 : at.bottom + 4}px`;
}

const words = { string: "text", bool: "yes or no", number: "number", timestamp: "moment", list: "list", map: "names with values", any: "any value" };
