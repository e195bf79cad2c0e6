/** GET /version. */
import { arch, release } from "node:os";
import { commit, version } from "../../../base/version.ts";
import type { ServerVersion } from "../../../spec/docker/system.ts";
import { newestVersion, oldestVersion } from "../versions.ts";

const architectures: Readonly<Record<string, string>> = { x64: "amd64" };

/** `runtimes`: by name, the first being the default. */
export function serverVersion(runtimes: readonly string[]): ServerVersion {
  const facts = {
    ApiVersion: newestVersion,
    Arch: architectures[arch()] ?? arch(),
    BuildTime: "",
    GitCommit: commit(),
    // Where others name their compiler.
    GoVersion: `bun${process.versions["bun"] ?? ""}`,
    KernelVersion: release(),
    MinAPIVersion: oldestVersion,
    Os: "linux",
  };
  return {
    Platform: { Name: "Sampan" },
    Components: [
      { Name: "Engine", Version: version, Details: { ...facts, Experimental: "false" } },
      ...runtimes.map((Name) => ({ Name, Version: Name === "native" ? version : "", Details: {} })),
    ],
    Version: version,
    ...facts,
  };
}
