/** sampan runtime spec: a config.json to start from. */
import { existsSync, writeFileSync } from "node:fs";
import { invalid, SampanError } from "../../base/errors.ts";
import { cgroupHost } from "../../runtime/native/cgroups/host.ts";
import { defaultConfig } from "../../spec/oci/default.ts";
import { formatDocument } from "../../spec/oci/parse.ts";
import { bundleDir } from "./_words.ts";
import { parseFlags } from "./flags.ts";
import type { Command } from "./main.ts";

export const flags = {
  bundle: {
    kind: "text",
    short: "b",
    value: "DIR",
    help: "folder of the bundle (default: the working directory)",
  },
  rootless: { kind: "yes", help: "a container that an ordinary user can run" },
} as const;

export const command: Command = async ({ args }) => {
  const { flags: given, words } = parseFlags(flags, args);
  if (words.length > 0) throw invalid('sampan runtime: "spec" requires exactly 0 argument(s)');
  const path = `${bundleDir(given.bundle)}/config.json`;
  if (existsSync(path)) throw new SampanError("already_exists", "File config.json exists. Remove it first");
  const config = defaultConfig({
    rootless: given.rootless,
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    unifiedCgroups: cgroupHost().mode === "v2",
  });
  // "wx": a file that came meanwhile is not overwritten either.
  writeFileSync(path, formatDocument(config, "\t"), { flag: "wx", mode: 0o666 });
  return 0;
};
