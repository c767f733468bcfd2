// Builds static/dist from static/src: scripts, stylesheets, one sprite of icons, two fonts.
// The result depends on nothing but the pinned packages, and is committed.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import subsetFont from "subset-font";

// OUT lets a test build beside what is committed, to compare.
const dist = process.env.OUT || "dist";
// Nothing takes the place of what is there before all of it is made.
const out = dist + ".new";
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

await build({
  entryPoints: { app: "src/app.js", style: "src/style.css" },
  outdir: out,
  bundle: true,
  splitting: true,
  chunkNames: "app-[name]-[hash]",
  minify: true,
  format: "esm",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  legalComments: "none",
  external: ["*.woff2"],
  logLevel: "warning",
});

// The canvas is loaded by its own pages only; what it needs seldom comes in parts of their own, named by what is in them.
await build({
  entryPoints: { flow: "src/flow/island.tsx" },
  outdir: out,
  bundle: true,
  splitting: true,
  chunkNames: "flow-[name]-[hash]",
  minify: true,
  format: "esm",
  jsx: "automatic",
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  legalComments: "none",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});
await build({ entryPoints: { flow: "src/flow/flow.css" }, outdir: out, bundle: true, minify: true, target: ["chrome123", "firefox120", "safari17.5"], logLevel: "warning" });

// The editor of functions is loaded by its own page only.
await build({ entryPoints: { function: "src/function/island.ts" }, outdir: out, bundle: true, minify: true, format: "esm", target: ["es2022", "chrome123", "firefox120", "safari17.5"], legalComments: "none", logLevel: "warning" });
await build({ entryPoints: { function: "src/function/function.css" }, outdir: out, bundle: true, minify: true, target: ["chrome123", "firefox120", "safari17.5"], logLevel: "warning" });

const names = readFileSync("src/icons.txt", "utf8").split(/\s+/).filter(Boolean);
const symbols = names.map((name) => {
  const svg = readFileSync(`node_modules/lucide-static/icons/${name}.svg`, "utf8");
  const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>")).replace(/\s*\n\s*/g, "").replaceAll(" />", "/>");
  return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${body}</symbol>`;
});
writeFileSync(`${out}/icons.svg`, `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`);
copyFileSync("src/favicon.svg", `${out}/favicon.svg`);
// Fonts with what the pages use of them: the letters of western European languages, the weights
// and the features that the styles name. Other letters come from the reader's own fonts, as before.
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => String.fromCodePoint(from + n)).join("");
const letters = range(0x20, 0x7e) + range(0xa0, 0xff) + "ıŒœʻʼˆ˚˜–—‘’‚“”„•…‹›€™←↑→↓−";
const features = ["kern", "ccmp", "locl", "mark", "mkmk"];
for (const [font, options] of [
  ["inter", { keepFeatures: [...features, "cv05", "ss03", "tnum"], variationAxes: { wght: { min: 400, max: 700 } } }],
  ["jetbrains-mono", { keepFeatures: features, variationAxes: { wght: { min: 400, max: 700 } } }],
]) {
  const whole = readFileSync(`node_modules/@fontsource-variable/${font}/files/${font}-latin-wght-normal.woff2`);
  writeFileSync(`${out}/${font}.woff2`, await subsetFont(whole, letters, { targetFormat: "woff2", ...options }));
}
const licences = [
  ["Lucide", "node_modules/lucide-static/LICENSE"],
  ["Inter", "node_modules/@fontsource-variable/inter/LICENSE"],
  ["JetBrains Mono", "node_modules/@fontsource-variable/jetbrains-mono/LICENSE"],
  ["React Flow", "node_modules/@xyflow/react/LICENSE"],
  ["React", "node_modules/react/LICENSE"],
  ["CodeMirror", "node_modules/@codemirror/view/LICENSE"],
  ["Lezer", "node_modules/@lezer/highlight/LICENSE"],
  ["dagre", "node_modules/@dagrejs/dagre/LICENSE"],
].map(([name, file]) => `${name}\n\n${readFileSync(file, "utf8").trim()}\n`);
writeFileSync(`${out}/licences.txt`, licences.join("\n----\n\n"));
rmSync(dist, { recursive: true, force: true });
renameSync(out, dist);
