/** `sampan compare` with a daemon that has runtimes of other makers, and with one that is no runtime. */
// deadline: 200 s
import { expect } from "bun:test";
import { release } from "node:os";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { busyboxArchive } from "../clients/_image.ts";
import { runscWorks } from "../monitor/runsc.ts";
import { needing } from "../needs.ts";
import { makePlace, type Place } from "./_daemon.ts";

const { test } = needing({
  root: true,
  programs: ["busybox", "runc", "runsc"],
  files: ["build/launcher"],
  works: [runscWorks],
});

interface Row {
  readonly start: number;
  readonly memory: number;
  readonly systemCall: number;
  readonly open: number;
  readonly kernel: { readonly release: string };
  readonly error: string;
}

async function sampan(place: Place, ...args: readonly string[]) {
  const child = Bun.spawn(place.command(...args), {
    env: { PATH: process.env["PATH"] ?? "", HOME: place.folder, DOCKER_HOST: `unix://${place.socket}` },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 120_000,
  });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, err, status };
}

test("the same image on every runtime: what each costs, what it sees, and what cannot run it", async () => {
  await using place = makePlace();
  const program = (name: string) => JSON.stringify(Bun.which(name));
  writeFileSync(
    place.config,
    `[engine.runtimes]\nrunc = ${program("runc")}\nnone = ${program("true")}\n[engine.runtimes.gvisor]\npath = ${program("runsc")}\nargs = ["--network=none"]\n[network.bridge]\nenabled = false\n[network]\nfirewall = false\n`,
  );
  await using _daemon = await place.start();
  const archive = join(place.folder, "busybox.tar");
  writeFileSync(archive, await busyboxArchive("busybox:test"));
  expect((await sampan(place, "load", "-i", archive)).status).toBe(0);

  const compared = await sampan(place, "compare", "--runs", "2", "--json", "busybox:test");
  expect(compared).toMatchObject({ status: 0, err: "" });
  const rows = JSON.parse(compared.out) as (Partial<Row> & { runtime: string })[];
  const [native, runc, none, gvisor] = rows;
  expect(rows.map(({ runtime }) => runtime)).toEqual(["native", "runc", "none", "gvisor"]);
  expect(none?.error).toContain('runtime "none"');
  for (const row of [native, runc, gvisor])
    for (const figure of ["start", "memory", "systemCall", "open"] as const)
      expect(row?.[figure]).toBeGreaterThan(0);
  // gVisor has a kernel of its own, which is a process in the same control group.
  expect([native, runc, gvisor].map((row) => row?.kernel?.release)).toEqual([release(), release(), "4.4.0"]);
  expect(gvisor?.memory).toBeGreaterThan(native?.memory ?? 0);

  const own = await sampan(place, "compare", "--runs", "1", "--runtime", "native", "busybox:test", "true");
  const [head = "", row = "", ...rest] = own.out.split("\n");
  expect(head).toMatch(/^ISOLATION +START +MEMORY +SYSTEM CALL +OPEN +KERNEL$/);
  expect(row).toMatch(/^native +[\d.]+ ms +- +[\d.]+ (ns|µs) +[\d.]+ (ns|µs) +\S+$/);
  expect(rest).toEqual([""]);

  expect(await sampan(place, "compare", "--runtime", "none", "busybox:test")).toMatchObject({ status: 1 });
  expect(await sampan(place, "compare", "absent:1")).toMatchObject({ status: 1, out: "" });
  const stranger = await sampan(place, "compare", "--runtime", "kata", "busybox:test");
  expect(stranger.err).toContain('cannot use --runtime "kata": wanted native, runc, none, gvisor');
  expect((await sampan(place, "ps", "-aq")).out).toBe("");
});
