/** linux.seccomp as a program; the compiler and its tables are loaded only for a container that has a profile. */
import type { OciSeccomp } from "../../spec/oci/config.ts";
import type { CompiledSeccomp } from "./seccomp/compile.ts";

/** Of a process that makes many containers: their profiles are mostly one. */
const known = new Map<string, CompiledSeccomp>();
const knownAtMost = 8;

/** Undefined without a profile, and for one that filters nothing. Errors name the field. */
export async function filterOf(
  seccomp: OciSeccomp | undefined,
  arch: "x64" | "arm64",
): Promise<CompiledSeccomp | undefined> {
  if (!seccomp) return undefined;
  const key = `${arch} ${JSON.stringify(seccomp)}`;
  const before = known.get(key);
  const compiled = before ?? (await import("./seccomp/compile.ts")).compileSeccomp(seccomp, arch);
  if (known.size >= knownAtMost) known.clear();
  known.set(key, compiled);
  return compiled.filter.length === 0 ? undefined : compiled;
}
