/**
 * What a report says of a twin, and how it changes what the API has. Pure.
 *
 * A report of `actual` becomes `reported`, of `expected` `observedDesired`, each with the time, the type, the node and its version in its metadata. An edge counts that version up with every
 * change: by it an older report that comes after a newer one is told, and one that comes twice. An edge that lost its store counts from the beginning; then the time says that it is newer.
 * What another node said before, on which the device no longer is, is older in any case: two nodes have two clocks.
 */
import { invalid, SampanError } from "../../../base/errors.ts";
import { hasControl } from "../../link/json.ts";
import type { DeviceTwin, TwinProperty } from "../../link/kinds/devices.ts";
import type { Twin, Twins, TwinValue, TwinVersion } from "../../link/kinds/twin.ts";

export interface TwinChange {
  /** What was there before goes first. */
  readonly removed?: true;
  readonly reported?: TwinProperty;
  readonly observedDesired?: TwinProperty;
}

export type TwinChanges = ReadonlyMap<string, TwinChange>;

/** Of one device. A status is one object of the API, which has a size. */
export const bounds = { properties: 1000, name: 128, value: 8192, total: 512 * 1024 } as const;

/**
 * The changes of one report of a node.
 * @throws SampanError invalid_argument that names the property.
 */
export function changesOf(twins: Twins, node: string): Map<string, TwinChange> {
  const entries = Object.entries(twins);
  if (entries.length > bounds.properties)
    throw invalid(
      `cannot take the report: it has ${entries.length} properties, wanted at most ${bounds.properties}`,
    );
  let total = 0;
  const changes = entries.map(([name, twin]) => {
    total += name.length + (twin?.actual?.value?.length ?? 0) + (twin?.expected?.value?.length ?? 0);
    return [checkedName(name), changeOf(name, twin, node)] as const;
  });
  if (total > bounds.total)
    throw invalid(`cannot take the report: it has ${total} characters, wanted at most ${bounds.total}`);
  return new Map(changes);
}

function checkedName(name: string): string {
  if (name === "" || name.length > bounds.name || hasControl(name))
    throw invalid(
      `cannot take the report: property ${JSON.stringify(name.slice(0, 80))} is no name of at most ${bounds.name} characters`,
    );
  return name;
}

function changeOf(name: string, twin: Twin | null, node: string): TwinChange {
  if (twin === null || twin.metadata?.type === "deleted") return { removed: true };
  const type = twin.metadata?.type;
  const reported = propertyOf(name, { value: twin.actual, version: twin.actual_version, type, node });
  const observedDesired = propertyOf(name, {
    value: twin.expected,
    version: twin.expected_version,
    type,
    node,
  });
  return { ...(reported ? { reported } : {}), ...(observedDesired ? { observedDesired } : {}) };
}

interface Told {
  readonly value: TwinValue | undefined;
  readonly version: TwinVersion | undefined;
  readonly type: string | undefined;
  readonly node: string;
}

function propertyOf(name: string, { value, version, type, node }: Told): TwinProperty | undefined {
  if (value?.value === undefined) return undefined;
  if (value.value.length > bounds.value)
    throw invalid(
      `cannot take the report: property "${name}" has ${value.value.length} characters, wanted at most ${bounds.value}`,
    );
  const timestamp = value.metadata?.timestamp;
  return {
    value: value.value,
    metadata: {
      ...(timestamp === undefined ? {} : { timestamp: String(timestamp) }),
      ...(type === undefined ? {} : { type }),
      ...(version === undefined ? {} : { version: String(version.edge) }),
      node,
    },
  };
}

/** `later` after `earlier`, as one change. */
export function joinChanges(earlier: TwinChange | undefined, later: TwinChange): TwinChange {
  if (!earlier || later.removed) return later;
  const reported = newer(earlier.reported, later.reported);
  const observedDesired = newer(earlier.observedDesired, later.observedDesired);
  return {
    ...(earlier.removed ? { removed: true } : {}),
    ...(reported ? { reported } : {}),
    ...(observedDesired ? { observedDesired } : {}),
  };
}

function newer(present: TwinProperty | undefined, told: TwinProperty | undefined): TwinProperty | undefined {
  if (!present || !told) return told ?? present;
  return isNews(present, told) ? told : present;
}

/** Whether what is told was not known before: newer by version or by time; by its value alone where neither is told. */
export function isNews(present: TwinProperty, told: TwinProperty): boolean {
  if (present.metadata?.["node"] !== told.metadata?.["node"]) return true;
  const [before, after] = [numbersOf(present), numbersOf(told)];
  if (after.time > before.time) return true;
  if (after.version >= 0 && before.version >= 0) return after.version > before.version;
  return (after.time === before.time || after.time < 0) && told.value !== present.value;
}

/** What is not told is before all. */
function numbersOf({ metadata }: TwinProperty): { readonly time: number; readonly version: number } {
  return { time: numberOf(metadata?.["timestamp"]), version: numberOf(metadata?.["version"]) };
}

function numberOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : -1;
}

/** The twins after the changes; the same list when nothing is new. What has no entry yet gets one, so that no first value is lost. */
export function applyChanges(present: readonly DeviceTwin[], changes: TwinChanges): readonly DeviceTwin[] {
  const twins = new Map(present.map((twin) => [twin.propertyName, twin]));
  let changed = false;
  for (const [name, change] of changes) {
    const before = twins.get(name);
    const after = applyChange(name, before, change);
    if (after === before) continue;
    changed = true;
    if (after) twins.set(name, after);
    else twins.delete(name);
  }
  return changed ? [...twins.values()] : present;
}

function applyChange(
  propertyName: string,
  before: DeviceTwin | undefined,
  { removed, reported: told, observedDesired: wanted }: TwinChange,
): DeviceTwin | undefined {
  const base = removed ? undefined : before;
  const reported = newer(base?.reported, told);
  const observedDesired = newer(base?.observedDesired, wanted);
  if (!reported && !observedDesired) return removed ? undefined : before;
  if (base && reported === base.reported && observedDesired === base.observedDesired) return before;
  return {
    ...base,
    propertyName,
    ...(reported ? { reported } : {}),
    ...(observedDesired ? { observedDesired } : {}),
  };
}

/** Characters of all values and names. */
function sizeOf(twins: readonly DeviceTwin[]): number {
  return twins.reduce(
    (sum, { propertyName, reported, observedDesired }) =>
      sum + propertyName.length + (reported?.value?.length ?? 0) + (observedDesired?.value?.length ?? 0),
    0,
  );
}

/** @throws SampanError resource_exhausted when a device would have more twins than one object of the API holds. */
export function requireRoom(device: string, twins: readonly DeviceTwin[]): void {
  const size = sizeOf(twins);
  if (twins.length > bounds.properties || size > bounds.total)
    throw new SampanError(
      "resource_exhausted",
      `cannot take the report of device "${device}": it would have ${twins.length} properties of ${size} characters, wanted at most ${bounds.properties} of ${bounds.total}`,
    );
}
