/** Services: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/ */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import type { Strategy } from "../../resource.ts";
import { duplicate, forbidden, immutableRule, invalid, required } from "../fields/complaints.ts";
import { labelCauses } from "../fields/metadata.ts";
import { address, isPort, label, portRule, subdomain } from "../fields/names.ts";
import { at, entries, give, made, number, text, texts, type Fields } from "../fields/read.ts";
import { portCauses } from "../pods/handlers.ts";
import { allocate, hasNodePorts, headless, keepGiven, portKey } from "./allocate.ts";

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
    ...addressesCauses(spec),
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

/** The list says the same as the one address: this cluster has one range, of one family. What nobody holds in that range would be anybody's address. */
function addressesCauses({ type, clusterIP, clusterIPs }: Fields): StatusCause[] {
  const all = Array.isArray(clusterIPs) ? (clusterIPs as unknown[]) : [];
  if (all.length === 0) return [];
  if (type === "ExternalName")
    return [forbidden("spec.clusterIPs", "may not be set for ExternalName services")];
  if (all.length > 1)
    return [invalid("spec.clusterIPs", all, "may hold one address: this cluster has those of one family")];
  return all[0] === clusterIP
    ? []
    : [invalid("spec.clusterIPs", all, "first value must match `clusterIP` when both are specified")];
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
