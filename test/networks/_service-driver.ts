/** Services of a node in the namespace it is started in: each line of its input are the objects there are, each of its output says that they are in the kernel. */
import { createInterface } from "node:readline";
import { systemClock } from "../../src/base/clock.ts";
import { openServiceProxy } from "../../src/engine/networks/services.ts";
import { openServices } from "../../src/fleet/edge/services/open.ts";
import { namespaceDoor } from "../../src/runtime/native/namespaces.ts";
import type { KubeObject } from "../../src/spec/kubernetes/kube.ts";

const [address = "", resolvConf = ""] = process.argv.slice(2);
const store = new Map<string, KubeObject[]>();
const followers = new Set<() => void>();

const services = await openServices({
  node: "edge1",
  meta: {
    list: (type) => store.get(type) ?? [],
    follow: (_, handler) => {
      const call = () => handler({ key: { type: "service", name: "any" }, object: undefined });
      followers.add(call);
      return { [Symbol.dispose]: () => void followers.delete(call) };
    },
  },
  proxy: openServiceProxy({ door: namespaceDoor(), table: "sampan-services" }),
  subscriptions: { subscribe: () => ({ [Symbol.dispose]: () => {} }) },
  address,
  domain: "cluster.local",
  isOwn: (each) => each.startsWith("172.17."),
  resolvConf,
  clock: systemClock(),
  log: (text) => console.error(text),
});
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line) as Record<string, KubeObject[]>;
  for (const [type, objects] of Object.entries(said)) store.set(type, objects);
  for (const call of followers) call();
  await services.settled();
  console.log("done");
}
