/** By what names and addresses edges may reach the cloud: those of its settings, and all that the machine has. */
import { serverNames } from "../../fleet/cloud/apiserver/auth/pki/names.ts";
import type { CloudSettings } from "./settings.ts";

/** Errors: `invalid_argument` for what is neither name nor address. */
export function hubNames({ hub, names, advertiseAddress }: CloudSettings): string[] {
  const asked = [
    ...(hub?.names ?? []),
    ...names,
    ...(advertiseAddress === undefined ? [] : [advertiseAddress]),
  ];
  const { dns, ip } = serverNames(asked);
  // Those by which pods know the API are not the hub's.
  return [...ip, ...dns.filter((name) => !/^kubernetes(?:\.|$)/.test(name))];
}
