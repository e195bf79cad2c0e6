// deadline: 600 s
/** podman on our runtime. */
import { afterAll, beforeAll } from "bun:test";
import { needing } from "../needs.ts";
import { startPodman } from "./podman.ts";
import type { Engine } from "./engine.ts";
import { describeExec } from "./exec.suite.ts";
import { describeLife } from "./life.suite.ts";
import { describeLimits } from "./limits.suite.ts";
import { needs } from "./place.ts";
import { describeRun } from "./run.suite.ts";

needing(needs("podman", "conmon", "script")).describe("podman", () => {
  let engine: Engine | undefined;
  const the = (): Engine => {
    if (!engine) throw new Error("podman is not ready");
    return engine;
  };
  beforeAll(async () => {
    engine = await startPodman();
  }, 120_000);
  afterAll(() => engine?.[Symbol.asyncDispose](), 120_000);

  describeRun(the);
  describeExec(the);
  describeLife(the);
  describeLimits(the);
});
