/**
 * What asks a cloud and what stands for a device, beside both in the guest. The test bundles it into one file, which the executable runs as the Bun that it is.
 *
 * `api KUBECONFIG`: each line of /run/asked is a request of the Kubernetes API: [number, method, path, body]; each answer is a line: number, `ok` or `failed`, and the answer, or the error's text,
 * in base64.
 *
 * `mapper SOCKET`: a mapper of the protocol "weather", by the edge's socket. Its device has a target, which is printed as `wrote N` each time it is written, and a count, which is one more each time
 * it is read, and is printed as `read N`.
 */
import { createReadStream, openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { accessOf, Client } from "../../../bench/cloud/_client.ts";
import { runMapper } from "../../../src/mapper/run.ts";

const say = (text: string) => void process.stdout.write(`${text}\n`);

async function serveApi(kubeconfig: string): Promise<void> {
  using client = new Client(accessOf(readFileSync(kubeconfig, "utf8")), 4);
  const answer = async ([number, method, path, body]: [number, string, string, unknown]): Promise<string> => {
    const [word, said] = await client.send(method, path, body ?? undefined).then(
      (value) => ["ok", JSON.stringify(value)],
      (error: unknown) => ["failed", String(error)],
    );
    return `${number} ${word} ${Buffer.from(said ?? "").toString("base64")}`;
  };
  // For writing too: it never ends.
  const asked = openSync("/run/asked", "r+");
  say("ready");
  for await (const line of createInterface(createReadStream("", { fd: asked })))
    void answer(JSON.parse(line) as [number, string, string, unknown]).then(say);
}

async function serveDevice(dmi: string): Promise<void> {
  let [target, count] = ["0", 0];
  await runMapper(
    {
      protocol: "weather",
      version: "1",
      config: () => ({}),
      visitor: (data) => String(data["property"]),
      open: async () => ({
        read: async (property) => {
          if (property === "target") return target;
          say(`read ${++count}`);
          return count;
        },
        write: async (_, value) => {
          target = String(value);
          say(`wrote ${target}`);
        },
        [Symbol.asyncDispose]: async () => {},
      }),
    },
    { dmi, socket: "/run/mapper.sock", log: say, signal: new AbortController().signal },
  );
}

const [role, path = ""] = process.argv.slice(2);
await (role === "api" ? serveApi(path) : serveDevice(path));
