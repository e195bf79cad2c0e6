/** What a pod's specification must be: of pods (`spec`) and of templates (`spec.template.spec`). */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { invalid, required } from "../fields/complaints.ts";
import { annotationCauses, labelCauses } from "../fields/metadata.ts";
import { address, label, subdomain, type NameRule } from "../fields/names.ts";
import { at, entries, isFields, number, text, texts, type Fields } from "../fields/read.ts";
import { containersCauses, idRule, isId } from "./containers.ts";
import { placementCauses } from "./placement.ts";
import { volumesCauses } from "./volumes.ts";

export function podSpecCauses(spec: Fields, field: string): StatusCause[] {
  return [
    ...volumesCauses(spec.volumes, `${field}.volumes`),
    ...containersCauses(spec, field),
    ...placementCauses(spec, field),
    ...nameCauses(spec, field),
    ...numberCauses(spec, field),
    ...hostCauses(spec, field),
    ...dnsCauses(spec, field),
    ...securityCauses(at(spec.securityContext), `${field}.securityContext`),
  ];
}

/** A template: labels, annotations and the specification. */
export function templateCauses(template: unknown, field: string): StatusCause[] {
  const { metadata, spec } = at(template);
  if (template !== undefined && spec === undefined) return [required(`${field}.spec.containers`)];
  return [
    ...labelCauses(at(metadata).labels, `${field}.labels`),
    ...annotationCauses(at(metadata).annotations, `${field}.annotations`),
    ...podSpecCauses(at(spec), `${field}.spec`),
  ];
}

const names: Readonly<Record<string, NameRule>> = {
  serviceAccountName: subdomain,
  nodeName: subdomain,
  runtimeClassName: subdomain,
  priorityClassName: subdomain,
  hostname: label,
  subdomain: label,
};

function nameCauses(spec: Fields, field: string): StatusCause[] {
  return [
    ...Object.entries(names).flatMap(([name, rule]) => {
      const value = text(spec[name]);
      return value === "" ? [] : rule(value).map((detail) => invalid(`${field}.${name}`, value, detail));
    }),
    ...labelCauses(spec.nodeSelector, `${field}.nodeSelector`),
  ];
}

function numberCauses(spec: Fields, field: string): StatusCause[] {
  const { activeDeadlineSeconds: deadline, terminationGracePeriodSeconds: grace } = spec;
  const most = 2_147_483_647;
  return [
    ...(typeof deadline === "number" && (deadline < 1 || deadline > most)
      ? [invalid(`${field}.activeDeadlineSeconds`, deadline, `must be between 1 and ${most}, inclusive`)]
      : []),
    ...(number(grace) < 0
      ? [invalid(`${field}.terminationGracePeriodSeconds`, grace, "must be greater than or equal to 0")]
      : []),
  ];
}

function hostCauses(spec: Fields, field: string): StatusCause[] {
  return [
    ...(spec.shareProcessNamespace === true && spec.hostPID === true
      ? [
          invalid(
            `${field}.shareProcessNamespace`,
            true,
            "ShareProcessNamespace and HostPID cannot both be enabled",
          ),
        ]
      : []),
    ...entries(spec.hostAliases).flatMap(({ ip, hostnames }, index) => [
      ...address(text(ip)).map((detail) => invalid(`${field}.hostAliases[${index}].ip`, ip, detail)),
      ...texts(hostnames).flatMap((name) =>
        subdomain(name).map((detail) => invalid(`${field}.hostAliases[${index}].hostnames`, name, detail)),
      ),
    ]),
  ];
}

function dnsCauses({ dnsPolicy, dnsConfig }: Fields, field: string): StatusCause[] {
  const servers = texts(at(dnsConfig).nameservers);
  const here = `${field}.dnsConfig`;
  return [
    ...(dnsPolicy === "None" && !isFields(dnsConfig)
      ? [required(here, "must provide `dnsConfig` when `dnsPolicy` is None")]
      : []),
    ...(dnsPolicy === "None" && isFields(dnsConfig) && servers.length === 0
      ? [required(`${here}.nameservers`, "must provide at least one DNS nameserver when `dnsPolicy` is None")]
      : []),
    ...servers.flatMap((server, index) =>
      address(server).map((detail) => invalid(`${here}.nameservers[${index}]`, server, detail)),
    ),
  ];
}

function securityCauses(context: Fields, field: string): StatusCause[] {
  return ["fsGroup", "runAsUser", "runAsGroup"]
    .filter((name) => !isId(context[name]))
    .map((name) => invalid(`${field}.${name}`, context[name], idRule));
}
