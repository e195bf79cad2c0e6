/** Our daemon in a network namespace of its own with one image, busybox, and a client program that is pointed at it. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makePlace, type Daemon, type Place } from "../daemon/_daemon.ts";
import { busyboxArchive } from "./_image.ts";

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Working folder. */
  readonly cwd?: string;
  readonly timeout?: number;
}

export interface World extends AsyncDisposable {
  readonly place: Place;
  readonly daemon: () => Daemon;
  readonly host: string;
  readonly namespace: string;
  /** A program in the daemon's network namespace, with DOCKER_HOST set. */
  readonly run: (command: readonly string[], options?: RunOptions) => Promise<Ran>;
  /** As run, and its output without the last newline. Rejects when its status is not 0. */
  readonly out: (command: readonly string[], options?: RunOptions) => Promise<string>;
  /** Ends the daemon with a signal and starts another one; `between` is called when there is none. */
  readonly restart: (signal: NodeJS.Signals, between?: () => void) => Promise<void>;
}

export const imageName = "busybox:test";

export async function makeWorld(flags: readonly string[] = []): Promise<World> {
  const namespace = `sampan-${randomBytes(4).toString("hex")}`;
  await using undo = new AsyncDisposableStack();
  command(["ip", "netns", "add", namespace]);
  undo.defer(() => command(["ip", "netns", "delete", namespace]));
  command(["ip", "-n", namespace, "link", "set", "lo", "up"]);
  const place = undo.use(makePlace(namespace));
  let daemon = await place.start({ flags });
  const host = `unix://${place.socket}`;
  const run = async (
    line: readonly string[],
    { input, env = {}, cwd, timeout = 60_000 }: RunOptions = {},
  ) => {
    const child = Bun.spawn(["nsenter", `--net=/run/netns/${namespace}`, ...line], {
      cwd: cwd ?? place.folder,
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: place.folder,
        DOCKER_CONFIG: join(place.folder, "docker"),
        DOCKER_HOST: host,
        ...env,
      },
      stdin: input === undefined ? "ignore" : Buffer.from(input),
      stdout: "pipe",
      stderr: "pipe",
      timeout,
    });
    const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { status, out, err };
  };
  const world: World = {
    place,
    daemon: () => daemon,
    host,
    namespace,
    run,
    out: async (line, options) => {
      const { status, out, err } = await run(line, options);
      if (status !== 0)
        throw new Error(`${line.join(" ")} ended with ${status}: ${err}${out}\n${daemon.said()}`);
      return out.replace(/\n$/, "");
    },
    restart: async (signal, between) => {
      daemon.signal(signal);
      await daemon.exited;
      between?.();
      daemon = await place.start({ flags });
    },
    [Symbol.asyncDispose]: async () => {
      await removeContainers(place);
      await opened.disposeAsync();
    },
  };
  await loadImage(place);
  const opened = undo.move();
  return world;
}

async function loadImage(place: Place): Promise<void> {
  const archive = join(place.folder, "busybox.tar");
  writeFileSync(archive, await busyboxArchive(imageName));
  const answer = await fetch("http://daemon/images/load", {
    method: "POST",
    unix: place.socket,
    body: readFileSync(archive),
    headers: { "content-type": "application/x-tar" },
  });
  const text = await answer.text();
  if (!answer.ok || !text.includes(imageName))
    throw new Error(`the image was not loaded: ${answer.status} ${text}`);
}

/** While the daemon answers, it takes them away itself; what it leaves the place finds. */
async function removeContainers({ socket }: Place): Promise<void> {
  try {
    const list = await fetch("http://daemon/containers/json?all=1", { unix: socket });
    const all = (await list.json()) as readonly { readonly Id: string }[];
    for (const { Id } of all)
      await fetch(`http://daemon/containers/${Id}?force=1&v=1`, { method: "DELETE", unix: socket });
  } catch {
    // It is gone.
  }
}

function command(line: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...line], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  if (exitCode !== 0) throw new Error(`${line.join(" ")}: ${stderr.toString()}`);
}
