/**
 * What an update makes of the twin of a device: plain values in, plain values out. Three ways lead here: a device or mapper tells (edge counts up), a cloud sends a twin with its versions
 * (the newer one counts), and a Device object wants something (cloud counts up). The whole update counts, or none of it.
 */
import { SampanError } from "../../../base/errors.ts";
import type { Twin, Twins, TwinValue, TwinVersion } from "../../link/kinds/twin.ts";
import { checkRange, checkType, checkValue, type PropertyType } from "./values.ts";

export const sides = ["expected", "actual"] as const;
export type Side = (typeof sides)[number];

/** What the cloud is not known to have of a property. */
export const owed = { expected: 1, actual: 2, rest: 4 } as const;

export type Twinned = ReadonlyMap<string, Twin>;

export interface Step {
  readonly last: Twin | undefined;
  readonly current: Twin;
  /** Bits of `owed`, to be set and cleared. */
  readonly owes: number;
  readonly settles: number;
}

/** By property, what changes. What was rejected has only something to be told. */
export type Steps = ReadonlyMap<string, Step>;

export interface UpdateOptions {
  readonly now: number;
  /** Of the device's model. */
  readonly types: ReadonlyMap<string, PropertyType>;
  /** A refusal names the property; KubeEdge's own do not. */
  readonly named?: boolean;
}

/** Properties of one device, those that are deleted too: their versions stay. */
export const mostProperties = 1000;
/** All values of a device: documents and deltas have many of them in one message. */
export const mostCharacters = 1 << 20;

/** Characters of its values. */
export const lengthOf = ({ expected, actual }: Twin): number =>
  (expected?.value?.length ?? 0) + (actual?.value?.length ?? 0);

export const isDeleted = (twin: Twin | undefined): boolean => twin?.metadata?.type === "deleted";

export const versionOf = (twin: Twin | undefined, side: Side): TwinVersion | undefined =>
  side === "expected" ? twin?.expected_version : twin?.actual_version;

function put(twin: Twin, side: Side, value: TwinValue, version: TwinVersion): Twin {
  return side === "expected"
    ? { ...twin, expected: value, expected_version: version }
    : { ...twin, actual: value, actual_version: version };
}

/**
 * By a device or a mapper.
 * @throws SampanError invalid_argument with KubeEdge's text, resource_exhausted.
 */
export function updateLocally(twins: Twinned, update: Twins, options: UpdateOptions): Steps {
  const steps = new Map<string, Step>();
  for (const [name, told] of Object.entries(update)) {
    const last = twins.get(name);
    const step =
      told === null ? deleteLocally(last) : named(name, options, () => tell(name, last, told, options));
    if (step) steps.set(name, step);
  }
  return within(twins, steps);
}

function named<T>(name: string, { named: wanted }: UpdateOptions, run: () => T): T {
  if (!wanted) return run();
  try {
    return run();
  } catch (error) {
    throw SampanError.wrap(`property ${JSON.stringify(name.slice(0, 128))}`, error);
  }
}

function within(twins: Twinned, steps: Steps): Steps {
  const added = [...steps.keys()].filter((name) => !twins.has(name)).length;
  if (added > 0 && twins.size + added > mostProperties)
    throw new SampanError("resource_exhausted", `the device has more than ${mostProperties} properties`);
  // Values of MQTT are so short that all properties of them fit.
  if ([...steps.values()].some(({ current }) => lengthOf(current) > 1024)) {
    const after = new Map([...twins, ...[...steps].map(([name, { current }]) => [name, current] as const)]);
    if ([...after.values()].reduce((sum, twin) => sum + lengthOf(twin), 0) > mostCharacters)
      throw new SampanError(
        "resource_exhausted",
        `the values of the device have more than ${mostCharacters} characters`,
      );
  }
  return steps;
}

function deleteLocally(last: Twin | undefined): Step | undefined {
  const has = sides.filter((side) => versionOf(last, side));
  if (!last || last.optional === false || isDeleted(last) || has.length === 0) return undefined;
  const current = has.reduce((twin, side) => put(twin, side, {}, next(versionOf(twin, side), "edge")), {
    ...last,
    metadata: { type: "deleted" },
  } as Twin);
  return { last, current, owes: owed.expected | owed.actual | owed.rest, settles: 0 };
}

function next(version: TwinVersion | undefined, by: "cloud" | "edge"): TwinVersion {
  const { cloud, edge } = version ?? { cloud: 0, edge: 0 };
  return by === "cloud" ? { cloud: cloud + 1, edge } : { cloud, edge: edge + 1 };
}

/** A property without a type of its own has that of its model, or the one that it came with. */
function typeOf(name: string, last: Twin | undefined, told: Twin, { types }: UpdateOptions): PropertyType {
  const model = types.get(name);
  const kept = isDeleted(last) ? undefined : last?.metadata?.type;
  const type = kept ?? model?.type ?? told.metadata?.type ?? "string";
  return { ...model, type };
}

