import { needing } from "../../needs.ts";
import { reference } from "../container.ts";
import { machineNeeds } from "../place.ts";
import { bundleFiles, runcFiles } from "../runtime-files.ts";
import { describeCgroupV1 } from "./suite.ts";

const { describe } = needing({ ...machineNeeds, programs: [...(machineNeeds.programs ?? []), "runc"] });

describe("runc on cgroup v1", () => {
  describeCgroupV1(reference, "v1", () => [...runcFiles(), ...bundleFiles()]);
});
