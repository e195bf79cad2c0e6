/** What the containers of a pod must be. The schema has looked at types, required fields and enumerations before. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { duplicate, forbidden, invalid, notFound, notSupported, required } from "../fields/complaints.ts";
import { isPort, label, portName, portRule, variableName } from "../fields/names.ts";
import { at, entries, isFields, number, text, type Fields } from "../fields/read.ts";
import { lifecycleCauses, probeCauses } from "./handlers.ts";
import { resourceCauses } from "./resources.ts";
import { pathCauses } from "./paths.ts";

type List = "initContainers" | "containers" | "ephemeralContainers";

/** All containers of a specification. `field` is that of the specification. */
export function containersCauses(spec: Fields, field: string): StatusCause[] {
  const names = new Set<string>();
  const volumes = new Set(entries(spec.volumes).map(({ name }) => text(name)));
  const lists: readonly List[] = ["initContainers", "containers", "ephemeralContainers"];
  const none = Array.isArray(spec.containers) && spec.containers.length === 0;
  return [
    ...(none ? [required(`${field}.containers`)] : []),
    ...lists.flatMap((list) =>
      entries(spec[list]).flatMap((container, index) => {
        const here = `${field}.${list}[${index}]`;
        return [
          ...nameCauses(container, here, names),
          ...imageCauses(container, here),
          ...containerCauses(container, here, { volumes, hostNetwork: spec.hostNetwork === true }),
          ...(list === "initContainers" ? initCauses(container, here) : []),
          ...(list === "ephemeralContainers" ? ephemeralCauses(container, here, spec) : []),
        ];
      }),
    ),
    ...hostPortCauses(spec, field),
  ];
}

function nameCauses({ name }: Fields, field: string, taken: Set<string>): StatusCause[] {
  if (typeof name !== "string") return [];
  if (name === "") return [required(`${field}.name`)];
  const wrong = label(name).map((detail) => invalid(`${field}.name`, name, detail));
  if (taken.has(name)) return [...wrong, duplicate(`${field}.name`, name)];
  taken.add(name);
  return wrong;
}

function imageCauses({ image }: Fields, field: string): StatusCause[] {
  if (image === undefined || image === "") return [required(`${field}.image`)];
  if (typeof image !== "string" || image.trim() === image) return [];
  return [invalid(`${field}.image`, image, "must not have leading or trailing whitespace")];
}

interface Around {
  readonly volumes: ReadonlySet<string>;
  readonly hostNetwork: boolean;
}

function containerCauses(container: Fields, field: string, { volumes, hostNetwork }: Around): StatusCause[] {
  return [
    ...portsCauses(container, field, hostNetwork),
    ...envCauses(container, field),
    ...mountsCauses(container, field, volumes),
    ...resourceCauses(container.resources, `${field}.resources`),
    ...probeCauses(container.livenessProbe, `${field}.livenessProbe`, false),
    ...probeCauses(container.readinessProbe, `${field}.readinessProbe`, true),
    ...probeCauses(container.startupProbe, `${field}.startupProbe`, false),
    ...lifecycleCauses(container.lifecycle, `${field}.lifecycle`),
    ...securityCauses(container.securityContext, `${field}.securityContext`),
  ];
}

function portsCauses(container: Fields, field: string, hostNetwork: boolean): StatusCause[] {
  const names = new Set<string>();
  return entries(container.ports).flatMap((port, index) => {
    const here = `${field}.ports[${index}]`;
    const { name, containerPort, hostPort } = port;
    const named = text(name);
    const twice = named !== "" && names.has(named) ? [duplicate(`${here}.name`, named)] : [];
    names.add(named);
    return [
      ...(named === "" ? [] : portName(named).map((detail) => invalid(`${here}.name`, named, detail))),
      ...twice,
      ...(containerPort === 0 ? [required(`${here}.containerPort`)] : []),
      ...(containerPort !== 0 && typeof containerPort === "number" && !isPort(containerPort)
        ? [invalid(`${here}.containerPort`, containerPort, portRule)]
        : []),
      ...(typeof hostPort === "number" && hostPort !== 0 && !isPort(hostPort)
        ? [invalid(`${here}.hostPort`, hostPort, portRule)]
        : []),
      ...(hostNetwork && hostPort !== containerPort
        ? [
            invalid(
              `${here}.hostPort`,
              hostPort ?? 0,
              "must match `containerPort` when `hostNetwork` is true",
            ),
          ]
        : []),
    ];
  });
}

