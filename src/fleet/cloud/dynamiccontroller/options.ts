/** The options of a request as Go writes them. What is of no use here is left out; what is wrong is refused. */
import { badRequest } from "../../../spec/kubernetes/errors.ts";
import {
  patchTypes,
  type DeleteOptions,
  type ListOptions,
  type PatchType,
  type WriteOptions,
} from "../../../spec/kubernetes/kube.ts";
import { isRecord, parseJson } from "../../link/json.ts";

type Fields = Readonly<Record<string, unknown>>;

const depth = 64;

/** The JSON of bytes; an empty object for none. */
export function readJson(bytes: Uint8Array | null, what: string): Fields {
  if (bytes === null || bytes.length === 0) return {};
  const value = parseJson(new TextDecoder().decode(bytes), what, depth) ?? {};
  if (!isRecord(value)) throw badRequest(`${what} must be an object`);
  return value;
}

function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw badRequest(`${name} must be a text`);
  return value;
}

function natural(fields: Fields, name: string): number | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw badRequest(`${name} must be a whole number`);
  return value;
}

type Selecting = Pick<
  ListOptions,
  "labelSelector" | "fieldSelector" | "limit" | "continue" | "resourceVersion"
>;

export function listOptions(fields: Fields): Selecting {
  const limit = natural(fields, "limit");
  const names = ["labelSelector", "fieldSelector", "continue", "resourceVersion"] as const;
  const texts = names.flatMap((name) => {
    const value = text(fields, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(texts), ...(limit ? { limit } : {}) };
}

export function writeOptions(fields: Fields): WriteOptions {
  const fieldManager = text(fields, "fieldManager");
  const fieldValidation = (["Ignore", "Warn", "Strict"] as const).find(
    (each) => each === fields["fieldValidation"],
  );
  return {
    ...dryRun(fields),
    ...(fieldManager === undefined ? {} : { fieldManager }),
    ...(fieldValidation === undefined ? {} : { fieldValidation }),
  };
}

function dryRun(fields: Fields): { dryRun?: true } {
  const value = fields["dryRun"];
  if (value === undefined || value === null) return {};
  if (!Array.isArray(value) || !value.every((each) => each === "All")) throw badRequest("dryRun must be All");
  return value.length > 0 ? { dryRun: true } : {};
}

export function deleteOptions(fields: Fields): DeleteOptions {
  const gracePeriodSeconds = natural(fields, "gracePeriodSeconds");
  const policies = ["Orphan", "Background", "Foreground"] as const;
  const propagationPolicy = policies.find((each) => each === fields["propagationPolicy"]);
  const { preconditions } = fields;
  const given = isRecord(preconditions) ? preconditions : {};
  const [uid, resourceVersion] = [text(given, "uid"), text(given, "resourceVersion")];
  return {
    ...dryRun(fields),
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy ? { propagationPolicy } : {}),
    preconditions: { ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) },
  };
}

export interface PatchAsked {
  readonly type: PatchType;
  readonly data: unknown;
  readonly subresource?: string;
  readonly options: WriteOptions & { readonly force?: boolean };
}

/** `{"Name","PatchType","Data":base64,"Options","Subresources":[""]}` */
export function patchOptions(fields: Fields): PatchAsked {
  const type = patchTypes.find((each) => each === fields["PatchType"]);
  if (!type) throw badRequest(`PatchType must be one of ${patchTypes.join(", ")}`);
  const data = fields["Data"];
  if (typeof data !== "string") throw badRequest("Data must be the patch in base64");
  const given = isRecord(fields["Options"]) ? fields["Options"] : {};
  const subresources = Array.isArray(fields["Subresources"]) ? (fields["Subresources"] as unknown[]) : [];
  const [subresource] = subresources;
  if (subresource !== undefined && typeof subresource !== "string")
    throw badRequest("Subresources must be texts");
  return {
    type,
    data: parseJson(Buffer.from(data, "base64").toString(), "the patch", depth),
    ...(subresource ? { subresource } : {}),
    options: { ...writeOptions(given), ...(given["force"] === true ? { force: true } : {}) },
  };
}
