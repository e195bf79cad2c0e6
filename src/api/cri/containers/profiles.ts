/** Profiles of seccomp and AppArmor, in the CRI's newer form and in the older one by a path. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { isAbsolute } from "node:path";
import { invalid, SampanError } from "../../../base/errors.ts";
import {
  type LinuxContainerSecurityContext,
  type SecurityProfile,
  SecurityProfile_ProfileType as Kind,
} from "../../../wire/cri/cri_pb.ts";

/** A profile has some kilobytes. */
const largest = 1 << 20;

interface Profile {
  readonly kind: Kind;
  /** Of `Localhost`. */
  readonly reference: string;
}

/** Nothing said is no filter: kubelet says what it wants. A privileged container has none. Errors: `invalid_argument`, `not_found`. */
export function seccompWords(
  context: LinuxContainerSecurityContext | undefined,
  read: (path: string) => string = readProfile,
): string[] {
  const unconfined = ["seccomp=unconfined"];
  if (!context || context.privileged) return unconfined;
  const { kind, reference } = chosen(context.seccomp, context.seccompProfilePath);
  if (kind === Kind.Unconfined) return unconfined;
  if (kind === Kind.RuntimeDefault) return ["seccomp=builtin"];
  if (!isAbsolute(reference))
    throw invalid(`cannot use seccomp profile "${reference.slice(0, 150)}": wanted an absolute path`);
  return [`seccomp=${read(reference)}`];
}

/** The engine says whether the kernel has AppArmor, when a profile is asked for by name. It brings no profile of its own. */
export function appArmorWords(context: LinuxContainerSecurityContext | undefined): string[] {
  if (!context || context.privileged) return [];
  const { kind, reference } = chosen(context.apparmor, context.apparmorProfile);
  if (kind === Kind.RuntimeDefault) return [];
  if (kind === Kind.Unconfined) return context.apparmor ? ["apparmor=unconfined"] : [];
  if (reference === "") throw invalid("cannot use an AppArmor profile without a name");
  // Policies let a pod name profiles of the node, and do not let it go without one: by that name it would.
  if (/(?:^|[:/&])unconfined$/.test(reference))
    throw invalid(`cannot use AppArmor profile "${reference.slice(0, 150)}": it is none of the node's`);
  return [`apparmor=${reference}`];
}

/** Of the older form: `runtime/default`, `localhost/<name>`, `unconfined`. */
function chosen(profile: SecurityProfile | undefined, path: string): Profile {
  const local = (reference: string) => ({
    kind: Kind.Localhost,
    reference: reference.replace(/^localhost\//, ""),
  });
  if (profile?.profileType === Kind.Localhost) return local(profile.localhostRef);
  if (profile) return { kind: profile.profileType, reference: "" };
  if (path === "" || path === "unconfined") return { kind: Kind.Unconfined, reference: "" };
  if (path === "runtime/default" || path === "docker/default")
    return { kind: Kind.RuntimeDefault, reference: "" };
  if (path.startsWith("localhost/")) return local(path);
  throw invalid(
    `cannot use security profile "${path.slice(0, 150)}": wanted runtime/default, unconfined or localhost/ and a name`,
  );
}

/** Not one that would hold up its reader, as a FIFO does. */
function readProfile(path: string): string {
  const what = `read seccomp profile "${path.slice(0, 150)}"`;
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(file);
      if (!stat.isFile() || stat.size > largest) throw invalid(`wanted a file of at most ${largest} bytes`);
      const bytes = Buffer.alloc(stat.size);
      return bytes.toString("utf8", 0, readSync(file, bytes));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === "ENOENT" ? "not_found" : "invalid_argument";
    throw new SampanError(code, `cannot ${what}: ${SampanError.from(error).message}`, { cause: error });
  }
}
