import { expect, test } from "bun:test";
import type { LiveEngine } from "../../../engine/engine.ts";
import { pruneNetworks } from "./prune.ts";

const info = (name: string, devices: readonly (string | undefined)[]) => ({
  id: name,
  name,
  labels: {},
  created: new Date(0),
  endpoints: Object.fromEntries(
    devices.map((device, index) => [`c${index}`, device === undefined ? {} : { device }]),
  ),
});

test("prune takes what only stopped containers want, and leaves what one that runs is in, and the built-in ones", async () => {
  const removed: string[] = [];
  const all = [
    info("empty", []),
    info("stopped", [undefined]),
    info("active", [undefined, "eth0"]),
    info("bridge", []),
  ];
  const networks = {
    list: () => all,
    remove: async (id: string) => void (await Promise.resolve(removed.push(id))),
  } as unknown as LiveEngine["networks"];
  expect(await pruneNetworks({ networks }, {})).toEqual(["empty", "stopped"]);
  expect(removed).toEqual(["empty", "stopped"]);
});
