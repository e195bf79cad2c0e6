/** Objects of Kubernetes as they travel: what all have is checked, everything is kept. Resyncs and node registrations come without `kind` and `apiVersion`. */
import { invalid } from "../../../base/errors.ts";
import {
  anything,
  integer,
  line,
  list,
  map,
  natural,
  needed,
  object,
  open,
  optional,
  plain,
  text,
  time,
  word,
  type Codec,
} from "../codec.ts";
import { refused, isRecord } from "../json.ts";
import { isName, isNamespace, type Resource } from "../resources.ts";

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** "" while the owner is not known yet: leases of nodes that just registered. */
  readonly uid?: string;
}

export interface Metadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface Kube {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Metadata;
}

export type KubeObject = Kube & Record<string, unknown>;

export const objectName: Codec<string> = plain((value, at) => {
  if (typeof value !== "string" || !isName(value)) throw refused(at, value, "the name of an object");
  return value;
});

const namespace: Codec<string> = plain((value, at) => {
  if (value !== "" && (typeof value !== "string" || !isNamespace(value)))
    throw refused(at, value, "a namespace");
  return value;
});

const owner = open<OwnerReference>({
  apiVersion: needed(word),
  kind: needed(word),
  name: needed(objectName),
  uid: optional(word),
});

const fields = {
  namespace: optional(namespace),
  uid: optional(word),
  resourceVersion: optional(line({ most: 64 })),
  generation: optional(integer()),
  creationTimestamp: optional(time),
  deletionTimestamp: optional(time),
  deletionGracePeriodSeconds: optional(integer()),
  labels: optional(map(text)),
  annotations: optional(map(text)),
  ownerReferences: optional(list(owner, 1000)),
};

export const metadata = open<Metadata>({ name: optional(line({ most: 253 })), ...fields });
const namedMetadata = open<Metadata>({ name: needed(objectName), ...fields });

/** With the fields that nobody checked. */
function whole(of: Codec<Kube>): Codec<KubeObject> {
  return plain((value, at) => of.read(value, at) as KubeObject);
}

/** Any object; its name may be missing (TokenRequest). */
export const anyObject: Codec<KubeObject> = whole(
  open<Kube>({ apiVersion: optional(word), kind: optional(word), metadata: needed(metadata) }),
);

/** The fields that every object with a name has. */
export const common = {
  apiVersion: optional(word),
  kind: optional(word),
  metadata: needed(namedMetadata),
};

export const namedObject: Codec<KubeObject> = whole(open<Kube>(common));

/**
 * Refuses an object that is not the one which its message's resource names.
 * @throws SampanError invalid_argument
 */
export function requireSameObject(resource: Resource, { metadata: { name, namespace: space } }: Kube): void {
  if (resource.name !== undefined && name !== resource.name)
    throw invalid(`cannot take the object ${JSON.stringify(name)}: its message is of "${resource.name}"`);
  // Nodes and volumes are sent with the namespace `default` by edges, without one inside.
  if (space && resource.namespace !== undefined && space !== resource.namespace)
    throw invalid(
      `cannot take the object of namespace "${space}": its message is of "${resource.namespace}"`,
    );
}

/** metav1.Status. */
export interface Status {
  readonly metadata?: unknown;
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: unknown;
  readonly code?: number;
}

export const status = open<Status>({
  metadata: optional(anything),
  status: optional(word),
  message: optional(text),
  reason: optional(word),
  details: optional(anything),
  code: optional(natural),
});

/** How Go writes an error of the API. */
export interface ApiError {
  readonly ErrStatus: Status;
}

export const apiError = object<ApiError>({ ErrStatus: needed(status) });

/** What a merge patch brings: any object. */
export const patch: Codec<Record<string, unknown>> = plain((value, at) => {
  if (!isRecord(anything.read(value, at))) throw refused(at, value, "an object");
  return value as Record<string, unknown>;
});
