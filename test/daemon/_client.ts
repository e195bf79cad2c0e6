/** A command of its own, as the command line opens its engine: `_client.ts ROOT|- VERB [NAME]`, one JSON line. */
import { openLocalClient } from "../../src/bin/local-client.ts";

const [root = "-", verb = "", name = ""] = process.argv.slice(2);
const said: string[] = [];
const place = { root: root === "-" ? undefined : root, config: undefined, env: process.env };
const client = await openLocalClient(place, { say: (line) => said.push(line) });

async function answer(): Promise<unknown> {
  if (verb === "load")
    return client.load(Bun.file(name).stream() as unknown as AsyncIterable<Uint8Array>, {});
  if (verb === "start") {
    const Cmd = ["sh", "-c", "echo up; trap 'exit 6' TERM; while :; do sleep 0.02; done"];
    const { Id } = await client.createContainer(
      { Image: "busybox:test", Cmd, HostConfig: { NetworkMode: "none" } },
      { name },
    );
    await client.startContainer(Id);
    return Id;
  }
  if (verb === "stop") return client.stopContainer(name, { timeout: 5 });
  if (verb === "remove") return client.removeContainer(name, { force: true, volumes: true });
  if (verb === "state") return (await client.inspectContainer(name)).State;
  return (await client.info()).ServerVersion;
}

const result = await answer();
await client[Symbol.asyncDispose]();
process.stdout.write(`${JSON.stringify({ host: client.host, said, result })}\n`);
// As the program does: what is left in the background is not waited for.
process.exit(0);
