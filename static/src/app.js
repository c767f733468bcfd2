// Behaviour of the console: listeners are delegated, so fragments that arrive later need no set-up. Every page works
// without this file; it only adds comfort.
import { openPalette } from "./palette.js";
import { startLive } from "./live.js";
import { startSheets } from "./sheet.js";
import { startIntent } from "./intent.js";
import { startPolicy } from "./policy.js";
import { startPanels } from "./panel.js";
import { announce } from "./say.js";

const root = document.documentElement;

const on = (type, selector, act, options) =>
  document.addEventListener(type, (event) => {
    const target = event.target instanceof Element ? event.target.closest(selector) : null;
    if (target) act(target, event);
  }, options);

// Theme: system, light or dark, kept in a cookie so that the server renders the next page in it.
const themes = ["system", "light", "dark"];
const themeIcons = { system: "sun-moon", light: "sun", dark: "moon" };

function showTheme(button, theme) {
  const next = themes[(themes.indexOf(theme) + 1) % themes.length];
  const use = button.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#" + themeIcons[theme]));
  button.setAttribute("aria-label", `Theme: ${theme}. Change to ${next}`);
  button.title = `Theme: ${theme}`;
}

on("click", "[data-theme-toggle]", (button) => {
  const theme = themes[(themes.indexOf(root.dataset.theme || "system") + 1) % themes.length];
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `joinery-theme=${theme}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
  showTheme(button, theme);
});

// Navigation drawer on small screens.
function setNav(open) {
  root.classList.toggle("nav-open", open);
  const toggle = document.querySelector("[data-nav-toggle]");
  toggle?.setAttribute("aria-expanded", String(open));
  if (open) document.querySelector(".rail a")?.focus();
  else if (document.activeElement?.closest(".rail")) toggle?.focus();
}
on("click", "[data-nav-toggle]", () => setNav(!root.classList.contains("nav-open")));
document.addEventListener("click", (event) => {
  if (root.classList.contains("nav-open") && !event.target.closest(".rail, [data-nav-toggle]")) setNav(false);
  for (const menu of document.querySelectorAll("details.user-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (root.classList.contains("nav-open")) setNav(false);
    const menu = document.querySelector("details.user-menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  }
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    event.preventDefault();
    openPalette();
  }
});
on("click", "[data-palette-open]", () => openPalette());

// Copy buttons.
on("click", "[data-copy]", async (button) => {
  try { await navigator.clipboard.writeText(button.dataset.copy); } catch { return; }
  button.classList.add("copied");
  announce("Copied");
  setTimeout(() => button.classList.remove("copied"), 1500);
});

// Fields that depend on another one: data-show-field names it, data-show-in lists the values, joined by a space.
function applyShowing(form) {
  for (const part of form.querySelectorAll("[data-show-field]")) {
    const inputs = [...form.elements].filter((e) => e.name === part.dataset.showField && e.type !== "hidden");
    if (inputs.length === 0) continue;
    const boxes = inputs.filter((e) => e.type === "checkbox" || e.type === "radio");
    const values = boxes.length === 0 ? [inputs[0].value]
      : boxes[0].type === "radio" || boxes.length > 1 ? boxes.filter((e) => e.checked).map((e) => e.value) : [String(boxes[0].checked)];
    const wanted = (part.dataset.showIn || "").split(" ");
    const hiddenAbove = inputs[0].closest("[data-show-field][hidden]") !== null;
    part.hidden = hiddenAbove || !values.some((value) => wanted.includes(value));
  }
}
function showFields(scope) {
  for (const form of scope.querySelectorAll("form")) {
    if (form.querySelector("[data-show-field]")) { applyShowing(form); applyShowing(form); }
  }
}
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.querySelector("[data-show-field]")) { applyShowing(form); applyShowing(form); }
  if (event.target.matches("[data-submit-on-change] select, select[data-submit-on-change]")) form.requestSubmit();
});

// Leaving a form with typed changes asks first. Only forms that save (method post) are watched; the editor of a function
// keeps what is typed by itself.
const dirty = new Set();
document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form?.matches("form.form[method=post], form[data-warn-dirty]") && !event.target.closest("[data-try]")) dirty.add(form);
});
document.addEventListener("joinery:changed", (event) => { if (!event.target.matches("[data-function]")) dirty.add(event.target); });
for (const form of document.querySelectorAll("form[data-changed]:not([data-function])")) dirty.add(form);
window.addEventListener("beforeunload", (event) => {
  if ([...dirty].some((form) => form.isConnected)) event.preventDefault();
});

// A form with data-confirm asks before it is sent; with data-confirm-word the word must be typed.
on("submit", "form", (form, event) => {
  const asker = event.submitter?.dataset.confirm ? event.submitter : form;
  if (asker.dataset.confirm && !form.dataset.confirmed) {
    event.preventDefault();
    ask(asker).then((yes) => {
      if (!yes) return;
      form.dataset.confirmed = "yes";
      form.requestSubmit(event.submitter);
    });
    return;
  }
  delete form.dataset.confirmed;
  dirty.delete(form);
  // A second click must not send the form twice; the button is free again if the page stays.
  const button = event.submitter;
  if (form.method === "post" && button && !event.defaultPrevented) {
    setTimeout(() => { button.disabled = true; }, 0);
    setTimeout(() => { button.disabled = false; }, 8000);
  }
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form button[disabled]:not([data-off])")) button.disabled = false;
});

function ask(asker) {
  const dialog = document.querySelector("dialog[data-confirm-dialog]");
  if (!dialog) return Promise.resolve(window.confirm(asker.dataset.confirm));
  const word = asker.dataset.confirmWord || "";
  const input = dialog.querySelector("input");
  const yes = dialog.querySelector("[value=yes]");
  dialog.querySelector("[data-text]").textContent = asker.dataset.confirm;
  dialog.querySelector("[data-typed]").hidden = word === "";
  dialog.querySelector("[data-word]").textContent = word;
  input.value = "";
  const check = () => { yes.disabled = word !== "" && input.value.trim() !== word; };
  check();
  input.oninput = check;
  dialog.returnValue = "";
  dialog.showModal();
  // The close event comes a moment after closing. Asked again by then, the dialog is open, and the event is the earlier question's.
  return new Promise((resolve) => { dialog.onclose = () => { if (!dialog.open) resolve(dialog.returnValue === "yes"); }; });
}

document.addEventListener("joinery:fragment", (event) => { showFields(event.target); startPanels(event.target); });
const toggle = document.querySelector("[data-theme-toggle]");
if (toggle) showTheme(toggle, root.dataset.theme || "system");
showFields(document);
startLive();
startSheets();
startIntent();
startPolicy();
startPanels(document);
