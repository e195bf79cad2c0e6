/** Pods: what is particular to them when they are written. */
import type { Strategy } from "../../resource.ts";
import { at, entries, entryOf, made, number, text, type Fields } from "../fields/read.ts";
import { admitPod } from "./admission.ts";
import { defaultPod } from "./defaults.ts";
import { podSpecCauses } from "./spec.ts";
import { ephemeralUpdateCauses, podUpdateCauses } from "./update.ts";

const usualGrace = 30;

export const podStrategy: Strategy = {
  default(pod) {
    defaultPod(made(pod, "spec"));
  },
  prepareForCreate(pod, context) {
    // Ephemeral containers come later, by their own subresource.
    delete at(pod.spec).ephemeralContainers;
    admitPod(pod, context);
  },
  prepareForUpdate(pod, old, { subresource }) {
    if (subresource !== undefined) return;
    const before = at(old.spec).ephemeralContainers;
    if (before === undefined) delete at(pod.spec).ephemeralContainers;
    else made(pod, "spec").ephemeralContainers = structuredClone(before);
  },
  validate: (pod) => podSpecCauses(at(pod.spec), "spec"),
  validateUpdate(pod, old, { subresource }) {
    if (subresource === "ephemeralcontainers") return ephemeralUpdateCauses(pod, old);
    return subresource === undefined ? podUpdateCauses(pod, old) : [];
  },
  gracePeriod(pod, wanted) {
    const { nodeName, terminationGracePeriodSeconds } = at(pod.spec);
    const { phase } = at(pod.status);
    // Nobody has to end what never started or is over.
    if (text(nodeName) === "" || phase === "Succeeded" || phase === "Failed") return undefined;
    const seconds = wanted ?? number(terminationGracePeriodSeconds, usualGrace);
    if (seconds < 0) return 1;
    return seconds === 0 ? undefined : seconds;
  },
  selectableFields({ spec, status }) {
    const { nodeName, restartPolicy, schedulerName, serviceAccountName, hostNetwork } = at(spec);
    const { phase, podIP, nominatedNodeName } = at(status);
    return {
      "spec.nodeName": text(nodeName),
      "spec.restartPolicy": text(restartPolicy),
      "spec.schedulerName": text(schedulerName),
      "spec.serviceAccountName": text(serviceAccountName),
      "spec.hostNetwork": String(hostNetwork === true),
      "status.phase": text(phase),
      "status.podIP": text(podIP),
      "status.nominatedNodeName": text(nominatedNodeName),
    };
  },
  warnings: (pod) => podWarnings(at(pod.spec), "spec"),
};

/** Things that are allowed and seldom meant. */
export function podWarnings(spec: Fields, field: string): string[] {
  const oldLabels = Object.keys(at(spec.nodeSelector)).flatMap((key) => {
    const name = entryOf(replacedLabels, key);
    return name ? [`${field}.nodeSelector[${key}]: deprecated since v1.14; use "${name}" instead`] : [];
  });
  const repeated = ["initContainers", "containers"].flatMap((list) =>
    entries(spec[list]).flatMap((container, index) => repeatedIn(container, `${field}.${list}[${index}]`)),
  );
  return [...oldLabels, ...repeated];
}

function repeatedIn({ env, ports }: Fields, field: string): string[] {
  const names = entries(env).map(({ name }) => text(name));
  const places = entries(ports).map(
    ({ containerPort, protocol }) => `${number(containerPort)}/${text(protocol)}`,
  );
  return [
    ...names.flatMap((name, index) =>
      names.indexOf(name) === index
        ? []
        : [
            `${field}.env[${index}]: hides previous definition of "${name}", which may be dropped when using apply`,
          ],
    ),
    ...places.flatMap((place, index) => {
      const first = places.indexOf(place);
      return first === index
        ? []
        : [`${field}.ports[${index}]: duplicate port definition with ${field}.ports[${first}]`];
    }),
  ];
}

const replacedLabels: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": "kubernetes.io/arch",
  "beta.kubernetes.io/os": "kubernetes.io/os",
  "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
};
