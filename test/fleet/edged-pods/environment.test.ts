import { expect, test } from "bun:test";
import { SampanError } from "../../../src/base/errors.ts";
import { environmentOf, expand, type EnvironmentSources } from "../../../src/fleet/edge/edged/environment.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import type { Container, EnvVar } from "../../../src/spec/kubernetes/pod.ts";
import { container, node, pod } from "./pods.ts";

const objects: Record<string, Record<string, string>> = {
  "configmap/settings": { A: "from the map", "bad=key": "x", url: "http://$(A)" },
  "secret/login": { password: Buffer.from("s3cret").toString("base64") },
};

function sources(more: Partial<EnvironmentSources> = {}): EnvironmentSources {
  return {
    meta: {
      async fetch({ namespace, type, name }) {
        if (name === "offline") throw new SampanError("unavailable", "the cloud cannot be asked");
        const data = objects[`${type}/${name}`];
        if (!data || namespace !== "shop") throw new SampanError("not_found", "there is none");
        return await Promise.resolve({ apiVersion: "v1", kind: type, metadata: { name }, data });
      },
    },
    node,
    podIps: ["10.1.0.5", "fd00::5"],
    signal: new AbortController().signal,
    ...more,
  };
}

const of = async (own: Partial<Container>, more: Partial<EnvironmentSources> = {}) =>
  await environmentOf(pod({}, { labels: { "a/b": "c" } }), container(own), sources(more));
const env = (...list: EnvVar[]) => of({ env: list });
const from = (name: string, valueFrom: EnvVar["valueFrom"]): EnvVar => ({
  name,
  ...(valueFrom && { valueFrom }),
});

// Each row is one of the documentation's rules for $(NAME).
test.each<[string, string]>([
  ["plain", "plain"],
  ["$(A)-$(B)", "1-2"],
  ["$$(A)", "$(A)"],
  ["$$$(A)", "$1"],
  ["$$$$(A)", "$$(A)"],
  ["$(NONE)", "$(NONE)"],
  ["$(A", "$(A"],
  ["$A ${A} $", "$A ${A} $"],
  ["$($(A))", "$($(A))"],
  ["$()", "$()"],
])("%s expands to %s", (text, wanted) => {
  expect(expand(text, (name) => ({ A: "1", B: "2" })[name])).toBe(wanted);
});

test("a variable sees those before it, not those after", async () => {
  const list = [
    { name: "A", value: "$(B)" },
    { name: "B", value: "2" },
    { name: "C", value: "$(A)/$(B)" },
  ];
  expect(await env(...list)).toEqual(["A=$(B)", "B=2", "C=$(B)/2"]);
});

test("env goes over envFrom, a later source over an earlier one, and values from a map are not expanded", async () => {
  const found = await of({
    envFrom: [{ configMapRef: { name: "settings" } }, { prefix: "P_", configMapRef: { name: "settings" } }],
    env: [
      { name: "A", value: "own" },
      { name: "SEES", value: "$(P_A)" },
    ],
  });
  expect(found).toEqual([
    "A=own",
    "url=http://$(A)",
    "P_A=from the map",
    "P_url=http://$(A)",
    "SEES=from the map",
  ]);
});

test("what cannot be a variable's name is left out and told", async () => {
  const told: string[] = [];
  await of({ envFrom: [{ configMapRef: { name: "settings" } }] }, { warn: (text) => told.push(text) });
  expect(told).toEqual(['keys "bad=key" are no names of variables and are left out']);
});

test("keys of maps and secrets, and those that may be missing", async () => {
  const found = await env(
    from("A", { configMapKeyRef: { name: "settings", key: "A" } }),
    from("B", { secretKeyRef: { name: "login", key: "password" } }),
    from("C", { secretKeyRef: { name: "none", key: "x", optional: true } }),
    from("D", { secretKeyRef: { name: "login", key: "x", optional: true } }),
    from("E", { configMapKeyRef: { name: "offline", key: "x", optional: true } }),
  );
  expect(found).toEqual(["A=from the map", "B=s3cret"]);
  expect(await of({ envFrom: [{ secretRef: { name: "none", optional: true } }] })).toEqual([]);
});

