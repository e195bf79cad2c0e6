/** A broker of Debian's on a free port of loopback. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../fleet/until.ts";
import { freePort } from "../registry/port.ts";

export interface Broker extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Ends it at once; `start` begins it again on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

async function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
  const found = await promise;
  socket.destroy();
  return found;
}

/** Undefined when it has ended: another process may have taken the port since, and answers in its place. */
async function run(config: string, port: number): Promise<Bun.Subprocess | undefined> {
  const child = Bun.spawn(["mosquitto", "-c", config], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  await until(async () => child.exitCode !== null || (await answers(port)));
  return child.exitCode === null ? child : undefined;
}

const preset = ["allow_anonymous true", "persistence false"] as const;

/** `config`: further lines of mosquitto.conf. Resolves when it answers. */
export async function mosquitto(config: readonly string[] = preset): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-mosquitto-"));
  const path = join(folder, "mosquitto.conf");
  for (let attempt = 0; attempt < 10; attempt++) {
    const port = await freePort();
    writeFileSync(path, [`listener ${port} 127.0.0.1`, "user root", ...config, ""].join("\n"));
    let child = await run(path, port);
    if (!child) continue;
    const stop = async () => {
      child?.kill("SIGKILL");
      await child?.exited;
    };
    return {
      port,
      url: `mqtt://127.0.0.1:${port}`,
      stop,
      async start() {
        child = await run(path, port);
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
