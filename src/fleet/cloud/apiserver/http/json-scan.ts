/** What JSON.parse does not tell: how deep a text is nested, and which fields it gives twice. One pass, without recursion, before the parsing. */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";

/** Far beyond every kind and every sane schema, and shallow enough for what walks an object. */
export const maxDepth = 512;
const maxReported = 16;
/** Fields and elements of a body: many times those of any object that is used, and few enough for all that is done with each (a million empty containers, with their defaults, fill gigabytes). */
export const maxValues = 100_000;

const tooMany = () =>
  new KubeError("RequestEntityTooLarge", `the body has more than ${maxValues} fields and elements`);

interface Open {
  /** Undefined for an array. */
  readonly keys: Set<string> | undefined;
  path: string;
  index: number;
}

/** The paths of the fields that stand twice in one object: `spec.replicas`. KubeError `BadRequest` when nested deeper than maxDepth, `RequestEntityTooLarge` for more than maxValues. The text need not be valid. */
export function scanJson(text: string): string[] {
  const open: Open[] = [];
  const twice: string[] = [];
  let key: string | undefined;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === 0x22) {
      const end = endOfString(text, at);
      const top = open.at(-1);
      if (top?.keys && key === undefined) {
        key = text.slice(at + 1, end);
        if (top.keys.has(key) && twice.length < maxReported) twice.push(join(top.path, key));
        top.keys.add(key);
      }
      at = end;
    } else if (char === 0x7b || char === 0x5b) {
      if (open.length >= maxDepth)
        throw new KubeError("BadRequest", `the body is nested deeper than ${maxDepth}`);
      values += 1;
      open.push({ keys: char === 0x7b ? new Set() : undefined, path: pathHere(open.at(-1), key), index: 0 });
      key = undefined;
    } else if (char === 0x7d || char === 0x5d) {
      open.pop();
      key = undefined;
    } else if (char === 0x2c) {
      const top = open.at(-1);
      if (top) top.index += 1;
      key = undefined;
      values += 1;
    }
    if (values > maxValues) throw tooMany();
  }
  return twice;
}

function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === 0x5c) at += 1;
    else if (char === 0x22) return at;
  }
  return text.length;
}

function pathHere(top: Open | undefined, key: string | undefined): string {
  if (!top) return "";
  return top.keys ? join(top.path, key ?? "") : `${top.path}[${top.index}]`;
}

const join = (path: string, key: string) => (path === "" ? key : `${path}.${key}`);

/** Refuses what is nested deeper than maxDepth, what has more than maxValues, and what as JSON would be longer than `most` characters; for values that did not come from JSON. */
export function checkSize(value: unknown, most: number): void {
  let size = 0;
  let values = 0;
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth) throw new KubeError("BadRequest", `the body is nested deeper than ${maxDepth}`);
    const next: unknown[] = [];
    values += level.length;
    if (values > maxValues) throw tooMany();
    for (const each of level) {
      size += sizeOf(each);
      if (size > most)
        throw new KubeError("RequestEntityTooLarge", `Request entity too large: limit is ${most}`);
      if (typeof each === "object" && each !== null)
        for (const inner of Object.values(each)) next.push(inner);
    }
    level = next;
  }
}

/** Of the value itself; those in it count for themselves. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return value.length + 1;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return 1;
  return Object.keys(value).reduce((sum, key) => sum + key.length, 1);
}
