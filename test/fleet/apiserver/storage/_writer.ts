/** Writes to a storage and says what was acknowledged, for those who end it in the middle: `bun _writer.ts WAY FOLDER SEED`. */
import { writeSync } from "node:fs";
import { openStorage } from "../../../../src/fleet/cloud/apiserver/storage/open.ts";
import type { Storage } from "../../../../src/fleet/cloud/apiserver/storage/storage.ts";
import { randomOf } from "./_random.ts";

/** Few, so that they are written again and again. */
export const names = 7;
export const resource = "configmaps";

const say = (words: string) => void writeSync(1, `${words}\n`);

/** One put or deletion; says it once it is acknowledged. */
async function one(storage: Storage, number: number, gone: boolean): Promise<void> {
  const name = `n${number % names}`;
  const key = { resource, namespace: "a", name };
  const text = `${number} ${"x".repeat((number * 37) % 900)}`;
  const stored = await storage.write((transaction) =>
    gone
      ? transaction.delete(key)
      : transaction.put(key, { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, text }),
  );
  if (stored) say(`${gone ? "delete" : "put"} ${stored.revision} ${name} ${number}`);
}

const ways: Readonly<Record<string, (storage: Storage, seed: number) => Promise<void>>> = {
  /** Until it is ended. */
  "without end": async (storage, seed) => {
    const random = randomOf(seed);
    for (let number = seed * 1_000_000; ;) {
      const group = Array.from({ length: 1 + random(12) }, () => one(storage, number++, random(4) === 0));
      await Promise.all(group);
    }
  },
  /** A few turns of several writes each. */
  "a few": async (storage) => {
    for (let number = 0; number < 24; number += 3)
      await Promise.all([0, 1, 2].map((each) => one(storage, number + each, number % 4 === 3)));
  },
};

if (import.meta.main) {
  const [way = "", folder = "", seed = "0"] = process.argv.slice(2);
  await using storage = openStorage({ folder, history: { count: 3000, bytes: 200_000 } });
  say("open");
  await ways[way]?.(storage, Number(seed));
}
