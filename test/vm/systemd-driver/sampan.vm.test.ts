import { needing, type Needs } from "../../needs.ts";
import { ours } from "../container.ts";
import { executable } from "../place.ts";
import { runtimeFiles } from "../runtime-files.ts";
import { systemdNeeds } from "../systemd.ts";
import { describeSystemdDriver } from "./suite.ts";

const { describe } = needing(withExecutable(systemdNeeds()));

describe("sampan under systemd", () => {
  describeSystemdDriver(ours, runtimeFiles);
});

function withExecutable(needs: Needs): Needs {
  return { ...needs, files: [executable, ...(needs.files ?? [])] };
}
