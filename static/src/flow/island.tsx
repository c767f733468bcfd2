// Mounts the canvas where the page has a place for it.
import { createRoot } from "react-dom/client";
import { Aside } from "./aside";
import type { Mode } from "./core/editor";
import type { Start } from "./core/types";
import { Net } from "./net";
import { Session } from "./session";
import { App } from "./view/App";

async function mount(place: HTMLElement): Promise<void> {
  const net = new Net(place.dataset.flow ?? "");
  const start = await net.read<Start>(place.dataset.start ?? net.at("canvas.json"));
  const mode = (place.dataset.mode === "edit" && !start.can.edit ? "view" : place.dataset.mode ?? "view") as Mode;
  const session = await Session.open(net, start, mode);
  const aside = place.parentElement?.querySelector<HTMLElement>(":scope > .canvas-aside");
  if (aside) new Aside(aside, session);
  const root = document.createElement("div");
  root.className = "island-root";
  place.replaceChildren(root);
  place.dataset.ready = "yes";
  createRoot(root).render(<App session={session} />);
}

for (const place of document.querySelectorAll<HTMLElement>(".island[data-flow]")) {
  mount(place).catch((err: unknown) => {
    const word = place.querySelector(".island-word");
    if (word) word.prepend(`The canvas cannot be opened: ${err instanceof Error ? err.message : "it does not answer"} `);
    place.dataset.ready = "no";
  });
}
