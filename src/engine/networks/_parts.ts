/** What the verbs of this folder share: rows, the host, and who runs them. */
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { sideBySide } from "../../base/side-by-side.ts";
import type { CniAttachments } from "./cni/cni.ts";
import type { NamespaceDoor } from "./door.ts";
import type { Host } from "./_host.ts";
import type { NetworkRow, Rows } from "./_rows.ts";
import type { Names } from "./_names.ts";

export interface Parts {
  readonly rows: Rows;
  readonly door: NamespaceDoor;
  readonly host: Host;
  readonly names: Names;
  readonly cni: CniAttachments;
  /** To whoever keeps the log. */
  readonly warn: (text: string) => void;
  /** The host address of published ports that name none; undefined: all. */
  readonly publishAddress: string | undefined;
  /** Servers for names that a container asks when it wants no others; empty: the host's. */
  readonly dns: readonly string[];
  /** Where the namespaces are mounted: /run/sampan/netns. */
  readonly folder: string;
  /** Sandboxes that are being taken away, and when nothing is left; whoever opens one anew waits for it. */
  readonly closing: Map<string, Promise<void>>;
  /** Containers whose endpoints are being changed at the moment. */
  readonly busy: Set<string>;
  /** Containers that this process opens sandboxes for at the moment, or has a little while ago: they need not run yet. */
  readonly fresh: Map<string, number>;
}

/** Does something to a container's endpoints; meanwhile nobody takes what is half made for lost. */
export async function working<Result>(
  { busy }: Pick<Parts, "busy">,
  container: string,
  work: () => Promise<Result>,
): Promise<Result> {
  busy.add(container);
  try {
    return await work();
  } finally {
    busy.delete(container);
  }
}

/** How long a container may take from its sandbox to its start, before a restore counts it among those that do not run. */
const patience = 60_000;

export function isFresh({ fresh }: Pick<Parts, "fresh">, container: string): boolean {
  return performance.now() - (fresh.get(container) ?? Number.NEGATIVE_INFINITY) < patience;
}

export const sandboxPath = ({ folder }: Pick<Parts, "folder">, container: string): string =>
  join(folder, container);

export function networkById(rows: Rows, id: string): NetworkRow | undefined {
  return rows.networks().find((row) => row.id === id);
}

const side = 8;

/** Several at a time, since each may be a process of its own. What those say that fail. */
export async function failuresOf(works: Iterable<() => Promise<unknown>>): Promise<string[]> {
  const failures: string[] = [];
  await sideBySide(works, side, async (work) => {
    try {
      await work();
    } catch (error) {
      failures.push(SampanError.from(error).message);
    }
  });
  return failures;
}

/** One at a time, in the order of the calls. */
export function queue(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
}
