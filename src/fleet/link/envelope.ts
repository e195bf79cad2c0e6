/**
 * The envelope of every message between a KubeEdge cloud and edge, 1.15 to 1.23: one JSON document with a newline behind it, in one WebSocket text message.
 *
 *     {"header":{"msg_id":"…","parent_msg_id":"…","timestamp":1795242241288,"resourceversion":"339"},
 *      "route":{"source":"edgecontroller","group":"resource","operation":"update","resource":"default/pod/p1"},"content":…}
 *
 * Fields that are empty are left out, `content` never is. `sync` is a hint inside of KubeEdge's processes, which clears it before writing; `destination` is not used by anyone:
 * both are read past and never written. Unknown fields are dropped, as Go's decoder does.
 */
import { invalid, SampanError } from "../../base/errors.ts";
import { line, number, optional, zero } from "./codec.ts";
import { hasControl, isRecord, parseJson, refused } from "./json.ts";

export interface Route {
  /** The module that sends: `edgecontroller`, `edged`, `twin`. */
  readonly source: string;
  /** Where it goes: `resource`, `meta`, `twin`, `user`. */
  readonly group: string;
  readonly operation: string;
  readonly resource: string;
}

export interface Envelope {
  readonly id: string;
  /** The id of the message that this one answers, exactly as it was on the wire. */
  readonly parent?: string;
  /** Unix time, milliseconds. */
  readonly timestamp: number;
  /** `metadata.resourceVersion` of the object in the content; only on messages that are delivered reliably. */
  readonly resourceVersion?: string;
  readonly type?: string;
  /** What is absent on the wire is "" here. */
  readonly route: Route;
  readonly content: unknown;
}

export interface EnvelopeLimits {
  readonly bytes: number;
  readonly depth: number;
  /** Of all lists and objects together; `mostValues` without it. */
  readonly values?: number;
}

/** What newer KubeEdge takes at most (32 MiB), and far more levels than an object of Kubernetes has. */
export const envelopeLimits: EnvelopeLimits = { bytes: 32 << 20, depth: 100 };

const id = zero(line({ most: 128 }), "");
const parent = optional(line({ most: 128 }));
const version = optional(line({ most: 20, like: /^(?:\d{1,20})?$/, wanted: "a decimal number of 64 bits" }));
const type = optional(line({ most: 64 }));
const name = zero(line({ most: 128, like: /^[\w.-]*$/, wanted: "a name" }), "");
/** Addresses of rules and topics of MQTT stand here too. */
const resource = zero(line({ most: 4096 }), "");

/**
 * One message as it came in, checked in all but its content.
 * @throws SampanError invalid_argument; resource_exhausted when it is larger than `limits.bytes` or has more than `limits.values`.
 */
export function parseEnvelope(input: string | Uint8Array, limits: EnvelopeLimits = envelopeLimits): Envelope {
  const size = typeof input === "string" ? Buffer.byteLength(input) : input.byteLength;
  if (size > limits.bytes)
    throw new SampanError(
      "resource_exhausted",
      `cannot read the message: it has ${size} bytes, wanted at most ${limits.bytes}`,
    );
  const document = parseJson(
    typeof input === "string" ? input : decode(input),
    "the message",
    limits.depth,
    limits.values,
  );
  if (!isRecord(document)) throw refused("the message", document, "an object");
  const header = part(document, "header");
  const route = part(document, "route");
  return {
    ...headerOf(header),
    route: {
      source: named(route, "source"),
      group: named(route, "group"),
      operation: named(route, "operation"),
      resource: resource.read(own(route, "resource"), "route.resource") ?? "",
    },
    content: own(document, "content") ?? null,
  };
}

