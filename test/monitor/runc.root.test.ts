/** The shared suite with runc, a program of other makers. */
import { externalRuntime } from "../../src/runtime/external/runtime.ts";
import { needing } from "../needs.ts";
import { patience, runtimeSuite } from "./runtime.suite.ts";

const { describe } = needing({ root: true, programs: ["busybox", "runc"] });

describe("runc", () => {
  runtimeSuite({
    make: (root) => externalRuntime({ name: "runc", path: "runc", root, patience }),
    execs: 20,
  });
});
