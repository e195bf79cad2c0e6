import { needing } from "../../needs.ts";
import { ours } from "../container.ts";
import { programFiles } from "../image.ts";
import { runtimeNeeds } from "../place.ts";
import { runtimeFiles } from "../runtime-files.ts";
import { describeCgroupV2 } from "./suite.ts";

const { describe } = needing({ ...runtimeNeeds, programs: [...(runtimeNeeds.programs ?? []), "strace"] });

describe("sampan on cgroup v2", () => {
  describeCgroupV2(ours, () => [...runtimeFiles(), ...programFiles("/usr/bin/strace")]);
});
