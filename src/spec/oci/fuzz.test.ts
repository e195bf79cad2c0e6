import { expect, test } from "bun:test";
import type { Step } from "./_sample.ts";
import { SampanError } from "../../base/errors.ts";
import { at, fullConfig, placesIn, set } from "./_sample.ts";
import { formatDocument } from "./parse.ts";
import { loadConfig } from "./validate.ts";

/** Numbers below `bound`, the same for the same seed (xorshift32). */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

const oddities: unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  -1,
  1.5,
  -0,
  1e300,
  4_294_967_296,
  2 ** 53,
  2n ** 64n,
  -(2n ** 63n),
  "",
  "/",
  "abc",
  "a\0b",
  "..",
  "\ud800",
  "__proto__",
  [],
  [null],
  [[]],
  {},
  { "": null },
  { type: {} },
];

type Random = (bound: number) => number;

function pick<T>(list: readonly T[], random: Random): T {
  return list[random(list.length)] as T;
}

/** Replaces, removes, doubles or moves something in the document. */
function mutate(document: unknown, random: Random): void {
  const places = placesIn(document).filter((place) => place.length > 0);
  if (places.length === 0) return;
  const place = pick(places, random);
  const kind = random(3);
  if (kind === 0) set(document, place, pick(oddities, random));
  else if (kind === 1) set(document, place, structuredClone(at(document, pick(places, random))));
  else addBeside(document, place, random);
}

function addBeside(document: unknown, place: readonly Step[], random: Random): void {
  const holder = at(document, place.slice(0, -1));
  const value = structuredClone(at(document, place));
  if (Array.isArray(holder)) holder.push(value);
  else set(document, [...place.slice(0, -1), String(pick(oddities, random))], value);
}

const names = "ociVersion|root|mounts|process|hostname|domainname|hooks|annotations|linux";
const named = new RegExp(`^cannot use config\\.json: (${names})([.[][^]*)?: [^]+$`);
const unread = /^cannot use config\.json: the document: (is not JSON|[^]+, wanted an object)/;

/** "" when the text is taken, else the message; anything but the one kind of error is a failure. */
function outcome(text: string): string {
  try {
    loadConfig(text);
    return "";
  } catch (error) {
    if (!(error instanceof SampanError) || error.code !== "invalid_argument") throw error;
    return error.message;
  }
}

const seeds = Array.from({ length: 20 }, (_, index) => 1 + index * 7919);

test.each(seeds)(
  "a document that was changed at random is taken or refused by its field, seed %d",
  (seed) => {
    const random = randomFrom(seed);
    const seen = { taken: 0, refused: 0 };
    for (let round = 0; round < 200; round++) {
      const document = fullConfig();
      for (let count = random(3); count >= 0; count--) mutate(document, random);
      const message = outcome(formatDocument(document));
      if (message !== "") expect(message).toMatch(named);
      seen[message === "" ? "taken" : "refused"]++;
    }
    expect(seen.taken).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(0);
  },
);

test.each(seeds)("a text that was changed at random is taken or refused, seed %d", (seed) => {
  const random = randomFrom(seed);
  const text = formatDocument(fullConfig());
  for (let round = 0; round < 100; round++) {
    const from = random(text.length);
    const to = from + random(4);
    const message = outcome(
      text.slice(0, from) + pick(['"', "{", "]", ",", "9", "e", ""], random) + text.slice(to),
    );
    if (message !== "") expect(named.test(message) || unread.test(message)).toBe(true);
  }
});
