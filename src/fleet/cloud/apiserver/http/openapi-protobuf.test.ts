import { expect, test } from "bun:test";
import { wireFields } from "../protobuf/wire.ts";
import { encodeDocument } from "./openapi-protobuf.ts";

/** The bytes at a path of field numbers, of the first that is there. */
function at(bytes: Buffer, ...path: number[]): Buffer | bigint | undefined {
  const [first, ...rest] = path;
  const found = [...wireFields(bytes)].find(({ number }) => number === first)?.value;
  return rest.length === 0 || found === undefined || typeof found === "bigint" ? found : at(found, ...rest);
}

const document = encodeDocument({
  swagger: "2.0",
  info: { title: "t", version: "v1" },
  paths: {
    "/api/v1/pods/{name}": {
      patch: {
        operationId: "patchPod",
        parameters: [
          { name: "dryRun", in: "query", type: "string" },
          { name: "body", in: "body", schema: { $ref: "#/definitions/Pod" } },
        ],
        responses: { "200": { description: "OK", schema: { $ref: "#/definitions/Pod" } } },
        "x-kubernetes-group-version-kind": { group: "", version: "v1", kind: "Pod" },
      },
    },
  },
  definitions: {
    Pod: {
      type: "object",
      required: ["spec"],
      properties: { spec: { type: "array", items: { type: "string" } } },
      additionalProperties: { type: "integer", maximum: 1.5 },
      "x-kubernetes-patch-merge-key": "name",
    },
  },
});

test("a definition has its type, required fields, properties, items and extensions", () => {
  expect(String(at(document, 9, 1, 1))).toBe("Pod");
  const pod = at(document, 9, 1, 2) as Buffer;
  expect(String(at(pod, 22, 1))).toBe("object");
  expect(String(at(pod, 19))).toBe("spec");
  expect(String(at(pod, 25, 1, 1))).toBe("spec");
  expect(String(at(pod, 25, 1, 2, 23, 1, 22, 1))).toBe("string");
  expect((at(pod, 21, 1, 7) as Buffer).readDoubleLE()).toBe(1.5);
  expect(String(at(pod, 31, 1))).toBe("x-kubernetes-patch-merge-key");
  expect(String(at(pod, 31, 2, 2))).toBe('"name"');
});

test("a path has its verb with parameters and kind, as kubectl looks for dryRun there", () => {
  expect(String(at(document, 8, 2, 1))).toBe("/api/v1/pods/{name}");
  const patch = at(document, 8, 2, 2, 8) as Buffer;
  expect(String(at(patch, 5))).toBe("patchPod");
  const parameters = [...wireFields(patch)]
    .filter(({ number }) => number === 8)
    .map(({ value }) => value as Buffer);
  expect(String(at(parameters[0] as Buffer, 1, 2, 3, 4))).toBe("dryRun");
  expect(String(at(parameters[1] as Buffer, 1, 1, 5, 1))).toBe("#/definitions/Pod");
  expect(String(at(patch, 9, 1, 2, 1, 2, 1, 1))).toBe("#/definitions/Pod");
  expect(String(at(patch, 13, 2, 2))).toBe('{"group":"","version":"v1","kind":"Pod"}');
});
