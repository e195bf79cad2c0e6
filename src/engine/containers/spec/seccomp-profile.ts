/** A seccomp profile in Docker's JSON, as linux.seccomp: its rules for the capabilities, the architecture and the kernel that there are. Pure. */
import { isAtLeast } from "../../../kernel/release.ts";
import { SampanError, invalid } from "../../../base/errors.ts";
import type { OciSeccomp, OciSyscall } from "../../../spec/oci/config.ts";
import { validateConfig } from "../../../spec/oci/validate.ts";

export interface ProfileFacts {
  /** Names with CAP_. */
  readonly capabilities: readonly string[];
  /** `6.1.0-13`. */
  readonly kernel: string;
  readonly architecture?: NodeJS.Architecture;
}

interface Condition {
  readonly caps?: readonly string[] | null;
  readonly arches?: readonly string[] | null;
  readonly minKernel?: string | null;
}

interface Rule extends Record<string, unknown> {
  readonly name?: string;
  readonly names?: readonly string[] | null;
  readonly includes?: Condition | null;
  readonly excludes?: Condition | null;
}

interface Profile extends Record<string, unknown> {
  readonly architectures?: readonly string[] | null;
  readonly archMap?: readonly { architecture: string; subArchitectures?: readonly string[] | null }[] | null;
  readonly syscalls?: readonly Rule[] | null;
}

/** Docker's names for node's. */
const architectures: Readonly<Partial<Record<NodeJS.Architecture, readonly [string, string]>>> = {
  x64: ["amd64", "SCMP_ARCH_X86_64"],
  arm64: ["arm64", "SCMP_ARCH_AARCH64"],
  riscv64: ["riscv64", "SCMP_ARCH_RISCV64"],
  s390x: ["s390x", "SCMP_ARCH_S390X"],
};

/** Bytes. Docker's own has 14 KiB. */
const largest = 1 << 20;

/** Errors: `invalid_argument` naming what is wrong in it. */
export function parseProfile(text: string, facts: ProfileFacts): OciSeccomp {
  const refuse = (why: string) => invalid(`cannot use the seccomp profile: ${why}`);
  if (text.length > largest) throw refuse(`it has ${text.length} characters, wanted at most ${largest}`);
  const profile = read(text, refuse);
  if (typeof profile !== "object" || profile === null || Array.isArray(profile))
    throw refuse("it is no object of JSON; wanted a profile, unconfined or builtin");
  try {
    return checked(convert(profile as Profile, facts));
  } catch (error) {
    throw error instanceof SampanError ? error : refuse((error as Error).message);
  }
}

function read(text: string, refuse: (why: string) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refuse("it is no JSON; a client reads the file and sends what is in it");
  }
}

function convert(profile: Profile, facts: ProfileFacts): object {
  const { architectures: listed, archMap, syscalls, ...rest } = profile;
  if (listed?.length && archMap?.length)
    throw invalid("cannot use the seccomp profile: it has both architectures and archMap, wanted one");
  const [short, name] = architectures[facts.architecture ?? process.arch] ?? ["", ""];
  const entry = archMap?.find(({ architecture }) => architecture === name);
  const all = archMap ? (entry ? [entry.architecture, ...(entry.subArchitectures ?? [])] : []) : listed;
  const rules = (syscalls ?? []).filter((rule) => applies(rule, short, facts));
  return { ...rest, ...(all?.length && { architectures: all }), syscalls: rules.map(plainRule) };
}

function applies({ includes, excludes }: Rule, architecture: string, facts: ProfileFacts): boolean {
  const has = (caps: Condition["caps"]) => (name: "every" | "some") =>
    (caps ?? [])[name]((cap) => facts.capabilities.includes(cap));
  if (includes?.caps?.length && !has(includes.caps)("every")) return false;
  if (includes?.arches?.length && !includes.arches.includes(architecture)) return false;
  if (includes?.minKernel && !isAtLeast(facts.kernel, includes.minKernel)) return false;
  if (excludes?.caps?.length && has(excludes.caps)("some")) return false;
  if (excludes?.arches?.length && excludes.arches.includes(architecture)) return false;
  return !(excludes?.minKernel && isAtLeast(facts.kernel, excludes.minKernel));
}

function plainRule({ name, names, includes, excludes, comment, ...rule }: Rule): OciSyscall {
  void [includes, excludes, comment];
  return { ...rule, names: [...(names ?? []), ...(name ? [name] : [])] } as unknown as OciSyscall;
}

/** By the rules of linux.seccomp in the OCI specification. */
function checked(seccomp: object): OciSeccomp {
  const config = {
    ociVersion: "1.0.2",
    root: { path: "/" },
    process: { cwd: "/", args: ["x"] },
    linux: { seccomp },
  };
  const { linux } = validateConfig(config);
  if (linux?.seccomp) return linux.seccomp;
  throw invalid("cannot use the seccomp profile: it has no default action");
}
