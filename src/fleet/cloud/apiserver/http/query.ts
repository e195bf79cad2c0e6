/** The options of a request: its query, and of a deletion its body. Every value is checked; the complaints are metav1's. */
import type {
  DeleteOptions,
  ListOptions,
  PatchOptions,
  PatchType,
  StatusCause,
  WatchOptions,
  WriteOptions,
} from "../../../../spec/kubernetes/kube.ts";
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import { isTrue } from "./request-info.ts";

type Mutable<Type> = { -readonly [Name in keyof Type]: Type[Name] };
/** Collects what is wrong with the options of one kind, and says it at once. */
class Complaints {
  readonly #kind: string;
  readonly #causes: StatusCause[] = [];

  constructor(kind: string) {
    this.#kind = kind;
  }

  forbidden(field: string, why: string): void {
    this.#causes.push({ reason: "FieldValueForbidden", message: `Forbidden: ${why}`, field });
  }

  invalid(field: string, value: unknown, why: string): void {
    const message = `Invalid value: ${JSON.stringify(value)}: ${why}`;
    this.#causes.push({ reason: "FieldValueInvalid", message, field });
  }

  required(field: string, why: string): void {
    this.#causes.push({ reason: "FieldValueRequired", message: `Required value: ${why}`, field });
  }

  unsupported(field: string, value: unknown, supported: readonly string[]): void {
    const list = supported.map((each) => JSON.stringify(each)).join(", ");
    const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`;
    this.#causes.push({ reason: "FieldValueNotSupported", message, field });
  }

  /** KubeError `Invalid` when there is any. */
  check(): void {
    if (this.#causes.length === 0) return;
    const lines = this.#causes.map(({ field, message }) => `${field}: ${message}`);
    const text = lines.length === 1 ? (lines[0] ?? "") : `[${lines.join(", ")}]`;
    throw new KubeError("Invalid", `${this.#kind}.meta.k8s.io "" is invalid: ${text}`, {
      group: "meta.k8s.io",
      kind: this.#kind,
      causes: this.#causes,
    });
  }
}

