/** Kubernetes' own client library for Node follows objects of ours, over a certificate, and comes back after the server was away. */
import { expect } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { needing } from "../../needs.ts";
import { openCluster, type Cluster } from "./_server.ts";

const { test } = needing({ programs: ["node"] });
const configmaps = { group: "", version: "v1", resource: "configmaps" };

/** The program of `_informer.ts` for Node, in a folder from which the npm packages are found. */
async function program(): Promise<{ path: string } & Disposable> {
  const source = await Bun.file(join(import.meta.dir, "_informer.ts")).text();
  const folder = resolve(import.meta.dir, "../../../build/clients");
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${process.pid}-informer.mjs`);
  writeFileSync(path, new Bun.Transpiler({ loader: "ts", target: "node" }).transformSync(source));
  return { path, [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

/** Lines of a stream: waits for one after those that were waited for before. */
function reader(stream: ReadableStream<Uint8Array>) {
  const iterator = stream.pipeThrough(new TextDecoderStream() as never)[Symbol.asyncIterator]();
  const seen: string[] = [];
  let next = 0;
  let rest = "";
  const until = async (wanted: string): Promise<void> => {
    while (!seen.includes(wanted, next)) {
      const { value, done } = (await iterator.next()) as { value: string; done: boolean };
      if (done) throw new Error(`the informer ended before it said "${wanted}":\n${seen.join("\n")}`);
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      seen.push(...lines);
    }
    next = seen.indexOf(wanted, next) + 1;
  };
  return { until, seen };
}

const object = (name: string, data: Record<string, string>) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data,
});

async function session(cluster: Cluster, until: (line: string) => Promise<void>): Promise<void> {
  const { client } = cluster.server;
  await until('add before {"a":"1"}');
  await client.create(configmaps, object("made", { a: "1" }));
  await until('add made {"a":"1"}');
  await client.update(configmaps, object("made", { a: "2" }));
  await until('update made {"a":"2"}');
  await client.delete(configmaps, { namespace: "default", name: "made" });
  await until('delete made {"a":"2"}');
  await cluster.restart();
  await cluster.server.client.create(configmaps, object("after", { a: "3" }));
  await until('add after {"a":"3"}');
  await cluster.server.client.delete(configmaps, { namespace: "default", name: "before" });
  await until('delete before {"a":"1"}');
}

test("an informer sees what is added, changed and deleted, also after the server was started again", async () => {
  await using cluster = await openCluster({ controllers: false });
  using script = await program();
  await cluster.server.client.create(configmaps, object("before", { a: "1" }));
  const child = Bun.spawn(["node", script.path, cluster.kubeconfig], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    timeout: 55_000,
  });
  try {
    const { until, seen } = reader(child.stdout);
    await session(cluster, until);
    expect(seen.filter((line) => line === 'add before {"a":"1"}')).toHaveLength(1);
  } finally {
    await child.stdin.end();
    child.kill();
    await child.exited;
  }
});
