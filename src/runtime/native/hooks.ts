/** Hooks that run on the host when no plan is on its way: poststart and poststop, executed by the launcher like all others. */
import { SampanError } from "../../base/errors.ts";
import { closeFd } from "../../kernel/libc.ts";
import type { OciHook } from "../../spec/oci/config.ts";
import type { HookKind } from "../../spec/oci/values.ts";
import type { RuntimeContext } from "./create.ts";
import { launch, outputFile } from "./launch.ts";
import { op, slot, type Plan } from "./plan/operations.ts";

/** Runs them in order; the first that fails ends it. `state` is what they read on standard input. */
export async function runHooks(
  { shared }: Pick<RuntimeContext, "shared">,
  kind: HookKind,
  { hooks, state }: { readonly hooks: readonly OciHook[]; readonly state: object },
): Promise<void> {
  const output = outputFile(shared);
  const plan = hookPlan(kind, hooks, { state: JSON.stringify(state), output });
  try {
    if (shared) await (await import("./beside.ts")).launchBeside(plan, { hookOutput: output });
    else await launch(plan, { hookOutput: output });
  } finally {
    closeFd(output);
  }
}

/**
 * runtime.md, "Lifecycle" 13 and 14: they run when the container is gone, also after a create that failed. A failing one is a warning,
 * and the rest goes on.
 */
export async function runPoststop(
  context: Pick<RuntimeContext, "shared" | "warn">,
  hooks: readonly OciHook[],
  state: object,
): Promise<void> {
  for (const [index, hook] of hooks.entries()) {
    await runHooks(context, "poststop", { hooks: [hook], state }).catch((error: unknown) =>
      context.warn(`poststop hook #${index}: ${SampanError.from(error).message}`),
    );
  }
}

function hookPlan(
  kind: HookKind,
  hooks: readonly OciHook[],
  { state, output }: { state: string; output: number },
): Plan {
  const parent = [
    op("adopt", { fd: output, out: slot.hookOutput }, `hooks.${kind}`),
    ...hooks.map((hook, index) =>
      op(
        "hook",
        {
          path: hook.path,
          argv: hook.args?.length ? hook.args : [hook.path],
          env: hook.env ?? [],
          state,
          timeout: (hook.timeout ?? 0) * 1000,
          output: slot.hookOutput,
        },
        `hooks.${kind}[${index}]`,
      ),
    ),
  ];
  return { parent, middle: [], init: [] };
}
