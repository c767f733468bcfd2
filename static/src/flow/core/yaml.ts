// Writes plain values as YAML that people can read and the server reads back to the same values. Whatever might be read
// as something else is written with double quotes, as in JSON.

const plain = /^[A-Za-z][A-Za-z0-9 _./@+()'-]*$/;
const odd = /^(true|false|null|yes|no|on|off|y|n|nan|inf)$/i;

function text(s: string): string {
  return plain.test(s) && !odd.test(s) && !s.endsWith(" ") ? s : JSON.stringify(s);
}

const key = (k: string): string => (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(k) && !odd.test(k) ? k : JSON.stringify(k));

const isMap = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);

function lines(v: unknown, pad: string): string[] {
  if (Array.isArray(v)) {
    return v.flatMap((x) => {
      if (!(isMap(x) || Array.isArray(x)) || isEmpty(x)) return [`${pad}- ${inline(x)}`];
      const inner = lines(x, pad + "  ");
      return [`${pad}- ${inner[0].slice(pad.length + 2)}`, ...inner.slice(1)];
    });
  }
  return Object.entries(v as Record<string, unknown>).filter(([, x]) => x !== undefined).flatMap(([k, x]) =>
    (isMap(x) || Array.isArray(x)) && !isEmpty(x) ? [`${pad}${key(k)}:`, ...lines(x, pad + "  ")] : [`${pad}${key(k)}: ${inline(x)}`]);
}

const isEmpty = (v: unknown): boolean => (Array.isArray(v) ? v.length === 0 : isMap(v) && Object.values(v).every((x) => x === undefined));

function inline(v: unknown): string {
  if (typeof v === "string") return text(v);
  if (Array.isArray(v)) return "[]";
  if (isMap(v)) return "{}";
  return JSON.stringify(v ?? null);
}

/** toYAML writes a map or a list. */
export const toYAML = (v: object): string => (isEmpty(v) ? inline(v) : lines(v, "").join("\n")) + "\n";
