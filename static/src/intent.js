// The form of what was understood: the fields of input and output are the columns of the examples, which follow what is
// typed above them, and what may be asked says which answers an example needs. The server draws them, from what stands in the
// form; nothing is kept.
import { sheetOf } from "./sheet.js";

const later = new WeakMap();

function follow(event) {
  const form = event.target.closest?.("form[data-intent]");
  if (!form || !["takes", "gives", "grant", "more"].includes(event.detail?.sheet ?? sheetOf(event.target)?.dataset.sheet ?? event.target.name)) return;
  clearTimeout(later.get(form));
  later.set(form, setTimeout(() => draw(form), 400));
}

async function draw(form) {
  const part = form.querySelector("[data-examples]");
  const sent = new FormData(form);
  sent.set("op", "columns");
  const before = said(form);
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(sent), credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok || !form.isConnected || part.contains(document.activeElement)) return; // its button does the same
  if (said(form) !== before) return void later.set(form, setTimeout(() => draw(form), 400));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const now = page.querySelector("form[data-intent] [data-examples]");
  if (now && now.innerHTML !== part.innerHTML && !part.contains(document.activeElement)) part.replaceChildren(...now.childNodes);
}

const said = (form) => new URLSearchParams(new FormData(form)).toString();

export function startIntent() {
  document.addEventListener("change", follow);
  document.addEventListener("joinery:changed", follow);
}
