/** Twins of devices: what is wanted (`expected`) and what is (`actual`), each with a version that cloud and edge count apart. */
import {
  flag,
  line,
  map,
  natural,
  needed,
  nullable,
  number,
  object,
  optional,
  text,
  word,
  zero,
  inText,
  inObject,
} from "../codec.ts";
import { kind } from "./kind.ts";

export interface TwinValue {
  readonly value?: string;
  /** Unix time, milliseconds. */
  readonly metadata?: { readonly timestamp?: number };
}

export interface TwinVersion {
  readonly cloud: number;
  readonly edge: number;
}

export interface Twin {
  readonly expected?: TwinValue;
  readonly actual?: TwinValue;
  readonly optional?: boolean;
  readonly metadata?: { readonly type?: string };
  readonly expected_version?: TwinVersion;
  readonly actual_version?: TwinVersion;
}

/** By property; null deletes it. */
export type Twins = Readonly<Record<string, Twin | null>>;

export interface BaseMessage {
  readonly event_id: string;
  /** Unix time, milliseconds. */
  readonly timestamp: number;
}

export interface TwinMessage extends BaseMessage {
  readonly twin: Twins;
}

export const base = { event_id: zero(word, ""), timestamp: zero(number, 0) };

const value = object<TwinValue>({
  value: optional(text),
  metadata: optional(object<{ readonly timestamp?: number }>({ timestamp: optional(number) })),
});
const version = object<TwinVersion>({ cloud: zero(natural, 0), edge: zero(natural, 0) });
/** KubeEdge's edges take `string`, `int`, `integer`, `float`, `boolean`, and `deleted` for what is gone; what another word means is theirs to say. */
const type = object<{ readonly type?: string }>({ type: optional(line({ most: 64 })) });

export const twin = object<Twin>({
  expected: optional(value),
  actual: optional(value),
  optional: optional(flag),
  metadata: optional(type),
  expected_version: optional(version),
  actual_version: optional(version),
});

export const property = line({ most: 1024 });
export const twins = map({ read: nullableTwin().read, write: nullableTwin().write }, property);

function nullableTwin() {
  const { read, write } = nullable(twin);
  return {
    read: (each: unknown, at: string) => read(each, at) ?? null,
    write: (each: Twin | null) => write(each),
  };
}

export const twinMessage = object<TwinMessage>({ ...base, twin: zero(twins, {}) });

/** `device/d1/twin/edge_updated`, since 1.16.2 `device/default/d1/twin/edge_updated`. */
const updated = /^device\/[^/]+(?:\/[^/]+)?\/twin\/edge_updated$/;
const wanted = /^device\/[^/]+(?:\/[^/]+)?\/twin\/cloud_updated$/;
const states = /^device\/[^/]+(?:\/[^/]+)?\/state\/update$/;

/** Properties that changed at the edge, answered by `twinReply`. */
export const twinReport = kind<TwinMessage>("report of a twin", {
  way: "up",
  on: { source: "twin", resource: updated },
  content: inObject(twinMessage),
});

export const twinReply = kind<string>("answer to a twin", {
  way: "down",
  on: { group: "twin", operation: "response" },
  content: text,
});

/** Clouds to 1.14; edges take it still. */
export const twinWanted = kind<TwinMessage>("twin of the cloud", {
  way: "down",
  on: { group: "twin", operation: "update", resource: wanted },
  content: inObject(twinMessage),
});

export interface DeviceState {
  readonly name?: string;
  readonly state?: string;
  /** `2026-11-21 06:32:17`; since 1.16.2 RFC 3339. */
  readonly last_online?: string;
  /** The same as clouds and edges of 1.23 call it. */
  readonly lastOnlineTime?: string;
}

export interface StateMessage extends BaseMessage {
  readonly device: DeviceState;
}

export const stateMessage = object<StateMessage>({
  ...base,
  device: needed(
    object<DeviceState>({
      name: optional(word),
      state: optional(word),
      last_online: optional(word),
      lastOnlineTime: optional(word),
    }),
  ),
});

/** Answered and kept by clouds since 1.18. */
export const stateReport = kind<StateMessage>("state of a device", {
  way: "up",
  on: { source: "twin", resource: states },
  content: inText(stateMessage),
});

/** States that an edge takes from a device; in any case of letters. 1.15 has `disconnected`, 1.23 `unhealthy`. */
export const deviceStates = ["online", "offline", "ok", "unknown", "disconnected", "unhealthy"] as const;

export interface Attribute {
  readonly value: string;
  readonly optional?: boolean;
  readonly metadata?: { readonly type?: string };
}

export const attributes = map(
  object<Attribute>({ value: needed(text), optional: optional(flag), metadata: optional(type) }),
  property,
);

/** What names and values of properties edges take; with other ones the whole update is refused. */
const key = /^[a-zA-Z0-9\-_.,:/@#]{1,128}$/;
const content = /^[a-zA-Z0-9\-_.,:/@#]{1,512}$/;

export function isTwinKey(name: string): boolean {
  return key.test(name);
}

export function isTwinValue(given: string): boolean {
  return given === "" || content.test(given);
}
