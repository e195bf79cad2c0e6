/** What a writer acknowledged, and whether a storage keeps to it. */
import type { Storage } from "../../../../src/fleet/cloud/apiserver/storage/storage.ts";
import { resource } from "./_writer.ts";

export interface Said {
  readonly revision: number;
  readonly name: string;
  /** Undefined: it was deleted. */
  readonly number: number | undefined;
}

/** Whole lines only: the last one may have been cut. */
export function parse(output: string): Said[] {
  return output
    .slice(0, output.lastIndexOf("\n") + 1)
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([verb]) => verb === "put" || verb === "delete")
    .map(([verb, revision, name = "", number]) => ({
      revision: Number(revision),
      name,
      number: verb === "put" ? Number(number) : undefined,
    }));
}

/** What is wrong, in words. A write that was not acknowledged may be there as well, but only as a whole and after those that were. */
export function fault(storage: Storage, said: readonly Said[]): string | undefined {
  const last = new Map(said.toSorted((a, b) => a.revision - b.revision).map((each) => [each.name, each]));
  for (const { revision, name, number } of last.values()) {
    if (storage.revision < revision)
      return `revision ${revision} was acknowledged, the last is ${storage.revision}`;
    const found = storage.get({ resource, namespace: "a", name });
    // Written or deleted again by one that nobody had an answer of.
    if (found ? found.revision > revision : number !== undefined && changedAfter(storage, name, revision))
      continue;
    if (number === undefined ? found : found?.revision !== revision || numberOf(found.object) !== number)
      return `${name} at revision ${revision} was ${number ?? "deleted"} and is ${found ? `${found.revision} ${JSON.stringify(found.object)}` : "not there"}`;
  }
  return undefined;
}

function numberOf(object: { readonly [field: string]: unknown }): number {
  const { text } = object;
  return typeof text === "string" ? Number(text.split(" ")[0]) : NaN;
}

function changedAfter(storage: Storage, name: string, revision: number): boolean {
  // Gone now, and there at the revision that was acknowledged.
  return storage.list(resource, { at: revision }).items.some(({ key }) => key.name === name);
}
