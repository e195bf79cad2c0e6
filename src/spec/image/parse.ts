/**
 * Manifests, indexes and configurations as they come from registries and archives: OCI image specification 1.1 (manifest.md, image-index.md, config.md)
 * and Docker's image manifest v2 schema 2. All of it is a stranger's: fields are checked, sizes bounded, and what is left out of types.ts is dropped.
 *
 * Errors: `invalid_argument` naming the document, the field, what it is and what was wanted; `unimplemented` for Docker's schema 1.
 */
import { invalid, SampanError } from "../../base/errors.ts";
import { JsonValue, present } from "./_json.ts";
import {
  mediaTypes,
  type Descriptor,
  type HistoryEntry,
  type ImageConfig,
  type ImageConfigRun,
  type Index,
  type Manifest,
  type Platform,
} from "./types.ts";

/** overlayfs takes at most 500 lower directories (OVL_MAX_STACK, Linux 5.12 to 7.0). */
export const mostLayers = 500;
const mostManifests = 1000;
/** No file system that we know holds more in one file. */
const largestBlob = 2 ** 43;

const kinds: Readonly<Record<string, "manifest" | "index">> = {
  [mediaTypes.ociManifest]: "manifest",
  [mediaTypes.dockerManifest]: "manifest",
  [mediaTypes.ociIndex]: "index",
  [mediaTypes.dockerList]: "index",
};

/** What a media type names; undefined when it is neither a manifest nor an index. */
export function kindOf(mediaType: string): "manifest" | "index" | undefined {
  return Object.hasOwn(kinds, mediaType) ? kinds[mediaType] : undefined;
}

export type ImageDocument =
  | { readonly kind: "manifest"; readonly mediaType: string; readonly manifest: Manifest }
  | { readonly kind: "index"; readonly mediaType: string; readonly index: Index };

/**
 * A manifest or an index, whichever it is. `mediaType` is what the sender said (Content-Type, a descriptor): the document must fit it. A document
 * that could be read as both is refused (CVE-2021-41190).
 */
export function parseDocument(bytes: Uint8Array | string, mediaType?: string): ImageDocument {
  const at = JsonValue.parse(bytes, "the manifest");
  refuseSchema1(at, mediaType);
  refuseAmbiguous(at);
  const inside = at.field("mediaType");
  const own = inside.absent ? undefined : inside.text(256);
  if (own !== undefined && mediaType !== undefined && own !== mediaType)
    inside.refuse(`"${mediaType}", as it was announced`);
  const kind = at.field("manifests").absent ? "manifest" : "index";
  const type = own ?? mediaType ?? (kind === "index" ? mediaTypes.ociIndex : guessManifest(at));
  if (kindOf(type) !== kind)
    throw invalid(
      `cannot read the manifest: its media type is "${type}", but it holds an ${kind === "index" ? "index" : "image manifest"}`,
    );
  return kind === "index"
    ? { kind, mediaType: type, index: indexAt(at) }
    : { kind, mediaType: type, manifest: manifestAt(at) };
}

export function parseManifest(bytes: Uint8Array | string, mediaType?: string): Manifest {
  const document = parseDocument(bytes, mediaType);
  if (document.kind === "manifest") return document.manifest;
  throw invalid("cannot read the manifest: it is an index, wanted the manifest of one image");
}

export function parseIndex(bytes: Uint8Array | string, mediaType?: string): Index {
  const document = parseDocument(bytes, mediaType);
  if (document.kind === "index") return document.index;
  throw invalid("cannot read the index: it is the manifest of one image");
}

/** The configuration; with `manifest` also that it has a diff id for each layer. */
export function parseConfig(bytes: Uint8Array | string, manifest?: Manifest): ImageConfig {
  const at = JsonValue.parse(bytes, "the image configuration");
  const rootfs = at.field("rootfs");
  if (rootfs.field("type").value !== "layers") rootfs.field("type").refuse('"layers"');
  const ids = rootfs.field("diff_ids");
  // An image without layers: Go's encoder writes null for an empty list.
  const diffIds = ids.absent ? [] : ids.list(mostLayers).map((item) => item.digest());
  if (manifest && diffIds.length !== manifest.layers.length)
    throw invalid(
      `cannot read the image configuration: rootfs.diff_ids names ${diffIds.length} layers, the manifest ${manifest.layers.length}`,
    );
  return {
    ...platformAt(at),
    ...present(at, {
      created: timeAt,
      author: (item) => item.text(),
      config: runAt,
      history: historyAt,
    }),
    rootfs: { type: "layers", diff_ids: diffIds },
  };
}

