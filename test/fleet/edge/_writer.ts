/** Writes pods as the cloud sends them, for ever, and says each that was acknowledged. Killed at any moment by the test. */
import { openMeta } from "../../../src/fleet/edge/meta/open.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { message } from "../../../src/fleet/link/envelope.ts";
import { fakeLink } from "./fake-link.ts";

const [root = ""] = process.argv.slice(2);
const link = fakeLink();
const { signal } = new AbortController();
await openMeta({ root, link, clock: systemClock(), log: (text) => console.error(text), signal });
for (let version = 1; ; version++) {
  const name = `pod-${version % 7}`;
  const metadata = { name, namespace: "default", uid: name, resourceVersion: `${version}` };
  const object = {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { nodeName: "edge1" },
    filling: "x".repeat(version % 20_000),
  };
  const route = {
    source: "edgecontroller",
    group: "resource",
    operation: "update",
    resource: `default/pod/${name}`,
  };
  await link.say("meta", message(route, object));
  process.stdout.write(`${version}\n`);
}
