/** explain: the plan that `create` would execute for a bundle, or that a container was made with. */
import { readFileSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import type { OciConfig } from "../../spec/oci/config.ts";
import { compileBundle, readBundle, type RuntimeContext } from "./create.ts";
import { readHost } from "./host.ts";
import { readPlan } from "./plan/explain/bytes.ts";
import { explainPlan, type ExplainedOperation } from "./plan/explain/explain.ts";
import { containerDir, loadState } from "./state.ts";

/** Compiled as `create` and a foreground `run` would; nothing is made. Errors: create's. */
export async function explainBundle(
  context: RuntimeContext,
  bundle: string,
  id: string,
): Promise<ExplainedOperation[]> {
  const { config } = readBundle(bundle);
  const dir = containerDir(context.root, id);
  const request = {
    id,
    bundle,
    preserveFds: 0,
    ...(config.process.terminal && { console: { fd: unknownDescriptor } }),
  };
  const scope = context.systemdCgroup ? await (await import("./systemd.ts")).shownPlace(context) : undefined;
  const { plan } = await compileBundle(context, request, {
    config,
    dir,
    host: readHost(config),
    ...(printsToFile(context, config) && { hookOutput: unknownDescriptor }),
    ...(scope && { scope }),
  });
  return explainPlan(plan);
}

/** What is open in the process that creates is known only there. */
const unknownDescriptor = -1;

/** When `create` makes a file for what hooks and helper programs print. */
function printsToFile({ rootless }: RuntimeContext, { hooks = {} }: OciConfig): boolean {
  const { prestart, createRuntime, createContainer, startContainer } = hooks;
  return rootless || [prestart, createRuntime, createContainer, startContainer].some((list) => list?.length);
}

/** The plan that the container was really made with. Errors: `not_found`, `failed_precondition` for another version's plan. */
export async function explainContainer(context: RuntimeContext, id: string): Promise<ExplainedOperation[]> {
  loadState(context.root, id);
  const path = `${containerDir(context.root, id)}/plan`;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new SampanError("not_found", `cannot explain container "${id}": its plan is not there`, {
      cause: error,
    });
  }
  return explainPlan(readPlan(bytes));
}
