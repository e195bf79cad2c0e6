/**
 * A way into a network namespace: `bun _door.ts NAMESPACE PORT…` listens here on 127.0.0.1, on one port for each of those of the namespace, and prints its own.
 * It listens before it goes there: a socket stays in the namespace where it was made.
 */
import { closeSync, openSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { openLibc } from "../../../src/kernel/libc.ts";

const { setns } = openLibc({ setns: { args: ["i32", "i32"], returns: "i32" } } as const);
const [, , namespace = "", ...ports] = process.argv;

async function listen(port: number): Promise<number> {
  const server = createServer((near) => {
    const far = connect({ host: "127.0.0.1", port });
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

function pass(from: Socket, to: Socket): void {
  from.on("error", () => to.destroy()).once("close", () => to.destroy());
  from.on("data", (data) => to.write(data)).once("end", () => to.end());
}

const own = await Promise.all(ports.map((port) => listen(Number(port))));
const fd = openSync(`/run/netns/${namespace}`, "r");
if (setns(fd, 0) !== 0) throw new Error(`cannot enter "${namespace}"`);
closeSync(fd);
process.stdout.write(`${own.join(" ")}\n`);
// Ends with who started it.
for await (const _ of Bun.stdin.stream());
process.exit(0);
