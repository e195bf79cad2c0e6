import { expect, test } from "bun:test";
import { definitions } from "../types/definitions.ts";
import { decodeProtobuf } from "./decode.ts";

const decode = (base64: string) => decodeProtobuf(Buffer.from(base64, "base64"), definitions);

/** Bodies that kubectl 1.33 sent. */
const sent = {
  deployment:
    "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErQBCh0KAmQ5EgAaACIAKgAyADgAQgBaCQoDYXBwEgJkORKEAQgAEgsKCQoDYXBwEgJkORprChsKABIAGgAiACoAMgA4AEIAWgkKA2FwcBICZDkSTBIuCgVuZ2lueBIFbmdpbngqADIKCgAQABhQIgAqAEIAagByAIABAIgBAJABAKIBABoAMgBCAEoAUgBYAGAAaACCAQCKAQCaAQDCAQAiAgoAKAA4ABoMCAAQABgAIAAoADgAGgAiAA==",
  secret: "azhzAAoMCgJ2MRIGU2VjcmV0Eh4KEgoCczkSABoAIgAqADIAOABCABIGCgFhEgFiGgAaACIA",
  service:
    "azhzAAoNCgJ2MRIHU2VydmljZRJpCh0KAnM5EgAaACIAKgAyADgAQgBaCQoDYXBwEgJzORJECh4KBzgwLWh0dHASA1RDUBhQIgoIARAAGgRodHRwKAASCQoDYXBwEgJzORoAIglDbHVzdGVySVA6AEIAUgBaAGAAaAAaAgoAGgAiAA==",
  review:
    "azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSOQoQCgASABoAIgAqADIAOABCABIbChkKAXgSA2dldBoAIgAqBHBvZHMyADoDbG9nGggIABIAGgAgABoAIgA=",
} as const;

test("a deployment of kubectl: a zero that was given stays, what was left out is left out", () => {
  expect(decode(sent.deployment)).toMatchObject({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "d9", labels: { app: "d9" } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: "d9" } },
      strategy: {},
      template: {
        metadata: { labels: { app: "d9" } },
        spec: {
          containers: [{ name: "nginx", image: "nginx", ports: [{ containerPort: 80 }], resources: {} }],
        },
      },
    },
  });
  const { metadata, spec } = decode(sent.deployment) as { metadata: object; spec: object };
  expect(metadata).not.toHaveProperty("generateName");
  expect(metadata).not.toHaveProperty("creationTimestamp");
  expect(spec).not.toHaveProperty("paused");
});

test("a secret's bytes are base64, and a service's port by name a text", () => {
  expect(decode(sent.secret)).toEqual({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s9" },
    data: { a: "Yg==" },
  });
  expect(decode(sent.service)).toMatchObject({
    spec: {
      ports: [{ name: "80-http", protocol: "TCP", port: 80, targetPort: "http" }],
      selector: { app: "s9" },
    },
  });
});

test("a question about access has what it asks", () => {
  expect(decode(sent.review)).toMatchObject({
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: { namespace: "x", verb: "get", resource: "pods", name: "log" } },
  });
});

function field(number: number, value: number | string | Buffer): Buffer {
  if (typeof value === "number") return Buffer.concat([Buffer.from([number << 3]), varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

function request(apiVersion: string, kind: string, ...fields: Buffer[]): Buffer {
  const type = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([Buffer.from("k8s\0"), field(1, type), field(2, Buffer.concat(fields))]);
}

test("times have seconds, a lease's microseconds; negative numbers are negative", () => {
  const time = Buffer.concat([field(1, 1_700_000_000), field(2, 5_000)]);
  const lease = request(
    "coordination.k8s.io/v1",
    "Lease",
    field(1, Buffer.concat([field(1, "n"), field(8, time)])),
    field(2, Buffer.concat([field(2, -1), field(4, time)])),
  );
  expect(decodeProtobuf(lease, definitions)).toEqual({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "n", creationTimestamp: "2023-11-14T22:13:20Z" },
    spec: { leaseDurationSeconds: -1, renewTime: "2023-11-14T22:13:20.000005Z" },
  });
});

test("what a volume is stands beside its name; quantities are texts", () => {
  const empty = Buffer.concat([field(1, "Memory"), field(2, field(1, "64Mi"))]);
  const volume = Buffer.concat([field(1, "v"), field(2, field(2, empty))]);
  const pod = request("v1", "Pod", field(2, field(1, volume)));
  expect(decodeProtobuf(pod, definitions)).toMatchObject({
    spec: { volumes: [{ name: "v", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } }] },
  });
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["other bytes", Buffer.from('{"kind":"Pod"}')],
  ["a cut message", Buffer.from(sent.deployment, "base64").subarray(0, 100)],
  [
    "a length beyond the end",
    Buffer.concat([Buffer.from("k8s\0"), Buffer.from([0x12, 0xff, 0xff, 0xff, 0x7f])]),
  ],
  ["a number without an end", Buffer.concat([Buffer.from("k8s\0"), Buffer.alloc(16, 0xff)])],
])("%s is refused", (_what, bytes) => {
  expect(() => decodeProtobuf(bytes, definitions)).toThrow(/protobuf/);
});