/** An integer of the query. KubeError `BadRequest` for what is none. */
function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  if (!/^[+-]?\d{1,19}$/.test(text))
    throw new KubeError("BadRequest", `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** The options of a list; the same checks as of a watch. */
export function listOptions(query: URLSearchParams, namespace: string | undefined): ListOptions {
  const complaints = new Complaints("ListOptions");
  const limit = integer(query, "limit");
  const isWatch = isTrue(query.get("watch"));
  checkRevisions(query, isWatch, complaints);
  if (!isWatch && query.has("sendInitialEvents"))
    complaints.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list");
  complaints.check();
  return {
    ...selection(query, namespace),
    ...(limit !== undefined && limit > 0 ? { limit } : {}),
    ...optional(query, "continue"),
  };
}

/** The options of a watch, its time in seconds included. */
export function watchOptions(query: URLSearchParams, namespace: string | undefined): WatchOptions {
  const complaints = new Complaints("ListOptions");
  checkRevisions(query, true, complaints);
  const timeoutSeconds = integer(query, "timeoutSeconds");
  complaints.check();
  const initial = query.has("sendInitialEvents")
    ? { sendInitialEvents: isTrue(query.get("sendInitialEvents")) }
    : {};
  return {
    ...selection(query, namespace),
    ...initial,
    allowWatchBookmarks: isTrue(query.get("allowWatchBookmarks")),
    ...(timeoutSeconds !== undefined && timeoutSeconds > 0 ? { timeoutSeconds } : {}),
  };
}

function checkRevisions(query: URLSearchParams, isWatch: boolean, complaints: Complaints): void {
  const revision = query.get("resourceVersion") ?? "";
  if (!/^\d*$/.test(revision))
    complaints.invalid(
      "resourceVersion",
      revision,
      `strconv.ParseUint: parsing ${JSON.stringify(revision)}: invalid syntax`,
    );
  const match = query.get("resourceVersionMatch") ?? "";
  const initial = query.has("sendInitialEvents");
  const field = "resourceVersionMatch";
  if (isWatch && initial && match !== "NotOlderThan")
    return complaints.forbidden(
      field,
      "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
    );
  if (match === "") return;
  if (isWatch && !initial) complaints.forbidden(field, "resourceVersionMatch is forbidden for watch");
  if (!["Exact", "NotOlderThan"].includes(match))
    return complaints.unsupported(field, match, ["Exact", "NotOlderThan", ""]);
  if (isWatch) return;
  if (revision === "")
    complaints.forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided");
  if (query.get("continue"))
    complaints.forbidden(field, "resourceVersionMatch is forbidden when continue is provided");
  if (match === "Exact" && revision === "0")
    complaints.forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
}

function selection(query: URLSearchParams, namespace: string | undefined): ListOptions {
  const match = query.get("resourceVersionMatch");
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...optional(query, "labelSelector"),
    ...optional(query, "fieldSelector"),
    ...optional(query, "resourceVersion"),
    ...(match === "Exact" || match === "NotOlderThan" ? { resourceVersionMatch: match } : {}),
  };
}

function optional<Name extends string>(query: URLSearchParams, name: Name): Partial<Record<Name, string>> {
  const value = query.get(name);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (value === null || value === "" ? {} : { [name]: value }) as Partial<Record<Name, string>>;
}

/** Of a create or an update: `kind` is CreateOptions or UpdateOptions. */
export function writeOptions(query: URLSearchParams, kind: "CreateOptions" | "UpdateOptions"): WriteOptions {
  const complaints = new Complaints(kind);
  const options = checkedWrite(query, complaints);
  complaints.check();
  return options;
}

export function patchOptions(query: URLSearchParams, type: PatchType): PatchOptions {
  const complaints = new Complaints("PatchOptions");
  const options = checkedWrite(query, complaints);
  const apply = type === "application/apply-patch+yaml";
  if (!apply && query.has("force")) complaints.forbidden("force", "may not be specified for non-apply patch");
  if (apply && options.fieldManager === undefined)
    complaints.required("fieldManager", "is required for apply patch");
  complaints.check();
  return { ...options, type, ...(apply ? { force: isTrue(query.get("force")) } : {}) };
}

const validations = ["Ignore", "Strict", "Warn"] as const;

function checkedWrite(query: URLSearchParams, complaints: Complaints): WriteOptions {
  const options: Mutable<WriteOptions> = {};
  if (checkedDryRun(query.getAll("dryRun"), complaints)) options.dryRun = true;
  const manager = query.get("fieldManager") ?? "";
  if (manager.length > 128) complaints.invalid("fieldManager", manager, "may not be more than 128 bytes");
  if (/[^\P{C}]/u.test(manager))
    complaints.invalid(
      "fieldManager",
      manager,
      "invalid character (should only contain printable characters)",
    );
  if (manager !== "") options.fieldManager = manager;
  const validation = query.get("fieldValidation") ?? "";
  const known = validations.find((each) => each === validation);
  if (known) options.fieldValidation = known;
  else if (validation !== "") complaints.unsupported("fieldValidation", validation, ["", ...validations]);
  return options;
}

/** Whether it is one. */
function checkedDryRun(values: readonly unknown[], complaints: Complaints): boolean {
  const wrong = values.find((value) => value !== "All" && value !== "");
  if (wrong !== undefined) complaints.unsupported("dryRun", wrong, ["All"]);
  return values.includes("All");
}

const policies = ["Foreground", "Background", "Orphan"] as const;

/** Of the query and the body (`DeleteOptions`, undefined when there is none), whose fields come first. */
export function deleteOptions(query: URLSearchParams, body: unknown): DeleteOptions {
  const complaints = new Complaints("DeleteOptions");
  const given = bodyOptions(body);
  const options: Mutable<DeleteOptions> = {};
  const grace = given["gracePeriodSeconds"] ?? integer(query, "gracePeriodSeconds");
  if (grace !== undefined) {
    if (typeof grace !== "number" || !Number.isInteger(grace)) throw undecodable("gracePeriodSeconds");
    options.gracePeriodSeconds = grace;
  }
  const policy = given["propagationPolicy"] ?? query.get("propagationPolicy") ?? oldPolicy(given, query);
  const known = policies.find((each) => each === policy);
  if (known) options.propagationPolicy = known;
  else if (policy !== undefined && policy !== "")
    complaints.unsupported("propagationPolicy", policy, [...policies, "nil"]);
  const dryRun = given["dryRun"] ?? query.getAll("dryRun");
  if (!Array.isArray(dryRun)) throw undecodable("dryRun");
  if (checkedDryRun(dryRun, complaints)) options.dryRun = true;
  complaints.check();
  const preconditions = preconditionsOf(given["preconditions"]);
  return preconditions ? { ...options, preconditions } : options;
}

function bodyOptions(body: unknown): Readonly<Record<string, unknown>> {
  if (body === undefined || body === null) return {};
  if (typeof body !== "object" || Array.isArray(body)) throw undecodable("body");
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  const kind: unknown = given["kind"] ?? "DeleteOptions";
  if (kind !== "DeleteOptions")
    throw new KubeError("BadRequest", `${JSON.stringify(kind)} cannot be handled as a DeleteOptions`);
  return given;
}

/** The boolean that came before propagationPolicy. */
function oldPolicy(given: Readonly<Record<string, unknown>>, query: URLSearchParams): string | undefined {
  const orphan = given["orphanDependents"] ?? query.get("orphanDependents") ?? undefined;
  if (orphan === undefined) return undefined;
  return orphan === true || orphan === "true" || orphan === "1" ? "Orphan" : "Background";
}

function preconditionsOf(value: unknown): DeleteOptions["preconditions"] {
  if (value === undefined) return undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw undecodable("preconditions");
  const { uid, resourceVersion } = value as Record<string, unknown>;
  const isText = (each: unknown) => each === undefined || each === null || typeof each === "string";
  if (!isText(uid) || !isText(resourceVersion)) throw undecodable("preconditions");
  return {
    ...(typeof uid === "string" ? { uid } : {}),
    ...(typeof resourceVersion === "string" ? { resourceVersion } : {}),
  };
}

const undecodable = (field: string) =>
  new KubeError("BadRequest", `cannot be handled as a DeleteOptions: ${field} has the wrong type`);