/** Whether a configuration's media type is an image's; artifacts have others. */
export function isImageConfig(mediaType: string): boolean {
  return mediaType === mediaTypes.ociConfig || mediaType === mediaTypes.dockerConfig;
}

function refuseSchema1(at: JsonValue, mediaType = ""): void {
  const version = at.field("schemaVersion");
  const old = mediaType.startsWith("application/vnd.docker.distribution.manifest.v1+");
  if (version.value === 1 || old)
    throw new SampanError(
      "unimplemented",
      "cannot read the manifest: it is Docker's schema 1 of before 2016, which Sampan does not take; push the image again with a current program",
    );
  if (version.value !== 2) version.refuse("2");
}

const decisive = ["schemaVersion", "mediaType", "manifests", "config", "layers"];

function refuseAmbiguous(at: JsonValue): void {
  const names = Object.keys(at.object());
  // Go's decoder takes names whatever their case: another program would read another document.
  const twin = names.find((name) =>
    decisive.some((known) => known !== name && known.toLowerCase() === name.toLowerCase()),
  );
  if (twin !== undefined)
    throw invalid(
      `cannot read the manifest: its field "${twin.slice(0, 40)}" is a known name in another case`,
    );
  const has = (name: string) => names.includes(name);
  if (has("manifests") && (has("layers") || has("config") || has("fsLayers")))
    throw invalid("cannot read the manifest: it is a manifest and an index at once (CVE-2021-41190)");
}

function guessManifest(at: JsonValue): string {
  const type = at.field("config").field("mediaType").value;
  return type === mediaTypes.dockerConfig ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
}

function manifestAt(at: JsonValue): Manifest {
  return {
    schemaVersion: 2,
    ...present(at, {
      mediaType: (item) => item.text(256),
      artifactType: (item) => item.text(256),
      annotations: (item) => item.record(),
    }),
    config: descriptorAt(at.field("config")),
    layers: at.field("layers").absent ? [] : at.field("layers").list(mostLayers).map(descriptorAt),
  };
}

function indexAt(at: JsonValue): Index {
  return {
    schemaVersion: 2,
    ...present(at, { mediaType: (item) => item.text(256), annotations: (item) => item.record() }),
    manifests: at.field("manifests").list(mostManifests).map(descriptorAt),
  };
}

function descriptorAt(at: JsonValue): Descriptor {
  return {
    mediaType: at.field("mediaType").text(256),
    digest: at.field("digest").digest(),
    size: at.field("size").size(largestBlob),
    ...present(at, {
      platform: platformAt,
      urls: (item) => item.texts(),
      annotations: (item) => item.record(),
    }),
  };
}

/** Missing words are empty, as in configurations that old programs made. */
function platformAt(at: JsonValue): Platform {
  const word = (name: string) => (at.field(name).absent ? "" : at.field(name).text(64));
  return {
    architecture: word("architecture"),
    os: word("os"),
    ...present(at, {
      variant: (item) => item.text(64),
      "os.version": (item) => item.text(256),
      "os.features": (item) => item.texts(),
    }),
  };
}

function timeAt(at: JsonValue): string {
  const text = at.text(64);
  return text === "" || !Number.isNaN(Date.parse(text)) ? text : at.refuse("a time as in RFC 3339");
}

function runAt(at: JsonValue): ImageConfigRun {
  return present(at, {
    User: (item) => item.text(),
    ExposedPorts: (item) => item.keys(),
    Env: (item) => item.texts(),
    Entrypoint: (item) => item.texts(),
    Cmd: (item) => item.texts(),
    Volumes: (item) => item.keys(),
    WorkingDir: (item) => item.text(),
    Labels: (item) => item.record(),
    StopSignal: (item) => item.text(64),
    Healthcheck: (item) => item.object(),
    Shell: (item) => item.texts(),
    OnBuild: (item) => item.texts(),
  });
}

function historyAt(at: JsonValue): HistoryEntry[] {
  return at.list().map((entry) =>
    present(entry, {
      created: timeAt,
      author: (item) => item.text(),
      created_by: (item) => item.text(),
      comment: (item) => item.text(),
      empty_layer: (item) => item.flag(),
    }),
  );
}
