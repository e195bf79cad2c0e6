import { expect, test } from "bun:test";
import { create, fromBinary, fromJsonString, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { BootstrapParamsSchema, BootstrapResultSchema } from "../../wire/containerd/bootstrap_pb.ts";
import { OptionsSchema } from "../../wire/containerd/runc_pb.ts";
import { packed } from "./any.ts";
import { answer, parseInput } from "./bootstrap.ts";
import { parseShimFlags } from "./flags.ts";
import { checkOptions } from "./options.ts";
import { socketPath } from "./socket.ts";
import { groupOf } from "./start.ts";

const flags = { id: "c1", namespace: "n1" } as const;
const options = packed(OptionsSchema, { shimCgroup: "/shims" });

test("flags are read as Go writes them", () => {
  const words = ["-namespace", "n", "--address=/a", "-id", "c", "-debug", "-bundle", "/b", "delete"];
  expect(parseShimFlags(words)).toMatchObject({
    namespace: "n",
    address: "/a",
    id: "c",
    bundle: "/b",
    debug: true,
    action: "delete",
  });
  expect(() => parseShimFlags(["-nothing"])).toThrow("-nothing");
  expect(() => parseShimFlags(["-id"])).toThrow("wants a value");
});

test("each containerd is answered in the form that it reads", () => {
  expect(parseInput(new Uint8Array(0), flags, undefined)).toEqual({ form: "text", shimCgroup: "" });
  expect(answer("text", "unix:///s")).toBe("unix:///s");
  const any = toBinary(AnySchema, create(AnySchema, options));
  expect(parseInput(any, flags, undefined)).toEqual({ form: "text", shimCgroup: "/shims" });
  expect(parseInput(any, flags, "2")).toEqual({ form: "json", shimCgroup: "/shims" });
  expect(JSON.parse(String(answer("json", "unix:///s")))).toEqual({
    version: 2,
    address: "unix:///s",
    protocol: "ttrpc",
  });
  const params = toBinary(
    BootstrapParamsSchema,
    create(BootstrapParamsSchema, {
      instanceId: "c1",
      namespace: "n1",
      socketDir: "/run/x",
      extensions: [{ value: create(AnySchema, options) }],
    }),
  );
  const newest = parseInput(params, flags, "2");
  expect(newest).toEqual({ form: "result", shimCgroup: "/shims", socketFolder: "/run/x" });
  const result = fromBinary(BootstrapResultSchema, answer("result", "unix:///s") as Uint8Array);
  expect(result).toMatchObject({ version: 3, address: "unix:///s", protocol: "ttrpc" });
});

test("parameters may be JSON, and are answered so", () => {
  const json = new TextEncoder().encode('{"instanceId":"c1","namespace":"n1","newer":1}');
  expect(parseInput(json, flags, "2").form).toBe("json result");
  const result = fromJsonString(BootstrapResultSchema, String(answer("json result", "unix:///s")));
  expect(result.version).toBe(3);
  expect(() => parseInput(new TextEncoder().encode("{"), flags)).toThrow("standard input");
  const other = new TextEncoder().encode('{"instance_id":"c2","namespace":"n1"}');
  expect(() => parseInput(other, flags)).toThrow('"c2"');
});

test("containers of a pod have one shim, all others of a namespace another", () => {
  expect(groupOf("{}")).toBe("");
  const both = { "io.kubernetes.cri.sandbox-id": "pod", "io.containerd.runc.v2.group": "group" };
  expect(groupOf(JSON.stringify({ annotations: both }))).toBe("group");
  expect(groupOf('{"annotations":{"io.kubernetes.cri.sandbox-id":"pod"}}')).toBe("pod");
  const at = (address: string, namespace: string, group: string) => socketPath({ address, namespace, group });
  const paths = [at("/a", "n", ""), at("/b", "n", ""), at("/a", "m", ""), at("/a", "n", "g")];
  expect(new Set(paths).size).toBe(4);
  expect(at("/a", "n", "")).toBe(at("/a", "n", ""));
  expect(Math.max(...paths.map((path) => path.length))).toBeLessThan(100);
});

test("options that would make another container are refused by name", () => {
  const asked = (value: object) => create(AnySchema, packed(OptionsSchema, value));
  expect(() => checkOptions(asked({ systemdCgroup: true }))).toThrow("systemd_cgroup");
  expect(() => checkOptions(asked({ binaryName: "crun" }))).toThrow("binary_name");
  expect(() => checkOptions(asked({ shimCgroup: "/x" }))).not.toThrow();
  expect(() => checkOptions(create(AnySchema, { typeUrl: "another.Options" }))).not.toThrow();
});
