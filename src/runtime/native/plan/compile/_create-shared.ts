/** What the chapters of a container's plan share: the bytes by which its processes meet, and the hooks on the way. */
import type { OciHook } from "../../../../spec/oci/config.ts";
import type { HookKind } from "../../../../spec/oci/values.ts";
import { slot, type Operation } from "../operations.ts";
import { hookState, type Builder, type CreateOptions, type Namespaces } from "./context.ts";
import type { MountContext } from "./_attach.ts";

export const byte = {
  go: 0x67,
  kin: 0x6b,
  unshared: 0x75,
  mapped: 0x6d,
  offsets: 0x6f,
  shifted: 0x4f,
  hooks: 0x68,
  resume: 0x63,
  limits: 0x6c,
  limited: 0x4c,
  ready: 0x72,
} as const;

export interface Create {
  readonly options: CreateOptions;
  readonly builder: Builder;
  readonly namespaces: Namespaces;
  readonly middle: boolean;
  readonly userns: boolean;
  readonly setgroupsDenied: boolean;
  readonly mounts: MountContext;
  /** What of the control groups is given to clone. */
  readonly birth: { readonly cgroup?: number };
}

export const base = "launcher";

export interface PlacedHook {
  readonly hook: OciHook;
  readonly why: string;
}

export function hooksOf({ options }: Create, ...kinds: HookKind[]): PlacedHook[] {
  return kinds.flatMap((kind) =>
    (options.config.hooks?.[kind] ?? []).map((hook, index) => ({ hook, why: `hooks.${kind}[${index}]` })),
  );
}

export function addHook(
  { builder, options }: Create,
  list: Operation[],
  { hook, why, status, self }: PlacedHook & { status: string; self: 0 | 1 },
): void {
  builder.add(
    list,
    "hook",
    {
      path: hook.path,
      argv: hook.args?.length ? hook.args : [hook.path],
      env: hook.env ?? [],
      state: hookState(options, status),
      timeout: (hook.timeout ?? 0) * 1000,
      self,
      ...(options.hookOutput !== undefined && { output: slot.hookOutput }),
    },
    why,
  );
}
