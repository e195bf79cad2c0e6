import { afterAll, expect, test } from "bun:test";
import { SampanError } from "../../../src/base/errors.ts";
import { acknowledge, needsAcknowledgement } from "../../../src/fleet/link/ack.ts";
import { parseDeviceId, parseDeviceResource } from "../../../src/fleet/link/device-id.ts";
import { formatEnvelope, message, parseEnvelope } from "../../../src/fleet/link/envelope.ts";
import { kindOf, kinds } from "../../../src/fleet/link/kinds/all.ts";
import { parseKey } from "../../../src/fleet/link/kinds/application.ts";
import { parseTaskResource } from "../../../src/fleet/link/kinds/jobs.ts";
import { parseTopic } from "../../../src/fleet/link/mqtt-topics.ts";
import { parseResource, requireOwnNode, stripNode } from "../../../src/fleet/link/resources.ts";
import { routeDownstream, routeUpstream } from "../../../src/fleet/link/routing.ts";
import { decodeFrame, encodeFrame, parseConnect } from "../../../src/fleet/link/tunnel.ts";
import { parseVersion, versionOfKubelet } from "../../../src/fleet/link/versions.ts";
import { examples } from "./_examples.ts";
import { captured } from "./_messages.ts";

type Random = (bound: number) => number;

/** Numbers below `bound`, the same for the same seed (xorshift32). */
function randomFrom(seed: number): Random {
  let state = seed;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

const texts = [
  ...captured.map(({ text }) => text),
  ...examples.map(({ route, content, answer }) => {
    const made = message(route, content, { id: "m-1", now: 1 });
    return formatEnvelope(answer ? { ...made, parent: "m-0" } : made);
  }),
];

/** JSON for the place of any value. */
const values = [
  "null",
  "true",
  "0",
  "-1",
  "1e400",
  "9007199254740993",
  '""',
  '"\\u0000"',
  '"../.."',
  '"\\ud800"',
  "[]",
  "[[]]",
  "{}",
  '{"__proto__":{"polluted":1}}',
  '"__proto__"',
  '"OK"',
  '"e30="',
  '"{}"',
  '"[1"',
];
const keys = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "",
  "content",
  "\\u0000",
];

function pick<T>(list: readonly T[], random: Random): T {
  return list[random(list.length)] as T;
}

/** Where values and keys stand in a text of JSON, about. */
function mutated(text: string, random: Random): string {
  const kind = random(5);
  if (kind === 0) {
    const at = random(text.length);
    return `${text.slice(0, at)}${String.fromCharCode(random(0x180))}${text.slice(at + random(3))}`;
  }
  if (kind === 1) return text.slice(0, random(text.length));
  const places = [
    ...text.matchAll(
      kind === 2 ? /"[^"\\]*"(?=:)/g : /(?<=[:[,])(?:"(?:[^"\\]|\\.)*"|-?\d+|null|true|false|\{\}|\[\])/g,
    ),
  ];
  const place = places.length === 0 ? undefined : pick(places, random);
  if (place === undefined) return text;
  const put = kind === 2 ? `"${pick(keys, random)}"` : kind === 3 ? pick(values, random) : place[0].repeat(2);
  return text.slice(0, place.index) + put + text.slice(place.index + place[0].length);
}

const prototypes = [
  Object.prototype,
  Array.prototype,
  String.prototype,
  Uint8Array.prototype,
  Function.prototype,
];
const membersOf = () => prototypes.map((each) => Reflect.ownKeys(each).map(String).join());
const before = membersOf();
afterAll(() => expect(membersOf()).toEqual(before));

/** Plain objects, lists, bytes; nothing whose prototype a message chose. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Uint8Array.prototype) return true;
  if (Array.isArray(value)) return prototype === Array.prototype && value.every(isPlain);
  return prototype === Object.prototype && Object.values(value).every(isPlain);
}

/** What was refused, counted; anything that is no SampanError fails the test. */
function tried(work: () => void): "taken" | "refused" {
  try {
    work();
    return "taken";
  } catch (error) {
    if (!(error instanceof SampanError)) throw error;
    return "refused";
  }
}

function handle(text: string): void {
  const envelope = parseEnvelope(text);
  routeUpstream(envelope);
  routeDownstream(envelope);
  needsAcknowledgement(envelope);
  tried(() => requireOwnNode(envelope, "edge1"));
  tried(() => acknowledge(envelope, { id: "a", now: 1 }));
  stripNode(envelope.route.resource);
  for (const way of ["up", "down", "local"] as const) {
    const kind = kindOf(envelope, way);
    if (kind === undefined) continue;
    tried(() => {
      const content = kind.parse(envelope.content);
      expect(isPlain(content)).toBe(true);
      const again = formatEnvelope({ ...envelope, content: kind.build(content) });
      // What was taken once is taken again, and means the same.
      expect(kind.parse(parseEnvelope(again).content)).toEqual(content);
    });
  }
}

test("a message that was changed at random is taken or refused, and changes nothing", () => {
  const random = randomFrom(0x5a3b9);
  const seen = { taken: 0, refused: 0 };
  for (let round = 0; round < 6000; round++) {
    let text = pick(texts, random);
    for (let more = random(4); more >= 0; more--) text = mutated(text, random);
    seen[tried(() => handle(text))]++;
  }
  expect(seen.taken).toBeGreaterThan(1000);
  expect(seen.refused).toBeGreaterThan(1000);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("every kind refuses or takes the content of every other", () => {
  const contents = examples.flatMap(({ content, wrong }) => [content, ...wrong.map(([each]) => each)]);
  for (const kind of kinds)
    for (const content of contents)
      tried(() => expect(isPlain(kind.parse(JSON.parse(JSON.stringify(content))))).toBe(true));
});

test("names that were changed at random are taken or refused", () => {
  const random = randomFrom(0x1234567);
  const readers: readonly ((text: string) => unknown)[] = [
    parseResource,
    parseTopic,
    parseDeviceId,
    parseDeviceResource,
    parseKey,
    parseTaskResource,
    parseVersion,
    versionOfKubelet,
  ];
  const seeds = [
    "default/pod/p1",
    "$hw/events/device/default/d1/twin/update",
    "$hw/events/node/edge1/membership/get",
    "device/default/d1/twin/edge_updated",
    "/core/v1/configmaps/default/cm1",
    "operations.kubeedge.io/v1alpha2/nodeupgradejob/j/node/edge1",
    "v1.26.15-kubeedge-v1.15.4",
  ];
  for (let round = 0; round < 4000; round++) {
    const seed = pick(seeds, random);
    const at = random(seed.length);
    const text = `${seed.slice(0, at)}${pick(["/", "..", "\u0000", "#", "+", "", "%2f", "\ud800", "node"], random)}${seed.slice(at + random(4))}`;
    for (const read of readers) tried(() => read(text));
  }
});

test("frames of random bytes are taken or refused, and taken ones are written as they were", () => {
  const random = randomFrom(0xbeef);
  let taken = 0;
  for (let round = 0; round < 4000; round++) {
    const bytes = Uint8Array.from({ length: random(24) }, () => (random(2) === 0 ? random(8) : random(256)));
    const outcome = tried(() => {
      const frame = decodeFrame(bytes);
      expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
      tried(() => parseConnect(frame.data));
    });
    if (outcome === "taken") taken++;
  }
  expect(taken).toBeGreaterThan(500);
});
