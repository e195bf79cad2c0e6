/** The launcher as the keeper of a server's sockets: the server is killed, rests and leaves, and who is connected to it does not see that. */
import { describe, expect } from "bun:test";
import { closeSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { listenStream } from "../../src/kernel/sockets.ts";
import { until } from "../counterparts/_await.ts";
import { needing } from "../needs.ts";

function start(launcher: string) {
  const folder = mkdtempSync(join(tmpdir(), "sampan-keeper-"));
  const socket = join(folder, "socket");
  const listener = listenStream(socket, 16);
  const server = [process.execPath, join(import.meta.dir, "_kept-server.ts"), socket];
  const keeper = Bun.spawn([resolve(launcher), "keep", "3", ...server], {
    stdio: ["ignore", "ignore", "inherit", listener],
  });
  closeSync(listener);
  return {
    socket,
    keeper,
    [Symbol.asyncDispose]: async () => {
      keeper.kill("SIGKILL");
      await keeper.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The server's process id, by a connection. */
async function who(connection: Socket): Promise<number> {
  connection.write("who\n");
  return Number(await new Promise<Buffer>((answer) => connection.once("data", answer)));
}

function hasGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

describe.each(["build/launcher", "build/launcher-sanitized"])("%s", (launcher) => {
  const { test } = needing({ root: true, files: [launcher] });

  test("keeps connections for the next server when one was killed", async () => {
    await using place = start(launcher);
    const connections = [connect(place.socket), connect(place.socket)] as const;
    const [first, same] = [await who(connections[0]), await who(connections[1])];
    expect(same).toBe(first);
    process.kill(first, "SIGKILL");
    const second = await who(connections[0]);
    expect(second).not.toBe(first);
    expect(await who(connections[1])).toBe(second);
    connections[1].end();
    const third = connect(place.socket);
    expect(await who(third)).toBe(second);
    connections[0].write("leave\n");
    expect(await place.keeper.exited).toBe(0);
    expect(existsSync(place.socket)).toBe(false);
    for (const each of [connections[0], third]) each.destroy();
  }, 30_000);

  test("has no server while nobody asks, and one when somebody does, or when a process has ended", async () => {
    await using place = start(launcher);
    const connection = connect(place.socket);
    const first = await who(connection);
    connection.write("rest\n");
    await until("the server to go", () => hasGone(first) || undefined);
    const second = await who(connection);
    expect(second).not.toBe(first);
    const sleeper = Bun.spawn(["sleep", "1000"]);
    connection.write(`rest ${sleeper.pid}\n`);
    await until("the server to go", () => hasGone(second) || undefined);
    const children = () => Bun.file(`/proc/${place.keeper.pid}/task/${place.keeper.pid}/children`).text();
    expect((await children()).trim()).toBe("");
    sleeper.kill();
    await sleeper.exited;
    await until("a server", async () => (await children()).trim() !== "" || undefined);
    const later = connect(place.socket);
    expect(Number((await children()).trim())).toBe(await who(later));
    connection.write("leave\n");
    expect(await place.keeper.exited).toBe(0);
    for (const each of [connection, later]) each.destroy();
  }, 30_000);

  test("gives up a server that cannot be", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sampan-keeper-"));
    const listener = listenStream(join(folder, "socket"), 16);
    const keeper = Bun.spawn([resolve(launcher), "keep", "3", "/bin/false"], {
      stdio: ["ignore", "ignore", "inherit", listener],
    });
    closeSync(listener);
    expect(await keeper.exited).toBe(1);
    rmSync(folder, { recursive: true, force: true });
  }, 30_000);
});
