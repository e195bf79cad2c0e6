/** What this kernel gives to containers beyond what every Linux does: for those who tell others what they may ask for. */
import { release } from "node:os";
import { readTextIfThere } from "../kernel/files.ts";
import { isAtLeast } from "../kernel/release.ts";

export interface HostAbilities {
  /** mount_setattr(2) with AT_RECURSIVE: Linux 5.12. */
  readonly recursiveReadOnly: boolean;
  /** User namespaces are on, and mounts of volumes in them can be idmapped, those of overlayfs too: Linux 5.19. */
  readonly userNamespaces: boolean;
  /** Below it the kernel does not let this process put another's oom_score_adj: proc_pid_oom_score_adj(5). */
  readonly leastOomScore: number;
}

type Read = (path: string) => string | undefined;

const sysResource = 1n << 24n;

/** The kernel refuses to make a process safer than its maker is, without CAP_SYS_RESOURCE. */
export function leastOomScore(read: Read = readTextIfThere): number {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(read("/proc/self/status") ?? "")?.[1] ?? "0";
  const mayLower = (BigInt(`0x${effective}`) & sysResource) !== 0n;
  return mayLower ? -1000 : Number(read("/proc/self/oom_score_adj") ?? "0");
}

export function hostAbilities(kernel: string = release(), read: Read = readTextIfThere): HostAbilities {
  const most = Number(read("/proc/sys/user/max_user_namespaces") ?? "0");
  return {
    recursiveReadOnly: isAtLeast(kernel, "5.12"),
    userNamespaces: most > 0 && isAtLeast(kernel, "5.19"),
    leastOomScore: leastOomScore(read),
  };
}
