import { needing } from "../../needs.ts";
import { ours } from "../container.ts";
import { runtimeNeeds } from "../place.ts";
import { runtimeFiles } from "../runtime-files.ts";
import { describeCgroupV1 } from "./suite.ts";

const { describe } = needing(runtimeNeeds);

describe("sampan on cgroup v1", () => {
  describeCgroupV1(ours, "v1", runtimeFiles);
});
