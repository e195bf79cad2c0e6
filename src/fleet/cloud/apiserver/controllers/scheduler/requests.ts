/** What a pod asks for. Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers and sidecar-containers */
import type { Container, Pod, Quantities } from "../kinds.ts";
import { milliOf, unitsOf } from "../../../../../spec/kubernetes/quantity.ts";

/** Resource name → whole units, parts counted as one: thousandths of a processor for `cpu`, the plain number for all others. */
export type Amounts = ReadonlyMap<string, number>;

/** What is no quantity counts as 0: the server checked it when it was written. */
export function amountsOf(quantities: Quantities | undefined): Amounts {
  return new Map(
    Object.entries(quantities ?? {}).map(([name, value]) => [
      name,
      name === "cpu" ? milliOf(value) : unitsOf(value),
    ]),
  );
}

function merge(into: Map<string, number>, from: Amounts, how: (a: number, b: number) => number): void {
  for (const [name, value] of from) into.set(name, how(into.get(name) ?? 0, value));
}

const plus = (a: number, b: number): number => a + b;

function requests(container: Container): Amounts {
  // A limit without a request is a request; the server's defaults say so too.
  const { limits, requests: wanted } = container.resources ?? {};
  return amountsOf({ ...limits, ...wanted });
}

/** All containers together, or the greediest moment of the start: an init container beside the sidecars begun before it. Plus the overhead of the sandbox. */
export function requestsOf(pod: Pod): Amounts {
  const key = askingPart(pod);
  const known = counted.get(key);
  if (known) return known;
  const amounts = count(pod);
  counted.set(key, amounts);
  return amounts;
}

/** Objects are never changed, so that each is counted once. */
const counted = new WeakMap<object, Amounts>();

/** What alone decides on what a pod asks for: as a rule its containers, which are one object for all pods of a template (../../../informer/lean.ts). */
function askingPart(pod: Pod): object {
  const { containers, initContainers = [], overhead } = pod.spec;
  return initContainers.length === 0 && overhead === undefined ? containers : pod;
}

function count(pod: Pod): Amounts {
  const { containers, initContainers = [], overhead } = pod.spec;
  const running = new Map<string, number>();
  const sidecars = new Map<string, number>();
  const starting = new Map<string, number>();
  for (const container of containers) merge(running, requests(container), plus);
  for (const container of initContainers) {
    const own = requests(container);
    if (container.restartPolicy === "Always") {
      merge(sidecars, own, plus);
      merge(running, own, plus);
      merge(starting, sidecars, Math.max);
      continue;
    }
    const moment = new Map(sidecars);
    merge(moment, own, plus);
    merge(starting, moment, Math.max);
  }
  merge(running, starting, Math.max);
  merge(running, amountsOf(overhead), plus);
  return running;
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export function hostPortsOf(pod: Pod): readonly HostPort[] {
  const key = askingPart(pod);
  const known = taken.get(key);
  if (known) return known;
  const ports = listPorts(pod);
  taken.set(key, ports);
  return ports;
}

const taken = new WeakMap<object, readonly HostPort[]>();

function listPorts(pod: Pod): readonly HostPort[] {
  const sidecars = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === "Always");
  const ports = [...pod.spec.containers, ...sidecars].flatMap(({ ports: own = [] }) => own);
  return ports
    .map(({ hostPort = 0, hostIP, protocol = "TCP" }) => {
      return { ip: hostIP === undefined || hostIP === "" ? "0.0.0.0" : hostIP, protocol, port: hostPort };
    })
    .filter(({ port }) => port > 0);
}

export function portsClash(a: HostPort, b: HostPort): boolean {
  const isSameAddress = a.ip === b.ip || a.ip === "0.0.0.0" || b.ip === "0.0.0.0";
  return isSameAddress && a.port === b.port && a.protocol === b.protocol;
}
