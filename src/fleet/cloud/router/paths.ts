/**
 * Paths of REST rules, matched part by part: `/a/{x}/c` takes `/a/anything/c` and all below it. KubeEdge makes an unanchored regular expression of the path, by which a rule also takes what
 * it does not mean, and one with many stars holds the cloud up.
 */
import { invalid } from "../../../base/errors.ts";
import { hasControl } from "../../link/json.ts";
import { isNamespace, isNodeName } from "../../link/resources.ts";

/** undefined stands for any one part. */
export type PathPattern = readonly (string | undefined)[];

const mostParts = 64;

/** @throws SampanError invalid_argument */
export function parsePattern(path: string): PathPattern {
  const parts = path.split("/").filter((part) => part !== "");
  const wanted = "wanted one like /a/{b}/c";
  if (parts.length > mostParts)
    throw invalid(`cannot use the rule: its path has more than ${mostParts} parts, ${wanted}`);
  return parts.map((part) => {
    if (/^\{[\w-]{1,64}\}$/.test(part)) return undefined;
    if (part === "." || part === ".." || /[{}?#\\]/.test(part))
      throw invalid(
        `cannot use the rule: ${JSON.stringify(part.slice(0, 80))} is no part of a path, ${wanted}`,
      );
    return part;
  });
}

export interface Address {
  readonly node: string;
  readonly namespace: string;
  /** Decoded. */
  readonly parts: readonly string[];
  /** As they came. */
  readonly raw: readonly string[];
  /** With the question mark, or "". */
  readonly query: string;
}

/**
 * `/<node>/<namespace>/<path>?<query>` as it stands in a request line; undefined for what is no such address.
 * @throws SampanError invalid_argument for parts that would not be the same to those who read them later.
 */
export function parseAddress(target: string): Address | undefined {
  const at = target.indexOf("?");
  const path = at === -1 ? target : target.slice(0, at);
  const [first, node = "", namespace = "", ...raw] = path.split("/");
  if (first !== "" || !isNodeName(node) || !isNamespace(namespace)) return undefined;
  while (raw.at(-1) === "") raw.pop();
  if (raw.length > 2 * mostParts) throw invalid("cannot take the request: its path has too many parts");
  return { node, namespace, parts: raw.map(decode), raw, query: at === -1 ? "" : target.slice(at) };
}

function decode(part: string): string {
  const text = decoded(part);
  if (
    text === undefined ||
    text === "" ||
    text === "." ||
    text === ".." ||
    /[/\\]/.test(text) ||
    hasControl(text)
  )
    throw invalid(`cannot take the request: ${JSON.stringify(part.slice(0, 80))} is no part of a path`);
  return text;
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

export function patternFits(pattern: PathPattern, parts: readonly string[]): boolean {
  return pattern.every(
    (part, index) => parts[index] !== undefined && (part ?? parts[index]) === parts[index],
  );
}

/** Negative when `a` says more: it is longer or, of the same length, has fewer wildcards. */
export function compareUse(a: PathPattern, b: PathPattern): number {
  const wild = (pattern: PathPattern) => pattern.filter((part) => part === undefined).length;
  return b.length - a.length || wild(a) - wild(b);
}
