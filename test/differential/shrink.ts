/** Makes a case that differs smaller: parts of config.json are left out for as long as the same fields still differ. */
import type { Case } from "./case.ts";
import { tryBoth, type Verdict } from "./try.ts";
import type { World } from "./world.ts";

type Json = Record<string, unknown> | unknown[];

/**
 * Without these there is no container; the probe's words say what is looked at. The namespaces stay as they are: without the mount
 * namespace both runtimes would mount on the host.
 */
const kept =
  /^(ociVersion|root|root\.path|process|process\.(args|cwd).*|linux|linux\.namespaces.*|linux\.[ug]idMappings.*|mounts\.\d+\.(destination|type|source)|linux\.devices\.\d+\..*)$/;

/** Every place in the document that can be left out, the big ones first. */
function places(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.entries(value).map(([key, each]) => ({ each, at: [...path, key] }));
  const own = inner.map(({ at }) => at).filter((at) => !kept.test(at.join(".")));
  return [...own, ...inner.flatMap(({ each, at }) => places(each, at))];
}

function without<T>(value: T, [key = "", ...rest]: readonly string[]): T {
  const copy: Json = Array.isArray(value)
    ? [...(value as unknown[])]
    : { ...(value as Record<string, unknown>) };
  if (rest.length > 0) Object.assign(copy, { [key]: without((copy as Record<string, unknown>)[key], rest) });
  else if (Array.isArray(copy)) copy.splice(Number(key), 1);
  else delete copy[key];
  return copy as T;
}

export interface ShrinkOptions {
  readonly program: readonly string[];
  /** How many bundles may be tried. */
  readonly most: number;
}

/** The smallest case found, as it was judged. */
export async function shrink(
  world: World,
  from: Verdict,
  { program, most }: ShrinkOptions,
): Promise<Verdict> {
  const wanted = from.differences.map(({ field }) => field);
  let best = from;
  let tried = 0;
  let queue = places(from.tried.config);
  while (queue.length > 0 && tried < most) {
    const path = queue.shift() as string[];
    const smaller: Case = { ...best.tried, config: without(best.tried.config, path) };
    const verdict = await tryBoth(world, program, smaller, `${from.tried.seed}-${++tried}`);
    if (!verdict.differences.some(({ field }) => wanted.includes(field))) continue;
    best = verdict;
    queue = places(best.tried.config);
  }
  return best;
}
