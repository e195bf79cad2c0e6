/** A broker of Debian's on a free port of loopback. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../fleet/until.ts";

export interface Broker extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}

async function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1", () => resolve(true)).once("error", () => resolve(false));
  const found = await promise;
  socket.destroy();
  return found;
}

/** `config`: further lines of mosquitto.conf. Resolves when it answers. */
export async function mosquitto(config: readonly string[] = ["allow_anonymous true"]): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-mosquitto-"));
  const path = join(folder, "mosquitto.conf");
  for (let attempt = 0; attempt < 10; attempt++) {
    const port = await freePort();
    writeFileSync(path, [`listener ${port} 127.0.0.1`, "user root", ...config, ""].join("\n"));
    const child = Bun.spawn(["mosquitto", "-c", path], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    await until(async () => child.exitCode !== null || (await answers(port)));
    // Another process may have taken the port since, and answers in its place.
    if (child.exitCode !== null) continue;
    return {
      port,
      url: `mqtt://127.0.0.1:${port}`,
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await child.exited;
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }
  rmSync(folder, { recursive: true, force: true });
  throw new Error("mosquitto did not begin on any of ten ports");
}
