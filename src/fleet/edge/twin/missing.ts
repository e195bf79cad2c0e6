/** What a cloud lacks that once had it: one that was put back to an older copy of itself. Pure. */
import type { Member } from "../../link/kinds/membership.ts";
import type { Device } from "./registry.ts";
import { isDeleted, owed, sides, versionOf } from "./update.ts";

export interface Missing {
  /** Bits of `owed`, by property. */
  readonly properties: ReadonlyMap<string, number>;
  readonly state: boolean;
}

/** By the versions of this edge that the cloud says it has of a device; a value that it has not heard of has none. Undefined when it lacks nothing that is not owed anyway. */
export function missingOf(device: Device, { twin, state }: Member): Missing | undefined {
  const properties = new Map<string, number>();
  for (const [name, here] of device.twins) {
    if (isDeleted(here)) continue;
    const there = twin && Object.hasOwn(twin, name) ? twin[name] : undefined;
    const lacks = sides.filter(
      (side) =>
        here[side]?.value !== undefined &&
        (versionOf(here, side)?.edge ?? 0) > (versionOf(there ?? undefined, side)?.edge ?? 0),
    );
    const bits = lacks.reduce((sum, side) => sum | owed[side], 0) & ~(device.owes.get(name) ?? 0);
    if (bits !== 0) properties.set(name, bits);
  }
  const { facts } = device;
  const isStateMissing = facts.state !== undefined && facts.state !== state && facts.owesState !== true;
  return properties.size > 0 || isStateMissing ? { properties, state: isStateMissing } : undefined;
}
