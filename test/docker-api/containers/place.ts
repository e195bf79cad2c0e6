/** A daemon of the test's own with one image of busybox, and docker's command line and bare connections to ask it with. Containers have no network but their own loopback. */
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rmSync } from "node:fs";
import { makeArchive } from "../../counterparts/image.ts";
import { ask, makePlace } from "../../daemon/_daemon.ts";

export const needs = {
  root: true,
  programs: ["docker", "busybox", "tar"],
  files: ["build/launcher"],
} as const;

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly socket: string;
  readonly pid: number;
  /** docker's command line; `input` is its standard input. */
  docker(words: readonly string[], input?: string | Uint8Array): Promise<Ran>;
  /** The same, and it must go well: what it said. */
  out(...words: string[]): Promise<string>;
  /** It goes on; ended with the place. */
  spawn(...words: string[]): ReturnType<typeof spawned>;
  request(method: string, path: string, body?: unknown): Promise<Response>;
  dial(): Promise<Socket>;
  /** What the daemon has open, sockets of its listening aside. */
  descriptors(): number;
}

export async function openPlace(): Promise<Place> {
  await using stack = new AsyncDisposableStack();
  const daemonPlace = stack.use(makePlace());
  const folder = mkdtempSync(join(tmpdir(), "sampan-docker-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(daemonPlace.config, "[network]\nfirewall = false\n\n[network.bridge]\nenabled = false\n");
  const daemon = await daemonPlace.start();
  const { socket } = daemonPlace;
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    DOCKER_CONFIG: join(folder, "client"),
    DOCKER_HOST: `unix://${socket}`,
  };
  mkdirSync(join(folder, "client"));
  const children: ReturnType<typeof spawned>[] = [];
  stack.defer(async () => {
    for (const child of children) {
      child.kill("SIGKILL");
      await child.exited;
    }
  });
  const docker = async (words: readonly string[], input?: string | Uint8Array): Promise<Ran> => {
    const child = Bun.spawn(["docker", ...words], {
      env,
      stdin: input === undefined ? "ignore" : new Blob([input as Uint8Array<ArrayBuffer>]),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { status, out, err };
  };
  const out = async (...words: string[]) => {
    const ran = await docker(words);
    if (ran.status !== 0) throw new Error(`docker ${words.join(" ")}: ${ran.status}: ${ran.err}`);
    return ran.out.trim();
  };
  await out("import", await makeArchive(folder), "busy");
  const all = stack.move();
  return {
    folder,
    socket,
    pid: daemon.pid,
    docker,
    out,
    spawn: (...words) => {
      const child = spawned(words, env);
      children.push(child);
      return child;
    },
    request: (method, path, body) =>
      ask(daemonPlace, path, {
        method,
        ...(body === undefined
          ? {}
          : body instanceof Uint8Array
            ? { body: body as Uint8Array<ArrayBuffer> }
            : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
      }),
    dial: async () => {
      const peer = connect({ path: socket, allowHalfOpen: true });
      await once(peer, "connect");
      return peer;
    },
    descriptors: () => readdirSync(`/proc/${daemon.pid}/fd`).filter((fd) => isOpen(daemon.pid, fd)).length,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function isOpen(pid: number, fd: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`) !== "";
  } catch {
    return false;
  }
}

function spawned(words: readonly string[], env: Record<string, string>) {
  return Bun.spawn(["docker", ...words], { env, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
}

/** All that comes from a connection until the other side ends. */
export async function readAll(peer: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of peer) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** What stands behind the head of an answer. */
export function behindHead(answer: Buffer): { head: string; rest: Buffer } {
  const end = answer.indexOf("\r\n\r\n");
  return { head: answer.toString("latin1", 0, end), rest: answer.subarray(end + 4) };
}

/** Docker's frames: each stream's text. */
export function unframe(bytes: Buffer): { out: string; err: string } {
  const texts = { 1: "", 2: "" };
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4);
    texts[bytes[at] === 2 ? 2 : 1] += bytes.toString("utf8", at + 8, at + 8 + length);
    at += 8 + length;
  }
  return { out: texts[1], err: texts[2] };
}

/** Resolves when the text of a stream so far holds the words; with `then`, does that and reads on to the end. */
export async function says(
  stream: ReadableStream<Uint8Array>,
  words: string,
  then?: () => void,
): Promise<string> {
  let text = "";
  let found = false;
  for await (const piece of stream) {
    text += Buffer.from(piece).toString();
    if (found || !text.includes(words)) continue;
    found = true;
    if (!then) return text;
    then();
  }
  if (found) return text;
  throw new Error(`it ended without "${words}": ${text}`);
}
