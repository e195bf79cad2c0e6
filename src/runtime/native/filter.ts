/** linux.seccomp as a program; the compiler and its tables are loaded only for a container that has a profile. */
import type { OciSeccomp } from "../../spec/oci/config.ts";
import type { CompiledSeccomp } from "./seccomp/compile.ts";

/** Undefined without a profile, and for one that filters nothing. Errors name the field. */
export async function filterOf(
  seccomp: OciSeccomp | undefined,
  arch: "x64" | "arm64",
): Promise<CompiledSeccomp | undefined> {
  if (!seccomp) return undefined;
  const { compileSeccomp } = await import("./seccomp/compile.ts");
  const compiled = compileSeccomp(seccomp, arch);
  return compiled.filter.length === 0 ? undefined : compiled;
}
