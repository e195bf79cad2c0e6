/** Refusals in metav1's words, which clients and scripts look at. */
import { KubeError, type StatusCause, type StatusDetails } from "./kube.ts";

interface Named {
  readonly group: string;
  readonly plural: string;
}

interface OfKind {
  readonly group: string;
  readonly kind: string;
}

/** `pods`, `deployments.apps` */
export function qualified({ group, plural }: Named): string {
  return group === "" ? plural : `${plural}.${group}`;
}

/** `Pod`, `Deployment.apps` */
function qualifiedKind({ group, kind }: OfKind): string {
  return group === "" ? kind : `${kind}.${group}`;
}

function details({ group, plural }: Named, name: string): StatusDetails {
  return { name, ...(group === "" ? {} : { group }), kind: plural };
}

export function notFound(resource: Named, name: string): KubeError {
  return new KubeError("NotFound", `${qualified(resource)} "${name}" not found`, details(resource, name));
}

/** Of a path or kind that is not served. */
export function notServed(): KubeError {
  return new KubeError("NotFound", "the server could not find the requested resource");
}

export function alreadyExists(resource: Named, name: string): KubeError {
  const message = `${qualified(resource)} "${name}" already exists`;
  return new KubeError("AlreadyExists", message, details(resource, name));
}

export function conflict(resource: Named, name: string, why: string): KubeError {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`;
  return new KubeError("Conflict", message, details(resource, name));
}

export const modified =
  "the object has been modified; please apply your changes to the latest version and try again";

export function forbidden(
  resource: Named,
  name: string,
  { why, causes }: { why: string; causes?: readonly StatusCause[] },
): KubeError {
  const of = name === "" ? qualified(resource) : `${qualified(resource)} "${name}"`;
  return new KubeError("Forbidden", `${of} is forbidden: ${why}`, {
    ...details(resource, name),
    ...(causes ? { causes } : {}),
  });
}

export function badRequest(message: string): KubeError {
  return new KubeError("BadRequest", message);
}

/** More than this help nobody, and would make an answer many times the size of what was sent. */
const maxCauses = 100;

/** The complaints in one sentence, and each by itself as a cause. */
export function invalidObject(resource: OfKind, name: string, all: readonly StatusCause[]): KubeError {
  const causes = all.slice(0, maxCauses);
  const told = causes.map(({ field, message = "" }) => (field ? `${field}: ${message}` : message));
  const texts = all.length > maxCauses ? [...told, `and ${all.length - maxCauses} more`] : told;
  const text = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const { group, kind } = resource;
  return new KubeError("Invalid", `${qualifiedKind(resource)} "${name}" is invalid: ${text}`, {
    name,
    ...(group === "" ? {} : { group }),
    kind,
    causes,
  });
}

export function methodNotAllowed(verb: string): KubeError {
  return new KubeError(
    "MethodNotAllowed",
    `the server does not allow this method on the requested resource (${verb})`,
  );
}

export function tooLarge(limit: number): KubeError {
  return new KubeError("RequestEntityTooLarge", `Request entity too large: limit is ${limit}`);
}
