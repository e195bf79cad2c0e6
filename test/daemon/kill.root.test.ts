/** The daemon is killed under load; `bun test/daemon/hunt.ts` does so a thousand times. */
// deadline: 300 s
import { expect } from "bun:test";
import { needing } from "../needs.ts";
import { hunt } from "./_hunt.ts";

const { test } = needing({
  root: true,
  programs: ["busybox", "ip", "nft", "nsenter"],
  files: ["build/launcher"],
});

test("killed thirty times, it loses no container, restarts none, and leaves nothing lying about", async () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  const { failures, verbs } = await hunt({ kills: 30, seed });
  expect({ seed, failures }).toEqual({ seed, failures: [] });
  for (const verb of ["create", "exec", "remove", "pull"]) expect(verbs[verb]?.done).toBeGreaterThan(0);
}, 280_000);
