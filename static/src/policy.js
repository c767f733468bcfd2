// The form of a policy while somebody types: the server says what is wrong, how the tests go and what comes of the joiner
// in the panel. It gets the whole form each time, a moment after the last key, so it judges exactly what would be saved.
import { read } from "./answer";
import { announce } from "./say.js";
import { changed, inputOf, remember, rowsOf, sheetOf } from "./sheet.js";

// Seldom needed, so it comes when it is.
async function build(button) {
  const { openBuilder } = await import("./condition.js");
  openBuilder(inputOf(button.closest(".cell")), sheetOf(button), form.dataset.condition, { changed, remember });
}

const pause = 350; // milliseconds after the last key

let form = null, timer = 0, under = null, picking = false, looking = false, fresh = 0;

function soon(wait = pause) {
  clearTimeout(timer);
  timer = setTimeout(judge, wait);
}

async function judge() {
  under?.abort();
  under = new AbortController();
  const mine = under;
  const body = new URLSearchParams(new FormData(form));
  if (picking) body.set("picking", "yes");
  if (looking) body.set("look", "yes");
  picking = looking = false;
  const outcome = form.querySelector("[data-outcome]");
  outcome.classList.add("waiting");
  say("Checking…");
  try {
    const answer = await fetch(form.dataset.policy, { method: "POST", body, signal: mine.signal, headers: { Accept: "application/json" } });
    const got = await read(answer);
    if (!answer.ok) return say(got.detail || "The server does not answer. What you typed is still here.");
    show(got);
  } catch (error) {
    if (error.name === "AbortError") return;
    say("The server cannot be reached. What you typed is still here.");
  } finally {
    if (mine === under) outcome.classList.remove("waiting");
  }
}

function say(text) {
  const state = form.querySelector("[data-state]");
  if (state) state.textContent = text;
}

function show(got) {
  document.querySelector("[data-stale]")?.replaceChildren();
  form.querySelector("[data-results]").innerHTML = got.results;
  form.querySelector("[data-outcome]").innerHTML = got.outcome;
  if (got.picker) form.querySelector("[data-matches]").innerHTML = got.picker;
  for (const [name, text] of Object.entries(got.stored ?? {})) {
    const input = form.querySelector(`[name="try.a.${CSS.escape(name)}"]`);
    if (input) input.placeholder = text;
  }
  const cases = [...form.querySelectorAll("[data-case-list] > [data-case]")];
  got.tests.forEach((test, i) => { const part = cases[i]?.querySelector("[data-case-result]"); if (part) part.innerHTML = test.html; });
  if (got.tests.length === 0) for (const k of cases) k.querySelector("[data-case-result]").innerHTML = "";
  place(got.problems, cases);
  const n = got.problems.length;
  say(n === 0 ? (got.unchanged ? "Nothing is changed." : "No problems.") : n === 1 ? "1 problem to solve." : `${n} problems to solve.`);
}

// place puts each problem at its field or cell, and takes back those that are solved.
function place(problems, cases) {
  const marked = new Map();
  const rest = [];
  const rows = new Map();
  for (const { path, detail } of problems) {
    const input = find(path.split("."), rows, cases);
    if (input instanceof HTMLElement) { if (!marked.has(input)) marked.set(input, detail); }
    else if (input !== true) rest.push(path.replace(/^rules\./, "") + ": " + detail);
  }
  for (const old of form.querySelectorAll('[aria-invalid="true"]')) if (!marked.has(old)) unmark(old);
  for (const error of form.querySelectorAll("[data-table-error]")) { error.textContent = marked.get(error) ?? ""; error.hidden = error.textContent === ""; }
  for (const [input, detail] of marked) if (!input.matches("[data-table-error]")) mark(input, detail);
  const list = document.createElement("ul");
  list.className = "problems";
  for (const text of rest) { const li = document.createElement("li"); li.textContent = text; list.append(li); }
  form.querySelector("[data-problems]").replaceChildren(...(rest.length > 0 ? [list] : []));
}

