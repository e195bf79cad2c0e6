/** Help of `sampan cloud`, made from the tables that parse. */
import { flagHelp } from "../flag-help.ts";
import { cloudFlags, definitionsFlags, kubeconfigFlags, tokenFlags } from "./flags.ts";

export function cloudHelp(): string {
  return `Usage:  sampan cloud [OPTIONS]
        sampan cloud kubeconfig [OPTIONS]
        sampan cloud token [OPTIONS]
        sampan cloud install-crds [OPTIONS]

The cloud half: a Kubernetes API with its controllers, and the hub that edges connect to, in one process. No cluster is needed;
with --kubeconfig it works on one.
Signals: SIGTERM and SIGINT end it.

Commands:
  kubeconfig   Print a kubeconfig for this server with a new certificate
  token        Print the token by which edges join
  install-crds Make the fleet's kinds known to a cluster

Options:
${flagHelp(cloudFlags)}

Examples:
  sampan cloud --data-root /srv/cloud
  sampan cloud --tls-san cloud.example.com --advertise-address 192.0.2.10
  sampan cloud kubeconfig --data-root /srv/cloud > ~/.kube/config
  kubectl get --raw /readyz
`;
}

export function kubeconfigHelp(): string {
  return `Usage:  sampan cloud kubeconfig [OPTIONS]

Print a kubeconfig with a new certificate, whether the server runs or not. Who may read the data root may be anybody.

Options:
${flagHelp(kubeconfigFlags)}

Examples:
  sampan cloud kubeconfig > ~/.kube/config
  sampan cloud kubeconfig --server https://cloud.example.com:6443
  sampan cloud kubeconfig --user jane --group developers --valid-for 24h
`;
}

export function definitionsHelp(): string {
  return `Usage:  sampan cloud install-crds [OPTIONS]

Make the fleet's kinds (devices, rules, node groups, jobs) known to a cluster, or bring them up to date. The embedded API has them.

Options:
${flagHelp(definitionsFlags)}

Examples:
  sampan cloud install-crds --kubeconfig ~/.kube/config
`;
}

export function tokenHelp(): string {
  return `Usage:  sampan cloud token [OPTIONS]

Print the token by which edges join the cloud that runs on this data root. It is good for 12 hours at least, for any number of nodes.

Options:
${flagHelp(tokenFlags)}

Examples:
  sampan cloud token
  sampan cloud token --print-join-command --server cloud.example.com
`;
}
