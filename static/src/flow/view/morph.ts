// Puts new HTML in place of old and keeps what the reader has: focus, caret, and what they type in.

const same = (a: Element, b: Element): boolean =>
  a.tagName === b.tagName && a.id === b.id && a.getAttribute("name") === b.getAttribute("name") && a.getAttribute("type") === b.getAttribute("type");

export function morph(place: Element, html: string): void {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  children(place, parsed.body);
}

function children(old: Element, now: Element): void {
  const wanted = [...now.childNodes];
  let at: ChildNode | null = old.firstChild;
  for (const want of wanted) {
    if (at instanceof Element && want instanceof Element) {
      let found: Element | null = same(at, want) ? at : null;
      if (!found && (want.id || want.getAttribute("name"))) {
        for (let s = at.nextElementSibling; s; s = s.nextElementSibling) if (same(s, want)) { found = s; break; }
        while (found && at !== found) { const gone: ChildNode = at!; at = at!.nextSibling; gone.remove(); }
      }
      if (found) { element(found, want); at = found.nextSibling; continue; }
    } else if (at && at.nodeType === Node.TEXT_NODE && want.nodeType === Node.TEXT_NODE) {
      if (at.textContent !== want.textContent) at.textContent = want.textContent;
      at = at.nextSibling;
      continue;
    }
    old.insertBefore(document.importNode(want, true), at);
  }
  while (at) { const gone: ChildNode = at; at = at.nextSibling; gone.remove(); }
}

function element(old: Element, now: Element): void {
  const active = old === document.activeElement;
  for (const a of [...old.attributes]) {
    if (!now.hasAttribute(a.name) && !(a.name === "open" && old.tagName === "DETAILS") && !a.name.startsWith("data-live-")) old.removeAttribute(a.name);
  }
  for (const a of [...now.attributes]) if (old.getAttribute(a.name) !== a.value && !(a.name === "open" && old.tagName === "DETAILS")) old.setAttribute(a.name, a.value);
  if (old instanceof HTMLTextAreaElement && now instanceof HTMLTextAreaElement) { if (!active && old.value !== now.value) old.value = now.value; return; }
  if (old.tagName.includes("-")) return; // an element with a life of its own
  children(old, now);
  if (old instanceof HTMLInputElement && now instanceof HTMLInputElement && !active) {
    if (old.value !== now.value) old.value = now.value;
    old.checked = now.checked;
  }
  if (old instanceof HTMLSelectElement && now instanceof HTMLSelectElement && !active) old.value = now.value;
}
