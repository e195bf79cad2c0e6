/** The session against Sampan's own daemon, in a network namespace of its own. */
// deadline: 240 s
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unmount } from "../../src/kernel/mounts.ts";
import { killLeft } from "../containers/survivors.ts";
import { makeArchive } from "../counterparts/image.ts";
import { mountsBelow } from "../snapshots/place.ts";
import { type Host, openSession, Told } from "./host.ts";
import { sessionSuite } from "./session.suite.ts";

async function ip(...words: string[]): Promise<void> {
  const child = Bun.spawn(["ip", ...words], { stdout: "ignore", stderr: "pipe" });
  if ((await child.exited) !== 0) throw new Error(await child.stderr.text());
}

async function open(): Promise<Host> {
  await using undo = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "sampan-own-"));
  undo.defer(() => rmSync(folder, { recursive: true, force: true }));
  const namespace = `session-${process.pid}`;
  await ip("netns", "add", namespace);
  undo.defer(() => ip("netns", "del", namespace));
  await ip("-n", namespace, "link", "set", "lo", "up");
  undo.defer(() => {
    killLeft(join(folder, "data"));
    for (const mount of mountsBelow(folder).toReversed()) unmount(mount);
  });
  await Bun.write(join(folder, "config.toml"), "");
  const places = ["--data-root", "data", "--run-root", "run", "--config", "config.toml"];
  const program = join(import.meta.dir, "../../src/bin/sampan.ts");
  const daemon = Bun.spawn(
    [
      "nsenter",
      `--net=/run/netns/${namespace}`,
      process.execPath,
      program,
      "daemon",
      ...places.map((word) => (word.startsWith("--") ? word : join(folder, word))),
    ],
    {
      env: { PATH: process.env["PATH"] ?? "", HOME: folder },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    },
  );
  undo.defer(async () => {
    daemon.kill("SIGTERM");
    await daemon.exited;
  });
  const said = new Told(daemon.stderr);
  await said.until(" info ready ");
  // What it says later must not fill its pipe.
  void said.whole();
  const host = `unix://${join(folder, "run/sampan.sock")}`;
  using session = openSession({ host });
  await session.out("import", "-c", "ENV PATH=/bin", await makeArchive(folder), "box");
  undo.defer(async () => {
    using last = openSession({ host });
    const ids = (await last.out("ps", "-aq")).split("\n").filter((id) => id !== "");
    if (ids.length > 0) await last.out("rm", "-f", ...ids);
  });
  const all = undo.move();
  return { host, image: "box", networks: true, ours: true, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

sessionSuite("sampan", {
  needs: { root: true, programs: ["ip", "nsenter", "nft", "busybox"], files: ["build/launcher"] },
  open,
});
