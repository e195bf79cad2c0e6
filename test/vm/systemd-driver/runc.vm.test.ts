/** The suite's own test: what is asked of our runtime, the reference does. */
import { needing, type Needs } from "../../needs.ts";
import { reference } from "../container.ts";
import { bundleFiles, runcFiles } from "../runtime-files.ts";
import { systemdNeeds } from "../systemd.ts";
import { describeSystemdDriver } from "./suite.ts";

const { describe } = needing(withRunc(systemdNeeds()));

describe("runc under systemd", () => {
  describeSystemdDriver(reference, () => [...runcFiles(), ...bundleFiles()]);
});

function withRunc(needs: Needs): Needs {
  return { ...needs, programs: [...(needs.programs ?? []), "runc"] };
}
