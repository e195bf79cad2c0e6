import { needing } from "../../needs.ts";
import { ours } from "../container.ts";
import { runtimeNeeds } from "../place.ts";
import { runtimeFiles } from "../runtime-files.ts";
import { describeCgroupV1 } from "./suite.ts";

const { describe } = needing(runtimeNeeds);

describe("sampan on cgroup hybrid", () => {
  describeCgroupV1(ours, "hybrid", runtimeFiles);
});
