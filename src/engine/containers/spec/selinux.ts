/** SELinux labels: of the process, and of the files that it may use. Pure. A host without SELinux has none, and what is asked for is left out there, as containerd does. */
import { invalid } from "../../../base/errors.ts";
import type { ContainerExtras } from "../extras.ts";

/** What the policy gives containers (contexts/lxc_contexts): `system_u:system_r:container_t:s0`. */
export interface SelinuxContexts {
  readonly process: string;
  readonly file: string;
}

export interface SelinuxLabels {
  readonly process: string;
  readonly mount: string;
}

const parts = ["user", "role", "type", "level"] as const;
export type SelinuxOptions = NonNullable<ContainerExtras["selinux"]>;

/** A level has colons and commas of its own; nothing else has (CVE-2022-0811's kin: a label becomes an option of mount(2)). */
const forms = {
  user: /^[A-Za-z0-9_.-]{1,100}$/,
  role: /^[A-Za-z0-9_.-]{1,100}$/,
  type: /^[A-Za-z0-9_.-]{1,100}$/,
  level: /^[A-Za-z0-9_.:,-]{1,200}$/,
} as const;

/** Errors: `invalid_argument` for a part that is none, also where there is no SELinux. */
export function checkSelinux(asked: SelinuxOptions): void {
  for (const part of parts) {
    const value = asked[part];
    if (value && !forms[part].test(value))
      throw invalid(
        `cannot use SELinux ${part} ${JSON.stringify(value.slice(0, 150))}: wanted letters, digits and marks of a label`,
      );
  }
}

/** The parts that are asked for over the policy's own; the files' label takes the level alone, by which containers are kept apart. */
export function selinuxLabels(
  asked: SelinuxOptions | undefined,
  contexts: SelinuxContexts | undefined,
): SelinuxLabels | undefined {
  if (!contexts || !asked || !parts.some((part) => asked[part])) return undefined;
  checkSelinux(asked);
  const { level } = asked;
  return {
    process: withParts(contexts.process, asked),
    mount: withParts(contexts.file, level ? { level } : {}),
  };
}

function withParts(context: string, asked: SelinuxOptions): string {
  const [user = "", role = "", type = "", ...level] = context.split(":");
  const own = { user, role, type, level: level.join(":") };
  return parts
    .map((part) => asked[part] || own[part])
    .filter((word) => word !== "")
    .join(":");
}

/** lxc_contexts: lines `process = "system_u:system_r:container_t:s0"`. Undefined where it says nothing of containers. */
export function parseContexts(text: string): SelinuxContexts | undefined {
  const valueOf = (name: string) => new RegExp(`^\\s*${name}\\s*=\\s*"([^"\\s]+)"`, "m").exec(text)?.[1];
  const [process, file] = [valueOf("process"), valueOf("file")];
  return process !== undefined && file !== undefined ? { process, file } : undefined;
}
