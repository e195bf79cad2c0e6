/** The command line for an ordinary user: what it does, and what it refuses at once. */
import { afterAll, beforeAll, expect } from "bun:test";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { makeProgram } from "./_program.ts";

const { test } = needing({ root: true, programs: ["setpriv"] });

const uid = 1000;
let home = "";

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "sampan-user-"));
  chownSync(home, uid, uid);
  chmodSync(home, 0o700);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

async function asUser(args: readonly string[], input = "") {
  using program = makeProgram();
  const user = ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
  const child = Bun.spawn([...user, ...program.command, ...args], {
    cwd: home,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      XDG_RUNTIME_DIR: join(home, "run"),
      SAMPAN_ROOT: join(home, ".local/share/sampan"),
    },
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: 60_000,
  });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { status, out, err };
}

test("what needs no layers works, and leaves nothing of a trial behind", async () => {
  expect(await asUser(["images"])).toMatchObject({ status: 0, err: "" });
  expect(await asUser(["system", "check"])).toMatchObject({ status: 0, err: "" });
  expect(await asUser(["system", "df"])).toMatchObject({ status: 0, err: "" });
  expect(await asUser(["ps", "-a"])).toMatchObject({ status: 0, err: "" });
  expect(await asUser(["system", "prune", "-f"])).toMatchObject({ status: 0, err: "" });
  expect(readdirSync(join(home, ".local/share/sampan/tmp"))).toEqual([]);
});

test("of an image that is not here, it is said that it is not here", async () => {
  for (const verb of ["inspect", "history", "rmi", "save"]) {
    const { status, err } = await asUser([verb, "nowhere"]);
    expect([status, err]).toEqual([1, expect.stringContaining("nowhere")]);
    expect(err).not.toContain("permitted");
  }
});

test("a registry is asked", async () => {
  const asked: string[] = [];
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      asked.push(pathname);
      if (pathname.startsWith("/v1/")) return new Response("", { status: 404 });
      return Response.json({ repositories: ["team/app"] });
    },
  });
  const host = `127.0.0.1:${server.port}`;
  expect(await asUser(["login", "-u", "me", "--password-stdin", host], "secret")).toMatchObject({
    status: 0,
  });
  const { status, out } = await asUser(["search", `${host}/app`]);
  expect([status, out]).toEqual([0, expect.stringContaining("app")]);
  expect(asked).toContain("/v2/_catalog");
});

test("what unpacks images is refused before a registry or an archive is asked", async () => {
  let asked = 0;
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => {
      asked += 1;
      return new Response("", { status: 404 });
    },
  });
  const image = `127.0.0.1:${server.port}/app:1`;
  const why = `unpacking images needs root for now; user ${uid} may not give files to their owners (CAP_CHOWN) nor mount layers (CAP_SYS_ADMIN)`;
  const cases = [
    { args: ["pull", image], status: 1, doing: `pull image "${image}"` },
    { args: ["run", image, "/bin/true"], status: 125, doing: `pull image "${image}"` },
    { args: ["load"], status: 1, doing: "load images" },
    { args: ["import", "-"], status: 1, doing: "import an image" },
  ] as const;
  for (const { args, status, doing } of cases) {
    const ran = await asUser(args);
    expect(ran).toMatchObject({ status, err: expect.stringContaining(`cannot ${doing}: ${why}\n`) });
  }
  expect(asked).toBe(0);
});

test("overlayfs, asked for by name, is refused with the right that lacks", async () => {
  mkdirSync(join(home, ".config/sampan"), { recursive: true });
  const config = join(home, ".config/sampan/config.toml");
  await Bun.write(config, `[engine]\nsnapshotter = "overlayfs"\n`);
  try {
    const { status, err } = await asUser(["images"]);
    expect([status, err]).toEqual([1, expect.stringContaining("this user may not mount (CAP_SYS_ADMIN)")]);
  } finally {
    rmSync(config);
  }
});