function find(path, rows, cases) {
  const named = (name) => form.querySelector(`[name="${CSS.escape(name)}"]`);
  if (path[0] === "cases" && path.length > 1) {
    const one = cases[Number(path[1])];
    if (!one) return null;
    return path.length === 2 ? true : named(`case.${one.dataset.case}.${path[2]}`);
  }
  if (path[0] !== "rules") return path[0] ? named(path[0]) : null;
  const sheet = form.querySelector(`[data-sheet="${CSS.escape(path[1] ?? "")}"]`);
  if (!sheet) return named("p_" + path[1]);
  if (path.length === 2) return sheet.querySelector("[data-table-error]");
  if (!rows.has(sheet)) rows.set(sheet, rowsOf(sheet));
  const row = rows.get(sheet)[Number(path[2])];
  return row ? inputOf(row.querySelector(path[3] ? `[data-col="${CSS.escape(path[3])}"]` : "[data-col]")) : null;
}

const holderOf = (input) => input.closest(".cell, .field");

function mark(input, detail) {
  const holder = holderOf(input);
  let error = holder.querySelector(":scope > .error");
  if (!error) {
    error = document.createElement("p");
    error.className = "error";
    error.id = "e-" + input.name.replaceAll(".", "-");
    holder.append(error);
  }
  if (error.textContent !== detail) error.textContent = detail;
  input.setAttribute("aria-invalid", "true");
  const hint = holder.querySelector(":scope > .hint");
  input.setAttribute("aria-describedby", (hint?.id ? hint.id + " " : "") + error.id);
}

function unmark(input) {
  const holder = holderOf(input);
  holder?.querySelector(":scope > .error")?.remove();
  input.setAttribute("aria-invalid", "false");
  const hint = holder?.querySelector(":scope > .hint");
  if (hint?.id) input.setAttribute("aria-describedby", hint.id);
  else input.removeAttribute("aria-describedby");
}

function addCase() {
  const id = `j${Date.now().toString(36)}${(fresh++).toString(36)}`.slice(-15);
  const holder = document.createElement("div");
  holder.innerHTML = form.querySelector("template[data-case-blank]").innerHTML.replaceAll("BLANK", id);
  const one = holder.firstElementChild;
  form.querySelector("[data-case-list]").append(one);
  form.querySelector("[data-no-cases]")?.remove();
  one.querySelector("input:not([type=hidden])").focus();
  announce("Test added");
  form.dispatchEvent(new CustomEvent("joinery:changed", { bubbles: true }));
}

function onClick(event) {
  const button = event.target.closest?.("button");
  if (!button || !form.contains(button)) return;
  const does = (name) => name in button.dataset;
  if (does("condition")) build(button);
  else if (does("caseAdd")) addCase();
  else if (does("caseDrop")) {
    button.closest("[data-case]").remove();
    form.dispatchEvent(new CustomEvent("joinery:changed", { bubbles: true }));
    form.querySelector("[data-case-add]").focus();
    announce("Test removed");
  } else if (does("tryNow") || does("run")) { looking = does("tryNow"); soon(0); }
  else if (does("find")) { picking = true; soon(0); }
  else return;
  event.preventDefault();
}

export function startPolicy() {
  form = document.querySelector("form[data-policy]");
  if (!form) return;
  document.addEventListener("click", onClick);
  form.addEventListener("input", (event) => {
    const { name } = event.target;
    if (name === "message" || name?.startsWith("paste.") || name?.startsWith("s.")) return;
    if (name === "try.q") {
      picking = true;
      for (const old of form.querySelectorAll('[name="try.joiner"]')) old.checked = false;
    }
    if (name === "try.joiner") {
      picking = true;
      form.querySelector('[name="try.q"]').value = "";
      for (const input of form.querySelectorAll('[name^="try.a."]')) input.placeholder = "";
    }
    if (/^case\..*\.name$/.test(name ?? "")) event.target.closest("[data-case]").querySelector("[data-case-name]").textContent = event.target.value || "New test";
    soon();
  });
  form.addEventListener("joinery:changed", () => soon());
  // Enter in a field tries and checks; it neither saves nor leaves the page.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input:not([type=submit], [type=hidden])") || event.defaultPrevented) return;
    event.preventDefault();
    if (event.target.name === "try.q") picking = true;
    soon(0);
  });
  // A reason names the row that decided.
  form.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-goto]");
    const target = link && document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (!target) return;
    event.preventDefault();
    const row = target.closest("[data-row]");
    row.scrollIntoView({ block: "center" });
    inputOf(row.querySelector("[data-col]"))?.focus({ preventScroll: true });
  });
  if (form.hasAttribute("data-changed")) soon(0);
}
