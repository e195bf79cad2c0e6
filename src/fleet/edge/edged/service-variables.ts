/** Variables that tell of services: Kubernetes' own and those of Docker's links. Pure. https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables */
import { isIP } from "node:net";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";

interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
}

interface ServiceSpec {
  readonly clusterIP?: string;
  readonly ports?: readonly ServicePort[];
}

/** More would not fit beside the program's words. */
const most = 1000;

/** Of the pod's own namespace unless enableServiceLinks is false; the API's own service is always told. */
export function serviceVariables(pod: Pod, services: readonly KubeObject[]): [string, string][] {
  const namespace = pod.metadata.namespace ?? "default";
  const links = pod.spec.enableServiceLinks !== false;
  const isApi = ({ metadata }: KubeObject) =>
    metadata.namespace === "default" && metadata.name === "kubernetes";
  return services
    .filter((service) => isApi(service) || (links && service.metadata.namespace === namespace))
    .toSorted((a, b) => Number(isApi(b)) - Number(isApi(a)))
    .slice(0, most)
    .flatMap(variables);
}

function variables({ metadata, ...object }: KubeObject): [string, string][] {
  const { clusterIP = "", ports = [] } = (object["spec"] ?? {}) as ServiceSpec;
  const [first] = ports;
  if (isIP(clusterIP) === 0 || !first) return [];
  const name = upper(metadata.name ?? "");
  const host = isIP(clusterIP) === 6 ? `[${clusterIP}]` : clusterIP;
  const url = ({ port, protocol = "TCP" }: ServicePort) => `${protocol.toLowerCase()}://${host}:${port}`;
  const links = ports.flatMap((port): [string, string][] => {
    const protocol = port.protocol ?? "TCP";
    const prefix = `${name}_PORT_${port.port}_${protocol.toUpperCase()}`;
    return [
      [prefix, url(port)],
      [`${prefix}_PROTO`, protocol.toLowerCase()],
      [`${prefix}_PORT`, String(port.port)],
      [`${prefix}_ADDR`, clusterIP],
    ];
  });
  const named = ports
    .filter((port) => port.name)
    .map((port): [string, string] => [`${name}_SERVICE_PORT_${upper(port.name ?? "")}`, String(port.port)]);
  return [
    [`${name}_SERVICE_HOST`, clusterIP],
    [`${name}_SERVICE_PORT`, String(first.port)],
    ...named,
    [`${name}_PORT`, url(first)],
    ...links,
  ];
}

const upper = (text: string) => text.toUpperCase().replaceAll("-", "_");
