/** What the volumes of a pod must be. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { duplicate, forbidden, invalid, required } from "../fields/complaints.ts";
import { label } from "../fields/names.ts";
import { entries, entryOf, isFields, number, text, type Fields } from "../fields/read.ts";
import { nanoOf } from "../../../../../spec/kubernetes/quantity.ts";
import { backstepCauses, pathCauses } from "./paths.ts";

const modeRule = "must be a number between 0 and 0777 (octal), both inclusive";

export function volumesCauses(volumes: unknown, field: string): StatusCause[] {
  const taken = new Set<string>();
  return entries(volumes).flatMap((volume, index) => {
    const here = `${field}[${index}]`;
    const name = text(volume.name);
    const twice = name !== "" && taken.has(name) ? [duplicate(`${here}.name`, name)] : [];
    taken.add(name);
    return [
      ...(volume.name === "" ? [required(`${here}.name`)] : []),
      ...(name === "" ? [] : label(name).map((detail) => invalid(`${here}.name`, name, detail))),
      ...twice,
      ...sourceCauses(volume, here),
    ];
  });
}

function sourceCauses(volume: Fields, field: string): StatusCause[] {
  const [first, ...more] = Object.keys(volume).filter((name) => name !== "name" && isFields(volume[name]));
  if (first === undefined) return [required(field, "must specify a volume type")];
  const source = volume[first];
  return [
    ...more.map((name) => forbidden(`${field}.${name}`, "may not specify more than 1 volume type")),
    ...(isFields(source) ? (entryOf(rules, first)?.(source, `${field}.${first}`) ?? []) : []),
  ];
}

type Rule = (source: Fields, field: string) => StatusCause[];

const rules: Readonly<Record<string, Rule>> = {
  hostPath: (source, field) => [
    ...needed(source, field, "path"),
    ...backstepCauses(source.path, `${field}.path`),
  ],
  emptyDir: ({ sizeLimit }, field) =>
    nanoOf(sizeLimit) < 0n
      ? [invalid(`${field}.sizeLimit`, sizeLimit, "SizeLimit field must be a valid resource quantity")]
      : [],
  configMap: (source, field) => [...named(source, field, "name"), ...filesCauses(source, field)],
  secret: (source, field) => [...named(source, field, "secretName"), ...filesCauses(source, field)],
  persistentVolumeClaim: (source, field) => needed(source, field, "claimName"),
  nfs: (source, field) => [
    ...needed(source, field, "server"),
    ...needed(source, field, "path"),
    ...(text(source.path) !== "" && !text(source.path).startsWith("/")
      ? [invalid(`${field}.path`, source.path, "must be an absolute path")]
      : []),
  ],
  downwardAPI: (source, field) => [
    ...modeCauses(source.defaultMode, `${field}.defaultMode`),
    ...itemPaths(source, field),
  ],
  projected: (source, field) => [
    ...modeCauses(source.defaultMode, `${field}.defaultMode`),
    ...entries(source.sources).flatMap((part, index) => partCauses(part, `${field}.sources[${index}]`)),
  ],
};

/** A string that the schema asks for, but that is empty. */
function needed(source: Fields, field: string, name: string): StatusCause[] {
  return source[name] === "" ? [required(`${field}.${name}`)] : [];
}

/** A string that must be there, though the schema lets it be absent. */
function named(source: Fields, field: string, name: string): StatusCause[] {
  return text(source[name]) === "" ? [required(`${field}.${name}`)] : [];
}

function partCauses(part: Fields, field: string): StatusCause[] {
  const { configMap, secret, downwardAPI, serviceAccountToken } = part;
  return [
    ...(isFields(configMap)
      ? [...named(configMap, `${field}.configMap`, "name"), ...itemPaths(configMap, `${field}.configMap`)]
      : []),
    ...(isFields(secret)
      ? [...named(secret, `${field}.secret`, "name"), ...itemPaths(secret, `${field}.secret`)]
      : []),
    ...(isFields(downwardAPI) ? itemPaths(downwardAPI, `${field}.downwardAPI`) : []),
    ...(isFields(serviceAccountToken)
      ? tokenCauses(serviceAccountToken, `${field}.serviceAccountToken`)
      : []),
  ];
}

function tokenCauses({ path, expirationSeconds }: Fields, field: string): StatusCause[] {
  const seconds = number(expirationSeconds, 3600);
  return [
    ...(path === "" ? [required(`${field}.path`)] : []),
    ...pathCauses(path, `${field}.path`),
    ...(seconds < 600
      ? [invalid(`${field}.expirationSeconds`, seconds, "may not specify a duration less than 10 minutes")]
      : []),
  ];
}

function filesCauses(source: Fields, field: string): StatusCause[] {
  return [...modeCauses(source.defaultMode, `${field}.defaultMode`), ...itemPaths(source, field)];
}

function itemPaths({ items }: Fields, field: string): StatusCause[] {
  return entries(items).flatMap((item, index) => {
    const here = `${field}.items[${index}]`;
    return [
      ...(item.key === "" ? [required(`${here}.key`)] : []),
      ...(item.path === "" ? [required(`${here}.path`)] : []),
      ...pathCauses(item.path, `${here}.path`),
      ...modeCauses(item.mode, `${here}.mode`),
    ];
  });
}

function modeCauses(mode: unknown, field: string): StatusCause[] {
  return typeof mode === "number" && (mode < 0 || mode > 0o777) ? [invalid(field, mode, modeRule)] : [];
}
