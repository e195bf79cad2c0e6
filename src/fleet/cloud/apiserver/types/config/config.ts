/** Config maps and secrets. */
import type { KubeObject, StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import type { Strategy } from "../../resource.ts";
import { namedTable } from "../fields/columns.ts";
import { forbidden, invalid, required, tooLong } from "../fields/complaints.ts";
import { same } from "../fields/metadata.ts";
import { configKey } from "../fields/names.ts";
import { at, entryOf, give, text } from "../fields/read.ts";
import { immutableCauses } from "../workloads/counts.ts";

/** All values of an object together, in bytes. */
const most = 1024 * 1024;

export const configMapStrategy: Strategy = {
  validate(object) {
    const { data, binaryData } = object;
    const both = Object.keys(at(binaryData)).filter((key) => Object.hasOwn(at(data), key));
    const bytes = size(data, (value) => Buffer.byteLength(value)) + size(binaryData, decodedLength);
    return [
      ...keyCauses(data, "data"),
      ...keyCauses(binaryData, "binaryData"),
      ...both.map((key) => invalid(`data[${key}]`, key, `duplicate of key present in binaryData`)),
      ...(bytes > most ? [tooLong("", most)] : []),
    ];
  },
  validateUpdate: (object, old) => frozenCauses(object, old, ["data", "binaryData"]),
};

export const configMapTable = namedTable([
  {
    name: "Data",
    type: "string",
    description: "How many keys it has.",
    cell: ({ data, binaryData }) => Object.keys(at(data)).length + Object.keys(at(binaryData)).length,
  },
]);

/** What secrets of a type must have. https://kubernetes.io/docs/concepts/configuration/secret/#secret-types */
const needs: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};
const accountAnnotation = "kubernetes.io/service-account.name";

export const secretStrategy: Strategy = {
  default(secret) {
    const plain = Object.entries(at(secret.stringData));
    if (plain.length > 0) {
      const encoded = plain.map(
        ([key, value]) => [key, Buffer.from(text(value)).toString("base64")] as const,
      );
      secret.data = { ...at(secret.data), ...Object.fromEntries(encoded) };
    }
    delete secret.stringData;
    give(secret, "type", "Opaque");
  },
  validate(secret) {
    const type = text(secret.type);
    const data = at(secret.data);
    return [
      ...keyCauses(data, "data"),
      ...(size(data, decodedLength) > most ? [tooLong("data", most)] : []),
      ...(entryOf(needs, type) ?? [])
        .filter((key) => !Object.hasOwn(data, key))
        .map((key) => required(`data[${key}]`)),
      ...(type === "kubernetes.io/dockerconfigjson" ? jsonCauses(data, ".dockerconfigjson") : []),
      ...(type === "kubernetes.io/dockercfg" ? jsonCauses(data, ".dockercfg") : []),
      ...(type === "kubernetes.io/basic-auth" && !("username" in data) && !("password" in data)
        ? [required("data[username]"), required("data[password]")]
        : []),
      ...(type === "kubernetes.io/service-account-token" && !secret.metadata.annotations?.[accountAnnotation]
        ? [required(`metadata.annotations[${accountAnnotation}]`)]
        : []),
    ];
  },
  validateUpdate: (secret, old) => [
    ...immutableCauses(secret, old, ["type"]),
    ...frozenCauses(secret, old, ["data"]),
  ],
  selectableFields: ({ type }) => ({ type: text(type) }),
};

export const secretTable = namedTable([
  { name: "Type", description: "What it is for.", cell: ({ type }) => text(type) },
  {
    name: "Data",
    type: "string",
    description: "How many keys it has.",
    cell: ({ data }) => Object.keys(at(data)).length,
  },
]);

function keyCauses(data: unknown, field: string): StatusCause[] {
  return Object.keys(at(data)).flatMap((key) =>
    configKey(key).map((detail) => invalid(`${field}[${key}]`, key, detail)),
  );
}

function jsonCauses(data: Record<string, unknown>, key: string): StatusCause[] {
  if (!Object.hasOwn(data, key)) return [];
  try {
    JSON.parse(Buffer.from(text(data[key]), "base64").toString());
    return [];
  } catch {
    return [invalid(`data[${key}]`, "<secret contents redacted>", "invalid JSON")];
  }
}

const decodedLength = (value: string): number => Buffer.byteLength(value, "base64");

function size(data: unknown, measure: (value: string) => number): number {
  return Object.values(at(data)).reduce<number>((sum, value) => sum + measure(text(value)), 0);
}

/** Once immutable, always. */
function frozenCauses(object: KubeObject, old: KubeObject, names: readonly string[]): StatusCause[] {
  if (old.immutable !== true) return [];
  const rule = "field is immutable when `immutable` is set";
  return [
    ...(object.immutable === true ? [] : [forbidden("immutable", rule)]),
    ...names.filter((name) => !same(object[name], old[name])).map((name) => forbidden(name, rule)),
  ];
}
