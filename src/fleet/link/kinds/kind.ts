/** What a kind of message is: the routes that it claims, and its content. */
import type { Codec } from "../codec.ts";
import type { Envelope } from "../envelope.ts";
import { resourceOf } from "../resources.ts";

/** From the edge, from the cloud, or only inside of one of them. */
export type Way = "up" | "down" | "local";

/** A content by itself: bodies of MQTT and HTTP are such. */
export interface Content<T> {
  readonly name: string;
  /**
   * The content as its type. `at` is its place for the refusal.
   * @throws SampanError invalid_argument that names the field.
   */
  parse(content: unknown, at?: string): T;
  /** Exactly what stands on the wire. */
  build(value: T): unknown;
}

export interface Kind<T> extends Content<T> {
  readonly way: Way | "both";
  claims(envelope: Envelope): boolean;
}

type Words = string | readonly string[];

/** What is not named may be anything. */
export interface Pattern {
  readonly source?: Words;
  readonly group?: Words;
  readonly operation?: Words;
  /** The second part of `<namespace>/<type>/<name>`. */
  readonly type?: Words;
  readonly resource?: string | RegExp;
  /** Whether it answers another message. */
  readonly answer?: boolean;
}

export interface KindOptions<T> {
  readonly way: Way | "both";
  readonly on: Pattern;
  readonly content: Codec<T>;
}

export function contentOf<T>(name: string, codec: Codec<T>): Content<T> {
  return {
    name,
    parse: (content, at = "content") => codec.read(content, at),
    build: (value) => codec.write(value),
  };
}

export function kind<T>(name: string, { way, on, content }: KindOptions<T>): Kind<T> {
  return { ...contentOf(name, content), way, claims: (envelope) => fits(envelope, on) };
}

function fits({ route, parent }: Envelope, on: Pattern): boolean {
  return (
    has(on.source, route.source) &&
    has(on.group, route.group) &&
    has(on.operation, route.operation) &&
    (on.answer === undefined || on.answer === (parent !== undefined)) &&
    (on.resource === undefined || resourceFits(on.resource, route.resource)) &&
    (on.type === undefined || has(on.type, resourceOf(route.resource)?.type ?? ""))
  );
}

function has(wanted: Words | undefined, given: string): boolean {
  return wanted === undefined || (typeof wanted === "string" ? wanted === given : wanted.includes(given));
}

function resourceFits(wanted: string | RegExp, given: string): boolean {
  return typeof wanted === "string" ? wanted === given : wanted.test(given);
}
