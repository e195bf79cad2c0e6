/** The two stores of an edge under what the cloud and devices say; on its output what was accepted. `bun _store-writer.ts FOLDER`, recorded for a power cut. */
import { openMeta } from "../../../src/fleet/edge/meta/open.ts";
import { openTwins } from "../../../src/fleet/edge/twin/open.ts";
import { message } from "../../../src/fleet/link/envelope.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { handClock } from "../hand-clock.ts";
import { fakeLink } from "../edge/fake-link.ts";
import { device, FakeBus } from "../twin/_world.ts";

const [root = ""] = process.argv.slice(2);
const link = fakeLink();
const base = { root, link, clock: handClock(), log: (text: string) => console.error(text) };
const { signal } = new AbortController();
const say = (words: string) => process.stdout.write(`${words}\n`);

const meta = await openMeta({ ...base, signal });
const twins = await openTwins({ ...base, node: "edge1", meta, signal }, new FakeBus());
say("open 0");

async function told(object: KubeObject, version: number): Promise<void> {
  const { name, namespace } = object.metadata;
  const metadata = { ...object.metadata, resourceVersion: String(version) };
  const resource = `${namespace}/${object.kind.toLowerCase()}/${name}`;
  const route = { source: "edgecontroller", group: "resource", operation: "update", resource };
  await link.say("meta", message(route, { ...object, metadata }));
}

const head = (kind: string, name: string) => ({
  apiVersion: "v1",
  kind,
  metadata: { name, namespace: "default", uid: name },
});
await told(device("d1"), 1);
for (let version = 1; version <= 3; version++) {
  await told({ ...head("Pod", "web"), spec: { nodeName: "edge1", containers: [] } }, version);
  say(`pod ${version}`);
  const data = { value: Buffer.from(`hidden ${version}`).toString("base64") };
  await told({ ...head("Secret", "secret"), data }, version);
  say(`secret ${version}`);
  const actual = String(version);
  await twins.report({ namespace: "default", name: "d1" }, [
    { name: "a", actual },
    { name: "b", actual },
  ]);
  say(`twin ${version}`);
}
process.exit(0);
