/** Services: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/ */
import { isIPv6 } from "node:net";
import { KubeError, type KubeObject, type StatusCause } from "../../../kube.ts";
import type { Strategy, StrategyContext } from "../../resource.ts";
import { labelText } from "../workloads/daemonsets.ts";
import { namedTable } from "../fields/columns.ts";
import { duplicate, forbidden, immutableRule, invalid, required } from "../fields/complaints.ts";
import { labelCauses } from "../fields/metadata.ts";
import { address, isPort, label, portRule, subdomain } from "../fields/names.ts";
import { at, entries, give, made, number, text, texts, type Fields } from "../fields/read.ts";
import { portCauses } from "../pods/handlers.ts";
import { clusterAddresses, hold, isFree, nodePorts, take } from "./addresses.ts";

const headless = "None";
const none = "<none>";

export const serviceStrategy: Strategy = {
  default(service) {
    const spec = made(service, "spec");
    give(spec, "type", "ClusterIP");
    give(spec, "sessionAffinity", "None");
    if (spec.type !== "ExternalName") give(spec, "internalTrafficPolicy", "Cluster");
    if (hasNodePorts(spec)) give(spec, "externalTrafficPolicy", "Cluster");
    if (spec.type === "LoadBalancer") give(spec, "allocateLoadBalancerNodePorts", true);
    if (spec.sessionAffinity === "ClientIP") {
      give(made(made(spec, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds", 10_800);
    }
    for (const port of entries(spec.ports)) {
      give(port, "protocol", "TCP");
      if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "")
        port.targetPort = port.port;
    }
  },
  prepareForCreate(service, context) {
    allocate(service, context);
    service.status = { loadBalancer: {} };
  },
  prepareForUpdate(service, old, context) {
    if (context.subresource !== undefined) return;
    keepGiven(service, old);
    allocate(service, context);
  },
  validate: (service) => serviceCauses(at(service.spec)),
  validateUpdate({ spec }, { spec: old }) {
    const had = text(at(old).clusterIP);
    const has = text(at(spec).clusterIP);
    const both = ![at(spec).type, at(old).type].includes("ExternalName");
    if (!both || had === "" || had === has) return [];
    return [
      invalid("spec.clusterIPs[0]", [has], `may not change once set`),
      invalid("spec.clusterIP", has, immutableRule),
    ];
  },
  selectableFields: ({ spec }) => ({
    "spec.clusterIP": text(at(spec).clusterIP),
    "spec.type": text(at(spec).type),
  }),
};

function hasNodePorts({ type }: Fields): boolean {
  return type === "NodePort" || type === "LoadBalancer";
}

/** A replacement that says nothing of addresses and ports keeps them. */
function keepGiven(service: KubeObject, { spec: given }: KubeObject): void {
  const spec = made(service, "spec");
  const old = at(given);
  if (spec.type === "ExternalName" || old.type === "ExternalName") {
    if (spec.type === "ExternalName") {
      for (const name of ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]) delete spec[name];
    }
    return;
  }
  if (text(spec.clusterIP) === "" && texts(spec.clusterIPs).length === 0) {
    for (const name of ["clusterIP", "clusterIPs"])
      if (old[name] !== undefined) spec[name] = structuredClone(old[name]);
  }
  for (const name of ["ipFamilies", "ipFamilyPolicy"]) {
    if (old[name] !== undefined) give(spec, name, structuredClone(old[name]));
  }
  if (!hasNodePorts(spec)) {
    if (hasNodePorts(old)) {
      delete spec.externalTrafficPolicy;
      delete spec.allocateLoadBalancerNodePorts;
      for (const port of entries(spec.ports)) delete port.nodePort;
    }
    return;
  }
  const before = new Map(entries(old.ports).map((port) => [portKey(port), port.nodePort]));
  for (const port of entries(spec.ports)) {
    const nodePort = before.get(portKey(port));
    if (nodePort !== undefined && number(port.nodePort) === 0) port.nodePort = nodePort;
  }
}

const portKey = ({ protocol, port }: Fields): string => `${text(protocol)}/${number(port)}`;

/** The service's address and its ports on the nodes. */
function allocate(service: KubeObject, context: StrategyContext): void {
  const spec = at(service.spec);
  if (spec.type === "ExternalName") return;
  giveAddress(service, spec, context);
  give(spec, "ipFamilies", [isIPv6(text(spec.clusterIP)) ? "IPv6" : "IPv4"]);
  give(spec, "ipFamilyPolicy", "SingleStack");
  const wanted = spec.type === "NodePort" || spec.allocateLoadBalancerNodePorts === true;
  if (wanted) givePorts(service, spec, context);
}

function giveAddress(service: KubeObject, spec: Fields, ledger: StrategyContext): void {
  const asked = text(spec.clusterIP) || texts(spec.clusterIPs)[0] || "";
  const holder = { service, ledger, taken: new Set<string>() };
  if (asked === "") {
    const given = take(clusterAddresses, "", holder);
    if (given === undefined) throw full("no cluster address is left");
    spec.clusterIP = given;
  } else {
    spec.clusterIP = asked;
    if (asked !== headless && address(asked).length === 0) {
      if (!isFree(clusterAddresses, asked, holder))
        throw taken(service, "spec.clusterIPs", asked, "provided IP is already allocated");
      hold(clusterAddresses, asked, holder);
    }
  }
  if (texts(spec.clusterIPs).length === 0) spec.clusterIPs = [spec.clusterIP];
}

function givePorts(service: KubeObject, spec: Fields, ledger: StrategyContext): void {
  const ports = entries(spec.ports);
  const own = new Set(ports.map(({ nodePort }) => String(number(nodePort))));
  for (const [index, port] of ports.entries()) {
    const holder = { service, ledger, taken: own };
    const asked = number(port.nodePort);
    if (asked === 0) {
      const given = take(nodePorts, portKey(port), holder);
      if (given === undefined) throw full("no node port is left");
      own.add(given);
      port.nodePort = Number(given);
      continue;
    }
    const field = `spec.ports[${index}].nodePort`;
    if (asked < 30000 || asked > 32767) {
      throw taken(
        service,
        field,
        asked,
        "provided port is not in the valid range. The range of valid ports is 30000-32767",
      );
    }
    if (!isFree(nodePorts, String(asked), holder))
      throw taken(service, field, asked, "provided port is already allocated");
    hold(nodePorts, String(asked), holder);
  }
}

function full(why: string): KubeError {
  return new KubeError("InternalError", `failed to allocate for the service: ${why}`);
}

function taken(
  { metadata: { name = "" } }: KubeObject,
  field: string,
  value: unknown,
  why: string,
): KubeError {
  const cause = invalid(field, value, why);
  return new KubeError("Invalid", `Service "${name}" is invalid: ${field}: ${cause.message ?? ""}`, {
    name,
    kind: "Service",
    causes: [cause],
  });
}

function serviceCauses(spec: Fields): StatusCause[] {
  const { type, clusterIP, externalName, selector } = spec;
  const external = type === "ExternalName";
  return [
    ...(external
      ? text(externalName) === ""
        ? [required("spec.externalName")]
        : subdomain(text(externalName).replace(/\.$/, "")).map((detail) =>
            invalid("spec.externalName", externalName, detail),
          )
      : []),
    ...(external && text(clusterIP) !== ""
      ? [forbidden("spec.clusterIPs[0]", "may not be set for ExternalName services")]
      : []),
    ...(clusterIP === headless && hasNodePorts(spec)
      ? [invalid("spec.clusterIPs[0]", headless, `may not be set to 'None' for ${text(type)} services`)]
      : []),
    ...(text(clusterIP) !== "" && clusterIP !== headless
      ? address(text(clusterIP)).map((detail) => invalid("spec.clusterIPs[0]", clusterIP, detail))
      : []),
    ...labelCauses(selector, "spec.selector"),
    ...(!external && clusterIP !== headless && entries(spec.ports).length === 0
      ? [required("spec.ports")]
      : []),
    ...portsCauses(spec),
    ...texts(spec.externalIPs).flatMap((each, index) =>
      address(each).map((detail) => invalid(`spec.externalIPs[${index}]`, each, detail)),
    ),
  ];
}

function portsCauses(spec: Fields): StatusCause[] {
  const ports = entries(spec.ports);
  const names = new Set<string>();
  const pairs = new Set<string>();
  return ports.flatMap((each, index) => {
    const here = `spec.ports[${index}]`;
    const name = text(each.name);
    const pair = portKey(each);
    const twice = name !== "" && names.has(name) ? [duplicate(`${here}.name`, name)] : [];
    const again = pairs.has(pair) ? [duplicate(here, { port: each.port, protocol: each.protocol })] : [];
    names.add(name);
    pairs.add(pair);
    return [
      ...(name === "" && ports.length > 1 ? [required(`${here}.name`)] : []),
      ...(name === "" ? [] : label(name).map((detail) => invalid(`${here}.name`, name, detail))),
      ...twice,
      ...(isPort(each.port) ? [] : [invalid(`${here}.port`, each.port, portRule)]),
      ...portCauses(each.targetPort, `${here}.targetPort`),
      ...(number(each.nodePort) !== 0 && !hasNodePorts(spec)
        ? [forbidden(`${here}.nodePort`, `may not be used when \`type\` is '${text(spec.type)}'`)]
        : []),
      ...again,
    ];
  });
}

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
