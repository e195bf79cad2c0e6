/** What `create` and `run` send for a command line is what docker's command line 28 sends for it; its bodies are kept in fixtures/create-bodies.json. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { sampan } from "./_world.ts";
import { createEnvironment, createLines } from "./_create-lines.ts";
import { fakeDaemon, said } from "./_fake-daemon.ts";

const top = join(import.meta.dir, "../..");
const path = join(import.meta.dir, "fixtures/create-bodies.json");
const recorded = (await Bun.file(path).json()) as Record<string, unknown>;

/** The repository's own folder stands in no fixture, nor decides where a path stands in a sorted list. */
const withoutFolder = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(`${top}/`, "/HERE/"));

test("each of the command lines is recorded", () => {
  expect(Object.keys(recorded)).toEqual(createLines.map((line) => line.join(" ")));
});

test.each(createLines.map((line) => [line.join(" "), line] as const))(
  "sampan %s sends docker's body",
  async (name, line) => {
    await using daemon = await fakeDaemon();
    const { err, status } = await sampan(["-H", daemon.host, ...line], { env: createEnvironment });
    expect({ err, status }).toEqual({ err: "", status: 0 });
    expect(daemon.taken().map((each) => said(withoutFolder(each)))).toEqual([recorded[name]]);
  },
);

const docker = Bun.which("docker");
const version = docker ? Bun.spawnSync([docker, "--version"]).stdout.toString() : "";

test.skipIf(!/version (?:2[89]|[3-9]\d)\./.test(version))(
  "the recorded bodies are those of the docker command line that is here",
  async () => {
    await using daemon = await fakeDaemon();
    const found: Record<string, unknown> = {};
    for (const line of createLines) {
      const child = Bun.spawn([docker ?? "", "-H", daemon.host, ...line], {
        cwd: top,
        env: { ...createEnvironment, HOME: "/nonexistent" },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
      });
      const [text, status] = await Promise.all([child.stderr.text(), child.exited]);
      expect({ line, status, text }).toMatchObject({ status: 0 });
      found[line.join(" ")] = said(withoutFolder(daemon.taken()[0]));
    }
    if (process.env["RECORD"]) await Bun.write(path, `${JSON.stringify(found, null, 2)}\n`);
    expect(found).toEqual(recorded);
  },
  60_000,
);
