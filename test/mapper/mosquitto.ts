/** A broker of Debian's on a free port of loopback. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
  const port = await freePort();
  const path = join(folder, "mosquitto.conf");
  writeFileSync(path, [`listener ${port} 127.0.0.1`, "user root", ...config, ""].join("\n"));
  const child = Bun.spawn(["mosquitto", "-c", path], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  while (child.exitCode === null && !(await answers(port))) await Bun.sleep(10);
  if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`);
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
