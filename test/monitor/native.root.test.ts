/** The shared suite with our own runtime. */
import { nativeRuntime } from "../../src/runtime/native/runtime.ts";
import { needing } from "../needs.ts";
import { patience, runtimeSuite } from "./runtime.suite.ts";

const { describe } = needing({ root: true, programs: ["busybox"] });

describe("native", () => {
  runtimeSuite({ make: (root) => nativeRuntime({ root, warn: () => undefined, patience }), execs: 200 });
});
