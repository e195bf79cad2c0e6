import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { CreateSandboxRequestSchema } from "../../wire/containerd/sandbox_pb.ts";
import { type Sandbox, sandboxServices } from "./sandbox-service.ts";

test("a sandbox lies in a bundle that is there, and nowhere else", async () => {
  const sandboxes = new Map<string, Sandbox>();
  const services = sandboxServices({ sandboxes, shutdown: () => undefined });
  const make = services["containerd.runtime.sandbox.v1.Sandbox"]?.["CreateSandbox"];
  if (!make) throw new TypeError("no such method");
  const bundle = mkdtempSync(join(tmpdir(), "sampan-sandbox-"));
  const codeOf = async (bundlePath: string) => {
    const request = create(CreateSandboxRequestSchema, { sandboxId: "one", bundlePath });
    try {
      await make(toBinary(CreateSandboxRequestSchema, request), new AbortController().signal);
      return "made";
    } catch (error) {
      return SampanError.from(error).code;
    }
  };
  try {
    for (const wrong of ["", "src", `${bundle}/none`, "/proc/self/status"])
      expect(await codeOf(wrong)).toBe("invalid_argument");
    expect(sandboxes.size).toBe(0);
    expect(readdirSync(bundle)).toEqual([]);
    expect(await codeOf(bundle)).toBe("made");
  } finally {
    rmSync(bundle, { recursive: true });
  }
});