function headerOf(header: Record<string, unknown>): Omit<Envelope, "route" | "content"> {
  const parentId = parent.read(own(header, "parent_msg_id"), "header.parent_msg_id");
  const resourceVersion = version.read(own(header, "resourceversion"), "header.resourceversion");
  const messageType = type.read(own(header, "type"), "header.type");
  if (resourceVersion) parseVersion(resourceVersion);
  return {
    id: id.read(own(header, "msg_id"), "header.msg_id") ?? "",
    ...(parentId ? { parent: parentId } : {}),
    timestamp: zero(number, 0).read(own(header, "timestamp"), "header.timestamp") ?? 0,
    ...(resourceVersion ? { resourceVersion } : {}),
    ...(messageType ? { type: messageType } : {}),
  };
}

function own(of: Record<string, unknown>, field: string): unknown {
  return Object.hasOwn(of, field) ? of[field] : undefined;
}

function part(document: Record<string, unknown>, field: string): Record<string, unknown> {
  const value = own(document, field) ?? {};
  if (!isRecord(value)) throw refused(field, value, "an object");
  return value;
}

function named(route: Record<string, unknown>, field: string): string {
  return name.read(own(route, field), `route.${field}`) ?? "";
}

/** One for all messages: between two it keeps nothing. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

function decode(input: Uint8Array): string {
  try {
    return utf8.decode(input);
  } catch (cause) {
    throw new SampanError("invalid_argument", "cannot read the message: it is no UTF-8", { cause });
  }
}

/** The text of one WebSocket message, with the newline that Go's encoder puts behind. */
export function formatEnvelope(envelope: Envelope): string {
  const { route } = envelope;
  const document = {
    header: {
      msg_id: envelope.id,
      parent_msg_id: envelope.parent || undefined,
      timestamp: envelope.timestamp,
      resourceversion: envelope.resourceVersion || undefined,
      type: envelope.type || undefined,
    },
    route: {
      source: route.source || undefined,
      group: route.group || undefined,
      operation: route.operation || undefined,
      resource: route.resource || undefined,
    },
    content: envelope.content ?? null,
  };
  return `${JSON.stringify(document)}\n`;
}

export interface Stamp {
  /** A new UUID when not given. */
  readonly id?: string;
  /** Milliseconds; the clock when not given. */
  readonly now?: number;
  readonly resourceVersion?: string;
}

/** A message of our own. */
export function message(route: Partial<Route>, content: unknown, stamp: Stamp = {}): Envelope {
  const whole: Route = {
    source: route.source ?? "",
    group: route.group ?? "",
    operation: route.operation ?? "",
    resource: route.resource ?? "",
  };
  if (Object.values(whole).some(hasControl))
    throw invalid("cannot send the message: its route holds a control character");
  return {
    id: stamp.id ?? crypto.randomUUID(),
    timestamp: stamp.now ?? Date.now(),
    ...(stamp.resourceVersion ? { resourceVersion: stamp.resourceVersion } : {}),
    route: whole,
    content: content ?? null,
  };
}

/** The answer to a message: its parent is that message, its resource the same, its operation `response`, unless `route` says otherwise. */
export function respond(to: Envelope, route: Partial<Route>, content: unknown, stamp: Stamp = {}): Envelope {
  if (to.id === "") throw invalid("cannot answer the message: it has no msg_id");
  const answer = message({ operation: "response", resource: to.route.resource, ...route }, content, stamp);
  return { ...answer, parent: to.id };
}

const largest = 2n ** 64n - 1n;

function parseVersion(text: string): bigint {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > largest)
    throw refused("header.resourceversion", text, "a decimal number of 64 bits");
  return BigInt(text);
}

/** Negative when `a` is older than `b`, 0 when they are the same. Both are unsigned numbers of 64 bits; "" and undefined are older than all. */
export function compareVersions(a: string | undefined, b: string | undefined): -1 | 0 | 1 {
  const [left, right] = [a ? parseVersion(a) : -1n, b ? parseVersion(b) : -1n];
  return left < right ? -1 : left > right ? 1 : 0;
}
