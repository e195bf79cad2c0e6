/** `-info`: what this shim is, for containerd's introspection. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { SampanError } from "../../base/errors.ts";
import { commit, version } from "../../base/version.ts";
import { RuntimeInfoSchema, RuntimeRequestSchema } from "../../wire/containerd/introspection_pb.ts";
import { runtimeFeatures } from "../../runtime/native/features.ts";

/** `input`: the options of the runtime, which are given back. Errors: `invalid_argument`. */
export function infoOf(input: Uint8Array): Uint8Array {
  const options = optionsIn(input);
  const build = { version, commit: commit() };
  const value = new TextEncoder().encode(JSON.stringify(runtimeFeatures(build)));
  const typeUrl = "types.containerd.io/opencontainers/runtime-spec/1/features/Features";
  return toBinary(
    RuntimeInfoSchema,
    create(RuntimeInfoSchema, {
      name: "io.containerd.sampan.v2",
      version: { version, revision: build.commit },
      features: create(AnySchema, { typeUrl, value }),
      ...(options && { options }),
    }),
  );
}

/** A RuntimeRequest, or the options alone: both have been sent. */
function optionsIn(input: Uint8Array): Any | undefined {
  if (input.length === 0) return undefined;
  try {
    const any = fromBinary(AnySchema, input);
    return any.typeUrl === "" ? fromBinary(RuntimeRequestSchema, input).options : any;
  } catch (error) {
    throw new SampanError("invalid_argument", "cannot read the options on standard input", { cause: error });
  }
}
