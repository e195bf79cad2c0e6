/** The shared suite with runsc (gVisor): a kernel of its own in user space. */
import { externalRuntime } from "../../src/runtime/external/runtime.ts";
import { needing } from "../needs.ts";
import { runscWorks } from "./runsc.ts";
import { patience, runtimeSuite } from "./runtime.suite.ts";

const { describe } = needing({ root: true, programs: ["busybox", "runsc"], works: [runscWorks] });

describe("runsc", () => {
  runtimeSuite({
    make: (root) =>
      externalRuntime({ name: "runsc", path: "runsc", args: ["--network=none"], root, patience }),
    execs: 20,
    differs: {
      processes: "its own are there too: the kernel in user space and the doors to files",
      update: "its command line has no update",
      "missing program": "it looks for the program when it starts it",
      "size of an exec": "it passes over consoleSize of a further process",
      memory: "all processes are one for the host's kernel, which is killed",
    },
  });
});
