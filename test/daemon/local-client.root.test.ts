/** How a command that names no daemon finds its engine. */
// deadline: 200 s
import { expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { busyboxArchive } from "../clients/_image.ts";
import { makePlace, type Place } from "./_daemon.ts";
import { isAlive } from "./_leavings.ts";

const { test } = needing({ root: true, programs: ["busybox"], files: ["build/launcher"] });
const program = new URL("_client.ts", import.meta.url).pathname;

interface Answered {
  readonly host: string;
  readonly said: readonly string[];
  readonly result: unknown;
}

/** With settings that keep it away from the machine's own daemon, and from its network. */
async function client(place: Place, ...args: readonly string[]): Promise<Answered> {
  const toml = (text: string) => JSON.stringify(text);
  const root = args[0] === "-" ? `root = ${toml(place.root)}\n` : "";
  writeFileSync(
    place.config,
    `[engine]\n${root}state = ${toml(place.state)}\n[network.bridge]\nenabled = false\n[network]\nfirewall = false\n`,
  );
  const child = Bun.spawn([process.execPath, program, ...args], {
    env: { PATH: process.env["PATH"] ?? "", HOME: place.folder, SAMPAN_CONFIG: place.config },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 60_000,
  });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (status !== 0) throw new Error(`${args.join(" ")}: ${status} ${err}`);
  return JSON.parse(out) as Answered;
}

async function archive(place: Place): Promise<string> {
  const path = join(place.folder, "busybox.tar");
  writeFileSync(path, await busyboxArchive("busybox:test"));
  return path;
}

test("with a data root and no daemon each command has the engine in itself, and containers outlive it", async () => {
  await using place = makePlace();
  const { root } = place;
  expect((await client(place, root, "load", await archive(place))).said).toEqual([]);
  const id = (await client(place, root, "start", "one")).result as string;
  const state = (await client(place, root, "state", "one")).result as { Status: string; Pid: number };
  expect(state.Status).toBe("running");
  expect(isAlive(state.Pid)).toBe(true);
  await client(place, root, "stop", "one");
  expect((await client(place, root, "state", "one")).result).toMatchObject({ Status: "exited", ExitCode: 6 });
  expect((await client(place, root, "remove", "one")).result).toBe("one");
  expect(existsSync(join(root, "containers", id))).toBe(false);
  // Nothing runs: not even the state folder is left.
  expect(existsSync(place.state) ? readdirSync(place.state) : []).toEqual([]);
});

test("the end of a container that nobody saw is found by the next command", async () => {
  await using place = makePlace();
  await client(place, place.root, "load", await archive(place));
  await client(place, place.root, "start", "one");
  const { Pid } = (await client(place, place.root, "state", "one")).result as { Pid: number };
  process.kill(Pid, "SIGTERM");
  while (isAlive(Pid)) await Bun.sleep(5);
  for (;;) {
    const { Status, ExitCode } = (await client(place, place.root, "state", "one")).result as {
      Status: string;
      ExitCode: number;
    };
    if (Status === "running") continue;
    expect({ Status, ExitCode }).toEqual({ Status: "exited", ExitCode: 6 });
    break;
  }
  await client(place, place.root, "remove", "one");
});

test("a daemon of the data root is used, wherever it listens", async () => {
  await using place = makePlace();
  writeFileSync(place.config, "[network.bridge]\nenabled = false\n[network]\nfirewall = false\n");
  const host = `unix://${place.folder}/elsewhere.sock`;
  await place.start({ flags: ["-H", host] });
  expect((await client(place, place.root, "info")).host).toBe(host);
});

test("without a data root and a daemon one is started, once, and said so; the next command finds it", async () => {
  await using place = makePlace();
  const both = await Promise.all([client(place, "-", "info"), client(place, "-", "info")]);
  const [line = ""] = both.flatMap(({ said }) => said);
  expect(line).toMatch(/^No daemon is there: starting one \(process \d+, log .*daemon\.log\)$/);
  expect(both.map(({ host }) => host)).toEqual([`unix://${place.socket}`, `unix://${place.socket}`]);
  const { pid } = JSON.parse(readFileSync(join(place.root, "daemon.json"), "utf8")) as { pid: number };
  try {
    expect((await client(place, "-", "info")).said).toEqual([]);
    // In a session of its own: no terminal's end reaches it.
    expect(
      Number(
        readFileSync(`/proc/${pid}/stat`, "utf8")
          .replace(/^.*\) /, "")
          .split(" ")[3],
      ),
    ).toBe(pid);
  } finally {
    process.kill(pid, "SIGTERM");
    while (isAlive(pid)) await Bun.sleep(5);
  }
});

test("a daemon that does not come up says why", async () => {
  await using place = makePlace();
  await Bun.write(join(place.folder, "data"), "a file where the data root should be");
  const why = await client(place, "-", "info").catch((error: Error) => error.message);
  expect(why).toContain("cannot start a daemon: cannot use folder");
});
