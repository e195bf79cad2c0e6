/** The daemon as a process: its sockets, its locks, its signals, its end. */
import { expect } from "bun:test";
import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { request } from "node:https";
import { freePort } from "../registry/port.ts";
import { makeCertificates } from "../registry/certificates.ts";
import { needing } from "../needs.ts";
import { ask, makePlace, type Place } from "./_daemon.ts";

const { test } = needing({ root: true, files: ["build/launcher"] });

const ping = async (place: Pick<Place, "socket">) => (await ask(place, "/_ping")).text();

/** A daemon that does not come up: its status and what it said. */
async function refused(place: Place, ...flags: readonly string[]) {
  const args = place.command("daemon", "--data-root", place.root, "--run-root", place.state, ...flags);
  const child = Bun.spawn(args, {
    env: {},
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: 60_000,
  });
  const [said, status] = await Promise.all([child.stderr.text(), child.exited]);
  return { said, status };
}

test("it answers at its socket, whose folder nobody else may list", async () => {
  await using place = makePlace();
  await place.start();
  expect(await ping(place)).toBe("OK");
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  expect([mode(place.root), mode(place.state), mode(join(place.state, "runtime"))]).toEqual([
    "700",
    "711",
    "700",
  ]);
  expect(["600", "660"]).toContain(mode(place.socket));
  expect(mode(join(place.root, "daemon.json"))).toBe("600");
});

test("several hosts are served, also below a folder whose path is too long for a socket", async () => {
  await using place = makePlace();
  const deep = join(place.folder, "d".repeat(120));
  mkdirSync(deep);
  await place.start({ flags: ["-H", `unix://${deep}/a.sock`, "-H", `unix://${place.folder}/b.sock`] });
  symlinkSync(deep, join(place.folder, "short"));
  for (const socket of ["short/a.sock", "b.sock"])
    expect(await ping({ socket: join(place.folder, socket) })).toBe("OK");
});

test("a second daemon of the same data root is told who has it, and of the same state folder too", async () => {
  await using place = makePlace();
  const { pid } = await place.start();
  const folders = ["--config", "/dev/null"];
  expect(await refused(place, ...folders, "--run-root", join(place.folder, "other"))).toEqual({
    status: 1,
    said: expect.stringContaining(
      `cannot use folder "${place.root}": the daemon with process id ${pid} has it`,
    ),
  });
  expect((await refused(place, ...folders, "--data-root", join(place.folder, "other"))).said).toContain(
    `cannot use folder "${place.state}": the daemon with process id ${pid} has it`,
  );
});

test("after a kill the next one takes the stale socket's place", async () => {
  await using place = makePlace();
  const first = await place.start();
  first.signal("SIGKILL");
  await first.exited;
  expect(existsSync(place.socket)).toBe(true);
  await place.start();
  expect(await ping(place)).toBe("OK");
});

test("a file that is no socket is left alone, and a socket that somebody listens at", async () => {
  await using place = makePlace();
  const file = join(place.folder, "file");
  writeFileSync(file, "precious");
  const { said } = await refused(place, "--config", "/dev/null", "-H", `unix://${file}`);
  expect(said).toContain("a file that is no socket is there");
  expect(readFileSync(file, "utf8")).toBe("precious");
  const path = join(place.folder, "taken");
  using _other = Bun.listen({ unix: path, socket: { data() {} } });
  expect((await refused(place, "--config", "/dev/null", "-H", `unix://${path}`)).said).toContain(
    "another process listens there",
  );
});

test("SIGTERM ends it with 0, takes its files away, and marks the data root as cleanly stopped", async () => {
  await using place = makePlace();
  const pidFile = join(place.folder, "pid");
  const daemon = await place.start({ flags: ["--pidfile", pidFile] });
  expect(readFileSync(pidFile, "utf8")).toBe(`${daemon.pid}\n`);
  daemon.signal("SIGTERM");
  expect(await daemon.exited).toBe(0);
  const left = [place.socket, pidFile, join(place.root, "daemon.json")].filter((path) => existsSync(path));
  expect(left).toEqual([]);
  using db = new Database(join(place.root, "sampan.db"));
  const meta = (key: string) => db.query("SELECT value FROM meta WHERE key = ?").get(key);
  expect(meta("clean_stop")).toEqual(meta("boot_id"));
});

test("SIGHUP reads the settings again; a file that is wrong changes nothing; SIGUSR1 writes down the state", async () => {
  await using place = makePlace();
  const daemon = await place.start();
  writeFileSync(place.config, `[images]\nparallel_downloads = 9\n[daemon]\ngroup = "x"\n`);
  daemon.signal("SIGHUP");
  await daemon.says("settings read again changed=parallelDownloads after-a-restart=daemon");
  writeFileSync(place.config, `[images]\nparallel_downloads = "many"\n`);
  daemon.signal("SIGHUP");
  await daemon.says("settings stay as they were");
  daemon.signal("SIGUSR1");
  await daemon.says("state written");
  const state = JSON.parse(readFileSync(join(place.state, "daemon-state.json"), "utf8"));
  expect(state).toMatchObject({ pid: daemon.pid, settings: { parallelDownloads: 9 } });
});

test("TCP without TLS is refused, but for a loopback address when that is asked for", async () => {
  await using place = makePlace();
  const port = await freePort();
  const host = `tcp://127.0.0.1:${port}`;
  const plainly = ["--config", "/dev/null", "-H"];
  expect((await refused(place, ...plainly, host)).said).toContain("or --insecure-loopback");
  const open = await refused(place, ...plainly, `tcp://0.0.0.0:${port}`, "--insecure-loopback");
  expect(open.said).toContain("wanted --tlsverify");
  const daemon = await place.start({ flags: ["-H", host, "--insecure-loopback"] });
  expect(daemon.said()).toContain(`warn ${host} is open to every user`);
  expect(await (await fetch(`http://127.0.0.1:${port}/_ping`)).text()).toBe("OK");
});

needing({ root: true, programs: ["openssl"] }).test(
  "over TLS only a client whose certificate is signed is served",
  async () => {
    await using place = makePlace();
    using good = makeCertificates();
    using stranger = makeCertificates();
    const port = await freePort();
    const files = ["--tlscacert", good.authority, "--tlscert", good.certificate, "--tlskey", good.key];
    await place.start({ flags: ["-H", `tcp://127.0.0.1:${port}`, "--tlsverify", ...files] });
    const get = (of?: typeof good) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      const mine = of ? { cert: readFileSync(of.certificate), key: readFileSync(of.key) } : {};
      const asked = request(
        { host: "127.0.0.1", port, path: "/_ping", ca: good.pem, agent: false, ...mine },
        (answer) => {
          answer.on("data", (bytes: Buffer) => resolve(bytes.toString()));
          answer.on("error", () => resolve("refused"));
        },
      );
      asked.on("error", () => resolve("refused"));
      asked.on("close", () => resolve("refused"));
      asked.end();
      return promise;
    };
    expect([await get(good), await get(), await get(stranger)]).toEqual(["OK", "refused", "refused"]);
  },
);

test("a lock that a killed daemon's child holds for a moment longer is waited for", async () => {
  await using place = makePlace();
  mkdirSync(place.root);
  const lock = join(place.root, "daemon.lock");
  // Whoever took it has ended; what it started still has the descriptor.
  const script = `exec 9>>"$1"; flock 9; sleep 0.4 & exit`;
  expect(
    await Bun.spawn(["sh", "-c", script, "sh", lock], { stdin: "ignore", stdout: "ignore" }).exited,
  ).toBe(0);
  await place.start();
  expect(await ping(place)).toBe("OK");
});