function tell(name: string, last: Twin | undefined, told: Twin, options: UpdateOptions): Step | undefined {
  const type = typeOf(name, last, told, options);
  const wanted = told.optional ?? true;
  let twin: Twin = { ...last, optional: last ? last.optional !== false && wanted : wanted };
  let owes = !last || isDeleted(last) || twin.optional !== last.optional ? owed.rest : 0;
  twin = { ...twin, metadata: { type: type.type } };
  for (const side of sides) {
    const value = told[side]?.value;
    if (value === undefined) continue;
    checkValue(type.type, value);
    if (side === "expected") checkRange(type, value);
    const at = told[side]?.metadata?.timestamp ?? options.now;
    twin = put(twin, side, { value, metadata: { timestamp: at } }, next(versionOf(last, side), "edge"));
    owes |= owed[side];
  }
  if (!last) checkType(type.type);
  return owes === 0
    ? undefined
    : { last: isDeleted(last) ? undefined : last, current: twin, owes, settles: 0 };
}

/** By a cloud that counts versions. What is older than what is here is not taken, and what is here is told instead. Never throws for a value: it is left out. */
export function updateByCloud(twins: Twinned, update: Twins, options: UpdateOptions): Steps {
  const steps = new Map<string, Step>();
  for (const [name, given] of Object.entries(update)) {
    const step = given && sync(name, twins.get(name), given, options);
    if (step) steps.set(name, step);
  }
  return within(twins, steps);
}

function sync(name: string, last: Twin | undefined, given: Twin, options: UpdateOptions): Step | undefined {
  const gone = isDeleted(given);
  const type = typeOf(name, last, given, options).type;
  let current: Twin = {
    optional: given.optional ?? true,
    ...last,
    metadata: { type: gone ? "deleted" : type },
  };
  let settles = 0;
  for (const side of sides) {
    const [here, there] = [versionOf(last, side), versionOf(given, side)];
    if (gone ? !here || !there : given[side]?.value === undefined) continue;
    if (!there) continue;
    if (here && (here.cloud > there.cloud || here.edge > there.edge))
      return last && { last, current: settles === 0 ? last : current, owes: owed[side], settles };
    if (!gone && !fits(type, given[side]?.value ?? "")) continue;
    const value = gone ? {} : { value: given[side]?.value ?? "", metadata: { timestamp: options.now } };
    current = put(current, side, value, there);
    settles |= owed[side];
  }
  if (settles === 0 && !(gone && last && !isDeleted(last))) return undefined;
  return { last: isDeleted(last) ? undefined : last, current, owes: 0, settles };
}

function fits(type: string, value: string): boolean {
  try {
    checkValue(type, value);
    return true;
  } catch {
    return false;
  }
}

/** By a Device object: `wanted` is what it says now of those properties whose wish has changed. Values that do not fit are given back by name. */
export function wish(
  twins: Twinned,
  wanted: ReadonlyMap<string, string>,
  options: UpdateOptions,
): { readonly steps: Steps; readonly refused: ReadonlyMap<string, string> } {
  const steps = new Map<string, Step>();
  const refused = new Map<string, string>();
  for (const [name, value] of wanted) {
    const last = twins.get(name);
    if (!isDeleted(last) && last?.expected?.value === value) continue;
    const type = typeOf(name, last, {}, options);
    try {
      checkValue(type.type, value);
      checkRange(type, value);
    } catch (error) {
      refused.set(name, SampanError.from(error).message);
      continue;
    }
    const base: Twin = { optional: true, ...last, metadata: { type: type.type } };
    const version = next(versionOf(last, "expected"), "cloud");
    const current = put(base, "expected", { value, metadata: { timestamp: options.now } }, version);
    steps.set(name, {
      last: isDeleted(last) ? undefined : last,
      current,
      owes: 0,
      settles: owed.expected,
    });
  }
  return { steps: within(twins, steps), refused };
}

/** As local clients see it. */
export function withoutVersions({ expected, actual, optional, metadata }: Twin): Twin {
  return {
    ...(expected && { expected }),
    ...(actual && { actual }),
    ...(optional !== undefined && { optional }),
    ...(metadata && { metadata }),
  };
}

/** Those parts of a property that the cloud is owed, with their versions. */
export function report(twin: Twin, bits: number): Twin {
  const has = (side: Side) => (bits & owed[side]) !== 0;
  return {
    ...(has("expected") && twin.expected && { expected: twin.expected }),
    ...(has("actual") && twin.actual && { actual: twin.actual }),
    optional: twin.optional ?? true,
    metadata: twin.metadata ?? { type: "string" },
    ...(has("expected") && twin.expected_version && { expected_version: twin.expected_version }),
    ...(has("actual") && twin.actual_version && { actual_version: twin.actual_version }),
  };
}

/** Which wanted values are not reached; undefined when all are. */
export function deltaOf(
  twins: Twinned,
): { readonly twin: Record<string, Twin>; readonly delta: Record<string, string> } | undefined {
  const wanted = [...twins].filter(([, twin]) => twin.expected !== undefined && !isDeleted(twin));
  const open = wanted.flatMap(([name, { expected, actual }]): [string, string][] =>
    expected?.value && expected.value !== (actual?.value ?? "") ? [[name, expected.value]] : [],
  );
  if (open.length === 0) return undefined;
  return {
    twin: Object.fromEntries(wanted.map(([name, twin]) => [name, withoutVersions(twin)])),
    delta: Object.fromEntries(open),
  };
}
