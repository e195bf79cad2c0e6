/** What containerd gives a shim as options of the runtime: those of its shim for runc, of which some are this one's too. */
import type { Any } from "@bufbuild/protobuf/wkt";
import { SampanError } from "../../base/errors.ts";
import { OptionsSchema } from "../../wire/containerd/runc_pb.ts";
import { unpacked } from "./any.ts";

export interface ShimOptions {
  /** The control group that the shim itself goes to. */
  readonly shimCgroup: string;
  /** Who is to own the standard streams. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

/** Options of another type are another shim's: none of them is asked for. */
export function shimOptions(any: Any | undefined): ShimOptions {
  const options = unpacked(OptionsSchema, any);
  const { shimCgroup = "", ioUid = 0, ioGid = 0 } = options ?? {};
  return { shimCgroup, owner: ioUid === 0 && ioGid === 0 ? undefined : { uid: ioUid, gid: ioGid } };
}

/** Errors: `unimplemented` for what would make a container other than it was asked to be. */
export function checkOptions(any: Any | undefined): void {
  const options = unpacked(OptionsSchema, any);
  if (!options) return;
  const refused = [
    ["systemd_cgroup", options.systemdCgroup, "cgroups are made by this shim itself"],
    ["no_pivot_root", options.noPivotRoot, "this shim always pivots"],
    ["no_new_keyring", options.noNewKeyring, "each container has a keyring of its own"],
    ["binary_name", options.binaryName !== "", "this shim is the runtime"],
  ] as const;
  for (const [name, asked, why] of refused)
    if (asked) throw new SampanError("unimplemented", `cannot use option "${name}": ${why}`);
}
