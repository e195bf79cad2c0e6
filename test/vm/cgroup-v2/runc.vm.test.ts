/** The suite's own test: what is asked of our runtime, the reference does. */
import { needing } from "../../needs.ts";
import { reference } from "../container.ts";
import { machineNeeds } from "../place.ts";
import { bundleFiles, runcFiles } from "../runtime-files.ts";
import { describeCgroupV2 } from "./suite.ts";

const { describe } = needing({ ...machineNeeds, programs: [...(machineNeeds.programs ?? []), "runc"] });

describe("runc on cgroup v2", () => {
  describeCgroupV2(reference, () => [...runcFiles(), ...bundleFiles()]);
});
