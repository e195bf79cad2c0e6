/** An engine on a data root of its own, with the parts that make containers live made up, behind Docker's API on a unix socket. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerApi } from "../../src/api/docker/server.ts";
import { openEngine } from "../../src/bin/engine.ts";
import type { LiveEngine } from "../../src/engine/engine.ts";
import { readEngineSettings } from "../../src/engine/settings-file.ts";
import { fakes } from "./fakes.ts";
import { listening, type Served } from "./served.ts";

export interface ServedEngine extends Served {
  readonly engine: LiveEngine;
}

export async function servedEngine(): Promise<ServedEngine> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "sampan-api-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const settings = { ...readEngineSettings({}), root: join(folder, "data"), state: join(folder, "run") };
  const base = stack.use(await openEngine({ ...settings, snapshotter: "copy" }));
  const engine = Object.defineProperties(
    { ...fakes() },
    Object.getOwnPropertyDescriptors(base),
  ) as unknown as LiveEngine;
  const served = stack.use(await listening((warn) => dockerApi(engine, { warn })));
  const all = stack.move();
  return { ...served, engine, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