function hostPortCauses(spec: Fields, field: string): StatusCause[] {
  const taken = new Set<string>();
  return entries(spec.containers).flatMap((container, index) =>
    entries(container.ports).flatMap(({ hostPort, protocol, hostIP }, at) => {
      if (number(hostPort) === 0) return [];
      const place = `${text(protocol) || "TCP"}/${text(hostIP)}/${number(hostPort)}`;
      if (taken.has(place)) return [duplicate(`${field}.containers[${index}].ports[${at}].hostPort`, place)];
      taken.add(place);
      return [];
    }),
  );
}

const envSources = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
const envPaths = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];

function envCauses(container: Fields, field: string): StatusCause[] {
  return entries(container.env).flatMap((variable, index) => {
    const here = `${field}.env[${index}]`;
    const { name, value, valueFrom } = variable;
    return [
      ...(name === "" ? [required(`${here}.name`)] : []),
      ...(typeof name === "string" && name !== ""
        ? variableName(name).map((detail) => invalid(`${here}.name`, name, detail))
        : []),
      ...(isFields(valueFrom) ? sourceCauses(valueFrom, `${here}.valueFrom`, text(value)) : []),
    ];
  });
}

function sourceCauses(source: Fields, field: string, value: string): StatusCause[] {
  const given = envSources.filter((name) => isFields(source[name]));
  const path = text(at(source.fieldRef).fieldPath);
  const known = envPaths.includes(path) || /^metadata\.(labels|annotations)\['[^']+'\]$/.test(path);
  return [
    ...(given.length === 0
      ? [
          invalid(
            field,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
          ),
        ]
      : []),
    ...(given.length > 1 ? [invalid(field, "", "may not have more than one field specified at a time")] : []),
    ...(value !== "" ? [invalid(field, "", "may not be specified when `value` is not empty")] : []),
    ...(isFields(source.fieldRef) && path !== "" && !known
      ? [notSupported(`${field}.fieldRef.fieldPath`, path, envPaths)]
      : []),
  ];
}

function mountsCauses(container: Fields, field: string, volumes: ReadonlySet<string>): StatusCause[] {
  const taken = new Set<string>();
  return entries(container.volumeMounts).flatMap((mount, index) => {
    const here = `${field}.volumeMounts[${index}]`;
    const { name, mountPath, subPath, subPathExpr } = mount;
    const path = text(mountPath);
    const twice =
      path !== "" && taken.has(path) ? [invalid(`${here}.mountPath`, path, "must be unique")] : [];
    taken.add(path);
    return [
      ...(name === "" ? [required(`${here}.name`)] : []),
      ...(typeof name === "string" && name !== "" && !volumes.has(name)
        ? [notFound(`${here}.name`, name)]
        : []),
      ...(mountPath === "" ? [required(`${here}.mountPath`)] : []),
      ...twice,
      ...pathCauses(subPath, `${here}.subPath`),
      ...pathCauses(subPathExpr, `${here}.subPathExpr`),
      ...(text(subPath) !== "" && text(subPathExpr) !== ""
        ? [invalid(`${here}.subPathExpr`, subPathExpr, "subPathExpr and subPath are mutually exclusive")]
        : []),
    ];
  });
}

const highestId = 2_147_483_647;
export const idRule = `must be between 0 and ${highestId}, inclusive`;
export const isId = (value: unknown): boolean => number(value) >= 0 && number(value) <= highestId;

function securityCauses(context: unknown, field: string): StatusCause[] {
  const { runAsUser, runAsGroup, privileged, allowPrivilegeEscalation } = at(context);
  return [
    ...(isId(runAsUser) ? [] : [invalid(`${field}.runAsUser`, runAsUser, idRule)]),
    ...(isId(runAsGroup) ? [] : [invalid(`${field}.runAsGroup`, runAsGroup, idRule)]),
    ...(privileged === true && allowPrivilegeEscalation === false
      ? [invalid(field, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")]
      : []),
  ];
}

function initCauses(container: Fields, field: string): StatusCause[] {
  if (container.restartPolicy === "Always") return [];
  return ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"]
    .filter((name) => container[name] !== undefined)
    .map((name) =>
      forbidden(`${field}.${name}`, "may not be set for init containers without restartPolicy=Always"),
    );
}

function ephemeralCauses(container: Fields, field: string, spec: Fields): StatusCause[] {
  const refused = ["ports", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe"];
  const resources = at(container.resources);
  const target = text(container.targetContainerName);
  const known = [...entries(spec.containers), ...entries(spec.initContainers)].some(
    ({ name }) => name === target,
  );
  return [
    ...(target === "" || known ? [] : [notFound(`${field}.targetContainerName`, target)]),
    ...refused
      .filter((name) => container[name] !== undefined)
      .map((name) => forbidden(`${field}.${name}`, "cannot be set for an Ephemeral Container")),
    ...(Object.keys(resources).length > 0
      ? [forbidden(`${field}.resources`, "cannot be set for an Ephemeral Container")]
      : []),
  ];
}
