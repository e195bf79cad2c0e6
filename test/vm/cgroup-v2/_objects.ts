/** What the cloud of the bad cable is asked for. */
import { writingPod } from "../../fleet/survival/_pod.ts";
import { image, node } from "./_fleet.ts";

/** Writes down that it starts, and from then on how often it has gone round, and what its config map says. */
const program = `echo start >> /out/$POD.starts
trap 'exit 0' TERM
round=0
while :; do
  round=$((round + 1))
  echo "$round $(cat /config/value)" > /out/$POD.next && mv /out/$POD.next /out/$POD.now
  sleep 0.5 & wait
done`;

export const configMap = (value: number) => ({ metadata: { name: "config" }, data: { value: `${value}` } });

/** Of pods that write to /out/UID.starts and /out/UID.now. */
export const deployment = (replicas: number) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: {
    replicas,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: writingPod({ node, image, program, folder: "/out" }),
    },
  },
});

export const model = {
  apiVersion: "devices.kubeedge.io/v1beta1",
  kind: "DeviceModel",
  metadata: { name: "numbers" },
  spec: {
    protocol: "weather",
    properties: [
      { name: "count", type: "INT", accessMode: "ReadOnly" },
      { name: "target", type: "INT", accessMode: "ReadWrite" },
    ],
  },
} as const;

/** Its mapper is guest/fleet.ts. */
export const device = (target: number) => ({
  apiVersion: "devices.kubeedge.io/v1beta1",
  kind: "Device",
  metadata: { name: "machine" },
  spec: {
    deviceModelRef: { name: model.metadata.name },
    nodeName: node,
    protocol: { protocolName: "weather", configData: {} },
    properties: ["count", "target"].map((name) => ({
      name,
      ...(name === "target" ? { desired: { value: `${target}` } } : {}),
      collectCycle: 500,
      reportToCloud: true,
      visitors: { protocolName: "weather", configData: { property: name } },
    })),
  },
});