test.each<[EnvVar["valueFrom"], string, string]>([
  [{ configMapKeyRef: { name: "none", key: "a" } }, 'configmap "none" not found', "not_found"],
  [{ secretKeyRef: { name: "offline", key: "a" } }, 'secret "offline" not found', "unavailable"],
  [
    { secretKeyRef: { name: "login", key: "a" } },
    `couldn't find key "a" in secret "login"`,
    "failed_precondition",
  ],
  [{ configMapKeyRef: { name: "settings", key: "constructor" } }, "couldn't find key", "failed_precondition"],
  [{ fieldRef: { fieldPath: "status.phase" } }, "cannot use fieldPath", "failed_precondition"],
  [{ fieldRef: { fieldPath: "metadata.labels" } }, "cannot use fieldPath", "failed_precondition"],
  [{ fieldRef: { fieldPath: "constructor" } }, "cannot use fieldPath", "failed_precondition"],
  [{ resourceFieldRef: { resource: "limits.gpu" } }, "cannot use resource", "failed_precondition"],
  [
    { resourceFieldRef: { resource: "limits.cpu", containerName: "none" } },
    "no such container",
    "failed_precondition",
  ],
  [{}, "source that is not supported", "failed_precondition"],
])("%j is refused: %s", async (valueFrom, why, code) => {
  const failure = await env(from("A", valueFrom)).catch((error: unknown) => error);
  expect(failure).toMatchObject({ reason: "CreateContainerConfigError", code });
  expect(String(failure)).toContain(why);
});

test.each([
  ["metadata.name", "web"],
  ["metadata.namespace", "shop"],
  ["metadata.uid", "0d1e-1"],
  ["metadata.labels['a/b']", "c"],
  ["metadata.annotations['none']", ""],
  ["metadata.labels['constructor']", ""],
  ["spec.nodeName", "edge-1"],
  ["spec.serviceAccountName", "default"],
  ["status.hostIP", "192.0.2.7"],
  ["status.hostIPs", "192.0.2.7,2001:db8::7"],
  ["status.podIP", "10.1.0.5"],
  ["status.podIPs", "10.1.0.5,fd00::5"],
])("field %s is %p", async (fieldPath, wanted) => {
  expect(await env(from("F", { fieldRef: { fieldPath } }))).toEqual([`F=${wanted}`]);
});

test.each([
  ["requests.cpu", undefined, "1"],
  ["requests.cpu", "1m", "250"],
  ["limits.cpu", undefined, "2"],
  ["limits.cpu", "1m", "1500"],
  ["limits.memory", "1Mi", "64"],
  ["limits.memory", "1Gi", "1"],
  ["requests.memory", "0", "67108864"],
  ["limits.ephemeral-storage", undefined, "0"],
  ["requests.ephemeral-storage", undefined, "0"],
])("resource %s by %p is %s", async (resource, divisor, wanted) => {
  const resources = { requests: { cpu: "250m" }, limits: { cpu: "1500m", memory: "64Mi" } };
  const ref = { resource, ...(divisor !== undefined && { divisor }) };
  expect(await of({ resources, env: [from("R", { resourceFieldRef: ref })] })).toEqual([`R=${wanted}`]);
});

test("a limit that is not set is the node's", async () => {
  const list = [
    from("C", { resourceFieldRef: { resource: "limits.cpu" } }),
    from("M", { resourceFieldRef: { resource: "limits.memory", divisor: "1Gi" } }),
  ];
  expect(await env(...list)).toEqual(["C=4", "M=8"]);
});

const service = (namespace: string, name: string, spec: object): KubeObject => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace, name },
  spec,
});

test("services of the namespace are told as variables, under those of the container", async () => {
  const services = () => [
    service("shop", "redis-primary", { clusterIP: "10.0.0.11", ports: [{ port: 6379, name: "main-port" }] }),
    service("shop", "headless", { clusterIP: "None", ports: [{ port: 1 }] }),
    service("other", "x", { clusterIP: "10.0.0.12", ports: [{ port: 1 }] }),
  ];
  const found = await of(
    { env: [{ name: "REDIS_PRIMARY_SERVICE_PORT", value: "$(REDIS_PRIMARY_SERVICE_HOST)" }] },
    { services },
  );
  expect(found).toEqual([
    "REDIS_PRIMARY_SERVICE_HOST=10.0.0.11",
    "REDIS_PRIMARY_SERVICE_PORT=10.0.0.11",
    "REDIS_PRIMARY_SERVICE_PORT_MAIN_PORT=6379",
    "REDIS_PRIMARY_PORT=tcp://10.0.0.11:6379",
    "REDIS_PRIMARY_PORT_6379_TCP=tcp://10.0.0.11:6379",
    "REDIS_PRIMARY_PORT_6379_TCP_PROTO=tcp",
    "REDIS_PRIMARY_PORT_6379_TCP_PORT=6379",
    "REDIS_PRIMARY_PORT_6379_TCP_ADDR=10.0.0.11",
  ]);
  const quiet = pod({ enableServiceLinks: false });
  expect(await environmentOf(quiet, container(), sources({ services }))).toEqual([]);
});

test("an environment that no program could be given is refused", () => {
  expect(env({ name: "A", value: "x".repeat(1 << 20) })).rejects.toThrow("wanted at most");
  expect(env({ name: "A", value: "x\0" })).rejects.toThrow("NUL");
  expect(env({ name: "A=B", value: "x" })).rejects.toThrow("no name of one");
});
