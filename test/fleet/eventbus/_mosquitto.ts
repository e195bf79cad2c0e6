/** Debian's mosquitto with a configuration of its own on a free port, and its clients. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Mosquitto extends AsyncDisposable {
  readonly port: number;
  /** Ends it at once; `start` begins it again on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function run(config: string, port: number): Promise<Bun.Subprocess | undefined> {
  const child = Bun.spawn(["mosquitto", "-c", config], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  while (child.exitCode === null) {
    if (await answers(port)) return child;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return undefined;
}

export async function mosquitto(): Promise<Mosquitto> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-mosquitto-"));
  const config = join(folder, "mosquitto.conf");
  for (let attempt = 0; attempt < 10; attempt++) {
    const port = await freePort();
    writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
    let child = await run(config, port);
    // Another process may have taken the port since.
    if (!child) continue;
    const stop = async () => {
      child?.kill("SIGKILL");
      await child?.exited;
    };
    return {
      port,
      stop,
      async start() {
        child = await run(config, port);
        if (!child) throw new Error(`mosquitto does not begin again on port ${port}`);
      },
      async [Symbol.asyncDispose]() {
        await stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }
  rmSync(folder, { recursive: true, force: true });
  throw new Error("mosquitto did not begin on any of ten ports");
}

/** `mosquitto_pub`; throws with what it says. */
export async function publishWith(port: number, ...options: readonly string[]): Promise<void> {
  const child = Bun.spawn(["mosquitto_pub", "-h", "127.0.0.1", "-p", String(port), ...options], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`mosquitto_pub: ${said}`);
}

export interface Subscriber extends AsyncDisposable {
  /** The next line: topic and payload. */
  next(): Promise<string>;
}

/** `mosquitto_sub`, once its subscription is there. */
export async function subscribeWith(port: number, ...options: readonly string[]): Promise<Subscriber> {
  // Line by line: it says that it has subscribed into a buffer otherwise.
  const program = ["stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", String(port), "-v", "-d"];
  const child = Bun.spawn([...program, ...options], { stdout: "pipe", stderr: "ignore" });
  const lines = linesOf(child.stdout);
  const next = async (wanted: (line: string) => boolean) => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error("mosquitto_sub has ended");
      if (wanted(value)) return value;
    }
  };
  const isDebug = (line: string) => /^(?:Client |Subscribed )/.test(line);
  await next((line) => line.startsWith("Subscribed "));
  return {
    next: async () => await next((line) => !isDebug(line)),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  let left = "";
  for await (const bytes of stream) {
    const lines = (left + Buffer.from(bytes).toString()).split("\n");
    left = lines.pop() ?? "";
    yield* lines;
  }
}
