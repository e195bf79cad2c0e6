/**
 * containerd's Sandbox service. A sandbox here is a name that tasks share a shim under: it has no process and no namespaces of its own, so that there is nothing to start, and its
 * end is when containerd says so. What it is lies in its bundle.
 */
import { timestampFromMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { statSync } from "node:fs";
import { invalid, SampanError } from "../../base/errors.ts";
import * as messages from "../../wire/containerd/sandbox_pb.ts";
import { type Services, unary } from "../../wire/ttrpc/server.ts";
import { forgetSandbox, type SandboxRecord, writeSandbox } from "./bundle.ts";

export interface SandboxServiceParts {
  /** Those of an earlier shim among them. */
  readonly sandboxes: Map<string, Sandbox>;
  /** A sandbox has gone, and containerd may need this shim no longer. */
  readonly shutdown: () => void;
}

export class Sandbox {
  record: SandboxRecord;
  readonly #end = Promise.withResolvers<void>();

  constructor(record: SandboxRecord) {
    this.record = record;
    if (record.stoppedAt !== undefined) this.#end.resolve();
  }

  keep(change: Partial<SandboxRecord>): void {
    this.record = { ...this.record, ...change };
    writeSandbox(this.record);
    if (this.record.stoppedAt !== undefined) this.#end.resolve();
  }

  async wait(signal: AbortSignal): Promise<number> {
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(SampanError.from(signal.reason)), { once: true });
    await Promise.race([this.#end.promise, promise]);
    return this.record.stoppedAt ?? Date.now();
  }
}

/** Kubernetes' words for it. */
const states = { ready: "SANDBOX_READY", not: "SANDBOX_NOTREADY" } as const;

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

export function sandboxServices({ sandboxes, shutdown }: SandboxServiceParts): Services {
  const find = (id: string): Sandbox => {
    const sandbox = sandboxes.get(id);
    if (sandbox) return sandbox;
    throw new SampanError("not_found", `sandbox "${id}" was not created here`);
  };
  // The keeper, which is there as long as the sandbox is.
  const pid = process.ppid;
  return {
    "containerd.runtime.sandbox.v1.Sandbox": {
      CreateSandbox: unary(
        messages.CreateSandboxRequestSchema,
        messages.CreateSandboxResponseSchema,
        async ({ sandboxId: id, bundlePath: bundle }) => {
          if (!bundle.startsWith("/") || !statSync(bundle, { throwIfNoEntry: false })?.isDirectory())
            throw invalid(`cannot create sandbox "${id}": bundle "${bundle}" is no folder`);
          if (sandboxes.has(id))
            throw new SampanError("already_exists", `cannot create sandbox "${id}": it is there already`);
          const record: SandboxRecord = { kind: "sandbox", id, bundle, createdAt: Date.now() };
          writeSandbox(record);
          sandboxes.set(id, new Sandbox(record));
          return await Promise.resolve({});
        },
      ),
      StartSandbox: unary(
        messages.StartSandboxRequestSchema,
        messages.StartSandboxResponseSchema,
        async ({ sandboxId }) => {
          const sandbox = find(sandboxId);
          const { createdAt, startedAt, stoppedAt } = sandbox.record;
          if (startedAt !== undefined || stoppedAt !== undefined)
            throw new SampanError(
              "failed_precondition",
              `cannot start sandbox "${sandboxId}": it was started before`,
            );
          sandbox.keep({ startedAt: Date.now() });
          return await Promise.resolve({ pid, createdAt: timestampFromMs(createdAt) });
        },
      ),
      Platform: unary(messages.PlatformRequestSchema, messages.PlatformResponseSchema, async () => {
        const architecture = architectures[process.arch] ?? process.arch;
        return await Promise.resolve({ platform: { os: "linux", architecture } });
      }),
      StopSandbox: unary(
        messages.StopSandboxRequestSchema,
        messages.StopSandboxResponseSchema,
        async ({ sandboxId }) => {
          const sandbox = find(sandboxId);
          if (sandbox.record.stoppedAt === undefined) sandbox.keep({ stoppedAt: Date.now() });
          return await Promise.resolve({});
        },
      ),
      WaitSandbox: unary(
        messages.WaitSandboxRequestSchema,
        messages.WaitSandboxResponseSchema,
        async ({ sandboxId }, signal) => {
          const at = await find(sandboxId).wait(signal);
          return { exitStatus: 0, exitedAt: timestampFromMs(at) };
        },
      ),
      SandboxStatus: unary(
        messages.SandboxStatusRequestSchema,
        messages.SandboxStatusResponseSchema,
        async ({ sandboxId, verbose }) => {
          const { createdAt, startedAt, stoppedAt, bundle } = find(sandboxId).record;
          const ready = startedAt !== undefined && stoppedAt === undefined;
          return await Promise.resolve({
            sandboxId,
            pid,
            state: ready ? states.ready : states.not,
            createdAt: timestampFromMs(createdAt),
            ...(verbose && { info: { bundle } }),
            ...(stoppedAt !== undefined && { exitedAt: timestampFromMs(stoppedAt) }),
          });
        },
      ),
      PingSandbox: unary(messages.PingRequestSchema, messages.PingResponseSchema, async ({ sandboxId }) => {
        find(sandboxId);
        return await Promise.resolve({});
      }),
      ShutdownSandbox: unary(
        messages.ShutdownSandboxRequestSchema,
        messages.ShutdownSandboxResponseSchema,
        async ({ sandboxId }) => {
          const sandbox = sandboxes.get(sandboxId);
          if (sandbox?.record.stoppedAt === undefined) sandbox?.keep({ stoppedAt: Date.now() });
          if (sandbox) forgetSandbox(sandbox.record.bundle);
          sandboxes.delete(sandboxId);
          shutdown();
          return await Promise.resolve({});
        },
      ),
      SandboxMetrics: unary(
        messages.SandboxMetricsRequestSchema,
        messages.SandboxMetricsResponseSchema,
        async ({ sandboxId: id }) => {
          find(id);
          return await Promise.resolve({ metrics: { id, timestamp: timestampNow() } });
        },
      ),
      UpdateSandbox: unary(
        messages.UpdateSandboxRequestSchema,
        messages.UpdateSandboxResponseSchema,
        async ({ sandboxId }) => {
          find(sandboxId);
          return await Promise.resolve({});
        },
      ),
    },
  };
}
