/** The address and the node ports that a service is given, and keeps. */
import { isIPv6 } from "node:net";
import { KubeError, type KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { StrategyContext } from "../../resource.ts";
import { invalid } from "../fields/complaints.ts";
import { address } from "../fields/names.ts";
import { at, entries, give, made, number, text, texts, type Fields } from "../fields/read.ts";
import { clusterAddresses, hold, isClusterAddress, isFree, nodePorts, take } from "./addresses.ts";

/** The address of a service that has none. */
export const headless = "None";

export function hasNodePorts({ type }: Fields): boolean {
  return type === "NodePort" || type === "LoadBalancer";
}

/** A replacement that says nothing of addresses and ports keeps them. */
export function keepGiven(service: KubeObject, { spec: given }: KubeObject): void {
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

export const portKey = ({ protocol, port }: Fields): string => `${text(protocol)}/${number(port)}`;

/** The service's address and its ports on the nodes. */
export function allocate(service: KubeObject, context: StrategyContext): void {
  const spec = at(service.spec);
  if (spec.type === "ExternalName") return;
  giveAddress(service, spec, context);
  give(spec, "ipFamilies", [isIPv6(text(spec.clusterIP)) ? "IPv6" : "IPv4"]);
  give(spec, "ipFamilyPolicy", "SingleStack");
  if (hasNodePorts(spec)) givePorts(service, spec, context);
}

function giveAddress(service: KubeObject, spec: Fields, ledger: StrategyContext): void {
  const asked = text(spec.clusterIP) || texts(spec.clusterIPs)[0] || "";
  const holder = { service, ledger, taken: new Set<string>() };
  const given = asked === "" ? take(clusterAddresses, "", holder) : asked;
  if (given === undefined) throw full("no cluster address is left");
  // What is no address at all is complained of later, with all else.
  if (asked !== "" && asked !== headless && address(asked).length === 0) holdAsked(asked, holder);
  spec.clusterIP = given;
  if (texts(spec.clusterIPs).length === 0) spec.clusterIPs = [given];
}

function holdAsked(asked: string, holder: { service: KubeObject; ledger: StrategyContext }): void {
  const refuse = (why: string): KubeError =>
    refused(holder.service, "spec.clusterIPs", {
      value: [asked],
      why: `failed to allocate IP ${asked}: ${why}`,
    });
  if (!isClusterAddress(asked)) {
    throw refuse(
      `the provided IP (${asked}) is not in the valid range. The range of valid IPs is 10.96.0.0/12`,
    );
  }
  if (!isFree(clusterAddresses, asked, holder)) throw refuse("provided IP is already allocated");
  hold(clusterAddresses, asked, holder);
}

function givePorts(service: KubeObject, spec: Fields, ledger: StrategyContext): void {
  const ports = entries(spec.ports);
  // Without being wanted none is given, but one that is asked for is held like any other.
  const wanted = spec.type === "NodePort" || spec.allocateLoadBalancerNodePorts === true;
  const own = new Set(ports.map(({ nodePort }) => String(number(nodePort))));
  for (const [index, port] of ports.entries()) {
    const holder = { service, ledger, taken: own };
    const asked = number(port.nodePort);
    if (asked === 0 && !wanted) continue;
    if (asked === 0) {
      const given = take(nodePorts, portKey(port), holder);
      if (given === undefined) throw full("no node port is left");
      own.add(given);
      port.nodePort = Number(given);
      continue;
    }
    const refuse = (why: string): KubeError =>
      refused(service, `spec.ports[${index}].nodePort`, { value: asked, why });
    if (asked < 30000 || asked > 32767) {
      throw refuse("provided port is not in the valid range. The range of valid ports is 30000-32767");
    }
    if (!isFree(nodePorts, String(asked), holder)) throw refuse("provided port is already allocated");
    hold(nodePorts, String(asked), holder);
  }
}

function full(why: string): KubeError {
  return new KubeError("InternalError", `failed to allocate for the service: ${why}`);
}

function refused(
  { metadata: { name = "" } }: KubeObject,
  field: string,
  { value, why }: { readonly value: unknown; readonly why: string },
): KubeError {
  const cause = invalid(field, value, why);
  return new KubeError("Invalid", `Service "${name}" is invalid: ${field}: ${cause.message ?? ""}`, {
    name,
    kind: "Service",
    causes: [cause],
  });
}
