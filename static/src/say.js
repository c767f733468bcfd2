// What a screen reader is told of something that happened on the page.
export function announce(text) {
  const region = document.querySelector("[data-announce]");
  if (region) { region.textContent = ""; requestAnimationFrame(() => { region.textContent = text; }); }
}
