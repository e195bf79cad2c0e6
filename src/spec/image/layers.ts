/** What a layer's media type says of its bytes. */
import { invalid } from "../../base/errors.ts";
import { mediaTypes, type Compression } from "./types.ts";

export interface LayerFormat {
  readonly compression: Compression;
  /** Not to be pushed ("nondistributable"); its urls may say where it can be had. */
  readonly foreign: boolean;
}

const formats: Readonly<Record<string, LayerFormat>> = {
  [mediaTypes.ociLayer]: { compression: "plain", foreign: false },
  [mediaTypes.ociLayerGzip]: { compression: "gzip", foreign: false },
  [mediaTypes.ociLayerZstd]: { compression: "zstd", foreign: false },
  [mediaTypes.ociForeign]: { compression: "plain", foreign: true },
  [mediaTypes.ociForeignGzip]: { compression: "gzip", foreign: true },
  [mediaTypes.ociForeignZstd]: { compression: "zstd", foreign: true },
  [mediaTypes.dockerLayer]: { compression: "plain", foreign: false },
  [mediaTypes.dockerLayerGzip]: { compression: "gzip", foreign: false },
  [mediaTypes.dockerLayerZstd]: { compression: "zstd", foreign: false },
  [mediaTypes.dockerForeign]: { compression: "gzip", foreign: true },
};

/** Errors: `invalid_argument` for a type that is no layer's (artifacts, encrypted layers). */
export function layerFormat(mediaType: string): LayerFormat {
  const format = Object.hasOwn(formats, mediaType) ? formats[mediaType] : undefined;
  if (format) return format;
  throw invalid(
    `cannot unpack a layer of media type "${mediaType.slice(0, 150)}": wanted a tar archive, plain or packed by gzip or zstd`,
  );
}
