/** `sampan cloud install-crds`: makes the fleet's kinds known to a real cluster; the API inside of `sampan cloud` knows them by itself. */
import { invalid } from "../../base/errors.ts";
import { type FlagTable, parseFlags } from "../../cli/flags/flags.ts";

const installFlags = {
  kubeconfig: {
    kind: "text",
    value: "FILE",
    help: "Of an administrator of the cluster; the environment's KUBECONFIG without it",
  },
  context: { kind: "text", value: "NAME", help: "A context of the kubeconfig; its current one without it" },
  help: { kind: "yes", short: "h", help: "Print help" },
} as const satisfies FlagTable;

const help = `Usage:  sampan cloud install-crds [OPTIONS]

Make the kinds of the fleet (Device, DeviceModel, Rule, NodeGroup, ...) known to a cluster, or bring them up to date. A
second run changes nothing; what a newer KubeEdge has put into them stays.

Options:
      --kubeconfig FILE   ${installFlags.kubeconfig.help}
      --context NAME      ${installFlags.context.help}
  -h, --help              ${installFlags.help.help}

Examples:
  sampan cloud install-crds --kubeconfig ~/.kube/config
`;

/** Help, or the work that gives the words to print: a line for each kind. Errors: `invalid_argument` for the flags; of the work those of the cluster. */
export async function installCrdsWord(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string | (() => Promise<string>)> {
  const { flags, words } = parseFlags(installFlags, args);
  if (flags.help) return help;
  if (words[0] !== undefined)
    throw invalid(
      `cannot use cloud install-crds argument "${words[0]}": it is not a flag, wanted flags alone`,
    );
  const kubeconfig = flags.kubeconfig ?? env["KUBECONFIG"] ?? "";
  if (kubeconfig === "") throw invalid("cannot install: wanted --kubeconfig FILE");
  const { context } = flags;
  return async () => {
    const { openRemoteClient } = await import("../../fleet/cloud/remote/open.ts");
    const { installCrds } = await import("../../fleet/cloud/crds/install.ts");
    using client = await openRemoteClient({ kubeconfig, ...(context === undefined ? {} : { context }) });
    const installed = await installCrds(client);
    return installed.map(({ name, done }) => `${name} ${done}\n`).join("");
  };
}
