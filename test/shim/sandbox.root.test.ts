/** The shim as newer containerds speak to it, by our own client: bootstrap by protobuf, sandboxes, tasks of version 3. */
import { afterEach, expect } from "bun:test";
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BootstrapParamsSchema, BootstrapResultSchema } from "../../src/wire/containerd/bootstrap_pb.ts";
import * as introspection from "../../src/wire/containerd/introspection_pb.ts";
import * as sandbox from "../../src/wire/containerd/sandbox_pb.ts";
import * as task from "../../src/wire/containerd/task_pb.ts";
import { openTtrpcClient, type TtrpcClient } from "../../src/wire/ttrpc/client.ts";
import { until } from "../counterparts/_await.ts";
import { needing } from "../needs.ts";

const program = process.env["COUNTERPART_RUNTIME"] ?? "dist/sampan";
const { test } = needing({ root: true, files: [program] });

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

/** A bundle of containerd's for a sandbox, and a shim begun for it as containerd 2.4 does it. */
async function begin() {
  const folder = mkdtempSync(join(tmpdir(), "sampan-shim-"));
  undo.push(() => rmSync(folder, { recursive: true, force: true }));
  const shim = join(folder, "containerd-shim-sampan-v2");
  symlinkSync(resolve(program), shim);
  const bundle = join(folder, "bundles/pod");
  mkdirSync(bundle, { recursive: true });
  writeFileSync(join(bundle, "config.json"), '{"annotations":{"io.kubernetes.cri.sandbox-id":"pod"}}');
  const params = create(BootstrapParamsSchema, { instanceId: "pod", namespace: "k8s", socketDir: folder });
  const words = [
    "-namespace",
    "k8s",
    "-address",
    "/no/containerd.sock",
    "-publish-binary",
    "x",
    "-id",
    "pod",
  ];
  const child = Bun.spawn([shim, ...words, "start"], {
    cwd: bundle,
    stdin: toBinary(BootstrapParamsSchema, params),
    stdout: "pipe",
  });
  const result = fromBinary(BootstrapResultSchema, await child.stdout.bytes());
  expect(await child.exited).toBe(0);
  const socket = result.address.slice("unix://".length);
  undo.push(() => until("the shim to leave", () => !existsSync(socket) || undefined, 20));
  return { shim, folder, bundle, result, socket };
}

type Pair<I extends DescMessage, O extends DescMessage> = readonly [method: string, input: I, output: O];

function callsOf(client: TtrpcClient, service: string) {
  return <I extends DescMessage, O extends DescMessage>(
    [method, input, output]: Pair<I, O>,
    request: MessageInitShape<I>,
  ) => client.call({ service, method, input, output, request });
}

function serversOf(socket: string): number[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return line.includes(socket) && !line.startsWith("sampan-keeper");
      } catch {
        return false;
      }
    })
    .map(Number);
}

test("a sandbox lives until it is told to end, whatever becomes of the shim", async () => {
  const { result, bundle, socket } = await begin();
  expect(result).toMatchObject({ version: 3, protocol: "ttrpc" });
  using client = await openTtrpcClient(socket);
  const call = callsOf(client, "containerd.runtime.sandbox.v1.Sandbox");
  const sandboxId = "pod";
  const codeOf = (error: { code: string }) => error.code;
  const status = () =>
    call(["SandboxStatus", sandbox.SandboxStatusRequestSchema, sandbox.SandboxStatusResponseSchema], {
      sandboxId,
    });
  expect(await status().catch(codeOf)).toBe("not_found");
  const created = [
    "CreateSandbox",
    sandbox.CreateSandboxRequestSchema,
    sandbox.CreateSandboxResponseSchema,
  ] as const;
  await call(created, { sandboxId, bundlePath: bundle });
  expect(await call(created, { sandboxId, bundlePath: bundle }).catch(codeOf)).toBe("already_exists");
  const begun = [
    "StartSandbox",
    sandbox.StartSandboxRequestSchema,
    sandbox.StartSandboxResponseSchema,
  ] as const;
  const { pid } = await call(begun, { sandboxId });
  expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toStartWith("sampan-keeper");
  expect(await call(begun, { sandboxId }).catch(codeOf)).toBe("failed_precondition");
  const platform = await call(["Platform", sandbox.PlatformRequestSchema, sandbox.PlatformResponseSchema], {
    sandboxId,
  });
  expect(platform.platform?.os).toBe("linux");
  await call(["PingSandbox", sandbox.PingRequestSchema, sandbox.PingResponseSchema], { sandboxId });
  await call(["UpdateSandbox", sandbox.UpdateSandboxRequestSchema, sandbox.UpdateSandboxResponseSchema], {
    sandboxId,
  });
  const metrics = await call(
    ["SandboxMetrics", sandbox.SandboxMetricsRequestSchema, sandbox.SandboxMetricsResponseSchema],
    { sandboxId },
  );
  expect(metrics.metrics?.id).toBe(sandboxId);
  const waiting = call(["WaitSandbox", sandbox.WaitSandboxRequestSchema, sandbox.WaitSandboxResponseSchema], {
    sandboxId,
  });
  expect((await status()).state).toBe("SANDBOX_READY");
  for (const server of serversOf(socket)) process.kill(server, "SIGKILL");
  expect((await status()).state).toBe("SANDBOX_READY");
  await call(["StopSandbox", sandbox.StopSandboxRequestSchema, sandbox.StopSandboxResponseSchema], {
    sandboxId,
  });
  expect((await waiting).exitedAt).toBeDefined();
  expect((await status()).state).toBe("SANDBOX_NOTREADY");
  await call(
    ["ShutdownSandbox", sandbox.ShutdownSandboxRequestSchema, sandbox.ShutdownSandboxResponseSchema],
    { sandboxId },
  );
  expect(await status().catch(codeOf)).toBe("not_found");
}, 40_000);

test("tasks of version 3 are those of version 2, and what is not there is refused", async () => {
  const { socket } = await begin();
  using client = await openTtrpcClient(socket);
  for (const version of ["v2", "v3"]) {
    const call = callsOf(client, `containerd.task.${version}.Task`);
    const { shimPid } = await call(["Connect", task.ConnectRequestSchema, task.ConnectResponseSchema], {
      id: "none",
    });
    expect(serversOf(socket)).toContain(shimPid);
    const state = call(["State", task.StateRequestSchema, task.StateResponseSchema], { id: "none" });
    expect(await state.catch((error: { code: string }) => error.code)).toBe("not_found");
    const bad = call(["Create", task.CreateTaskRequestSchema, task.CreateTaskResponseSchema], { id: "../x" });
    expect(await bad.catch((error: { code: string }) => error.code)).toBe("invalid_argument");
    await call(["Shutdown", task.ShutdownRequestSchema, EmptySchema], { id: "none" });
  }
}, 40_000);

test("it says what it is", async () => {
  const child = Bun.spawn([program, "shim", "-info"], { stdin: new Uint8Array(0), stdout: "pipe" });
  const info = fromBinary(introspection.RuntimeInfoSchema, await child.stdout.bytes());
  expect(info.name).toBe("io.containerd.sampan.v2");
  expect(JSON.parse(new TextDecoder().decode(info.features?.value))).toHaveProperty("ociVersionMin");
  const version = Bun.spawn([program, "shim", "-v"], { stdin: "ignore", stdout: "pipe" });
  expect(await version.stdout.text()).toContain("Version:");
});
