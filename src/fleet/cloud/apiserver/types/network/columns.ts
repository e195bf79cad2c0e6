/** The columns of `kubectl get services`. */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { namedTable } from "../fields/columns.ts";
import { at, entries, number, text, texts } from "../fields/read.ts";
import { labelText } from "../fields/selectors.ts";

const none = "<none>";

export const serviceTable = namedTable([
  { name: "Type", description: "How it is reached.", cell: ({ spec }) => text(at(spec).type) },
  {
    name: "Cluster-IP",
    description: "Its address within the cluster.",
    cell: ({ spec }) => text(at(spec).clusterIP) || none,
  },
  { name: "External-IP", description: "Its address from outside.", cell: externalAddress },
  {
    name: "Port(s)",
    description: "Its ports, and those on the nodes.",
    cell: ({ spec }) =>
      entries(at(spec).ports)
        .map(({ port, nodePort, protocol }) => {
          const onNode = number(nodePort) === 0 ? "" : `:${number(nodePort)}`;
          return `${number(port)}${onNode}/${text(protocol)}`;
        })
        .join(",") || none,
  },
  {
    name: "Selector",
    wide: true,
    description: "Labels of the pods behind it.",
    cell: ({ spec }) => labelText(at(spec).selector),
  },
]);

function externalAddress({ spec, status }: KubeObject): string {
  const { type, externalIPs, externalName } = at(spec);
  const own = texts(externalIPs);
  if (type === "ExternalName") return text(externalName) || none;
  if (type !== "LoadBalancer") return own.join(",") || none;
  const given = entries(at(status, "loadBalancer").ingress).map(
    ({ ip, hostname }) => text(ip) || text(hostname),
  );
  return [...given, ...own].join(",") || "<pending>";
}
