// deadline: 200 s
/** Many pods of one Deployment on one edge, and none again. */
import { expect } from "bun:test";
import { needing } from "../../needs.ts";
import { image, needs, node, until, World } from "./_world.ts";
import { pods, type PodObject } from "./_load.ts";

const { test } = needing(needs);
const deployments = "/apis/apps/v1/namespaces/default/deployments";
const many = 20;

const deployment = {
  kind: "Deployment",
  apiVersion: "apps/v1",
  metadata: { name: "many" },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: "many" } },
    template: {
      metadata: { labels: { app: "many" } },
      spec: {
        nodeSelector: { "kubernetes.io/hostname": node },
        terminationGracePeriodSeconds: 1,
        automountServiceAccountToken: false,
        containers: [
          {
            name: "main",
            image,
            imagePullPolicy: "Never",
            command: ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"],
          },
        ],
      },
    },
  },
};

test("twenty pods and none again, seen to its end: in the API, in the engine and in the kernel", async () => {
  await using world = await World.open();
  await world.send("POST", deployments, deployment);
  const all = async () => ((await world.send("GET", pods)) as { items: readonly PodObject[] }).items;
  const scale = async (replicas: number) =>
    await until("the scale to be taken", async () => {
      const found = (await world.send("GET", `${deployments}/many`)) as typeof deployment;
      const wanted = { ...found, spec: { ...found.spec, replicas } };
      await world.send("PUT", `${deployments}/many`, wanted);
      return true;
    });
  await scale(many);
  const running = await until("all to be ready", async () => {
    const found = await all();
    const isUp = found.every(({ status }) => status?.containerStatuses?.every(({ ready }) => ready) === true);
    return found.length === many && isUp && found;
  });
  expect(new Set(running.map(({ metadata }) => metadata.uid)).size).toBe(many);
  await scale(0);
  await until("none to be in the API", async () => (await all()).length === 0);
  await until("none to be in the engine", async () => (await world.containers()).length === 0);
  expect(world.edge.said()).not.toContain("OutOf");
}, 170_000);
