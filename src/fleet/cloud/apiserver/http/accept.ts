/** Which form of answer a client takes. https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources ; RFC 9110 12.5.1 */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";

export interface MediaRange {
  /** In lower case: `application/json`. */
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Form {
  readonly syntax: "json" | "yaml";
  /** `Table`, `PartialObjectMetadata`, `PartialObjectMetadataList`, `APIGroupDiscoveryList`; undefined for the object itself. */
  readonly as?: string;
  /** Of `as`: `v1`, `v1beta1`, `v2`. */
  readonly version?: string;
}

const maxRanges = 32;

/** The ranges of an Accept header, the most wanted first. None given is anything. */
export function parseAccept(header: string | undefined): MediaRange[] {
  if (header === undefined || header.trim() === "") return [{ type: "*/*", parameters: {} }];
  return header
    .split(",", maxRanges)
    .map(parseMediaType)
    .filter(({ parameters }) => qualityOf(parameters) > 0)
    .toSorted((a, b) => qualityOf(b.parameters) - qualityOf(a.parameters));
}

/** `application/json; as=Table;v=v1` in its parts. */
export function parseMediaType(text: string): MediaRange {
  const [type = "", ...rest] = text.split(";");
  const parameters: Record<string, string> = Object.create(null);
  for (const part of rest) {
    const [name = "", value = ""] = part.split("=", 2);
    parameters[name.trim().toLowerCase()] = value.trim().replaceAll('"', "");
  }
  return { type: type.trim().toLowerCase(), parameters };
}

function qualityOf(parameters: Readonly<Record<string, string>>): number {
  const quality = Number(parameters["q"] ?? "1");
  return Number.isFinite(quality) ? quality : 0;
}

const syntaxes: ReadonlyMap<string, Form["syntax"]> = new Map([
  ["*/*", "json"],
  ["application/*", "json"],
  ["application/json", "json"],
  ["application/yaml", "yaml"],
]);

export interface Offers {
  /** `as` → the group and the versions that can be had: `{ Table: { group: "meta.k8s.io", versions: ["v1"] } }`. */
  readonly as?: Readonly<Record<string, { readonly group: string; readonly versions: readonly string[] }>>;
}

const meta = { group: "meta.k8s.io", versions: ["v1", "v1beta1"] } as const;
/** What objects can be had as. */
export const objectOffers: Offers = {
  as: { Table: meta, PartialObjectMetadata: meta, PartialObjectMetadataList: meta },
};

/** The first range that can be served. KubeError `NotAcceptable` when none can. */
export function negotiate(header: string | undefined, offers: Offers = {}): Form {
  for (const { type, parameters } of parseAccept(header)) {
    const syntax = syntaxes.get(type);
    if (!syntax || parameters["stream"] !== undefined) continue;
    const as = parameters["as"];
    if (as === undefined) return { syntax };
    const offer = offers.as && Object.hasOwn(offers.as, as) ? offers.as[as] : undefined;
    const version = parameters["v"] ?? offer?.versions[0] ?? "";
    if (offer && offer.group === (parameters["g"] ?? offer.group) && offer.versions.includes(version))
      return { syntax, as, version };
  }
  throw new KubeError(
    "NotAcceptable",
    "only the following media types are accepted: application/json, application/yaml",
  );
}
