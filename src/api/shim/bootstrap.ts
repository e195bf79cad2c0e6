/**
 * What containerd sends a shim that it begins, and how it wants the answer. 1.6: options of the runtime, or nothing; the address as text. 1.7 to 2.2 (MAX_SHIM_VERSION is set): the same, and JSON
 * for the answer, of version 2 at most. Since 2.3: BootstrapParams by protobuf, or as JSON, and BootstrapResult in the same form; version 3.
 */
import { create, fromBinary, fromJson, type JsonValue, toBinary, toJsonString } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { SampanError } from "../../base/errors.ts";
import {
  type BootstrapParams,
  BootstrapParamsSchema,
  BootstrapResultSchema,
} from "../../wire/containerd/bootstrap_pb.ts";
import type { ShimFlags } from "./flags.ts";
import { shimOptions } from "./options.ts";

export type Form = "text" | "json" | "result" | "json result";

export interface Asked {
  readonly form: Form;
  readonly socketFolder?: string;
  readonly shimCgroup: string;
}

/** Errors: `invalid_argument` for parameters that are of another container than the flags. */
export function parseInput(
  input: Uint8Array,
  flags: Pick<ShimFlags, "id" | "namespace">,
  maxVersion = process.env["MAX_SHIM_VERSION"],
): Asked {
  const older: Form = maxVersion === undefined ? "text" : "json";
  if (input.length === 0) return { form: older, shimCgroup: "" };
  if (input[0] === 0x7b) return fromParams(jsonParams(input), { flags, form: "json result" });
  const params = decoded(BootstrapParamsSchema, input);
  if (params?.instanceId === flags.id) return fromParams(params, { flags, form: "result" });
  return { form: older, shimCgroup: shimOptions(decoded(AnySchema, input)).shimCgroup };
}

function decoded<T extends typeof BootstrapParamsSchema | typeof AnySchema>(schema: T, input: Uint8Array) {
  try {
    return fromBinary(schema, input);
  } catch {
    return undefined;
  }
}

function jsonParams(input: Uint8Array): BootstrapParams {
  const text = new TextDecoder().decode(input);
  try {
    const entries = Object.entries(JSON.parse(text) as Readonly<Record<string, JsonValue>>);
    // The fields' own names, as Go writes them, or protobuf's for JSON.
    const named = entries.map(([name, value]) => [
      name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`),
      value,
    ]);
    return fromJson(BootstrapParamsSchema, Object.fromEntries(named), { ignoreUnknownFields: true });
  } catch (error) {
    throw new SampanError(
      "invalid_argument",
      `cannot read the parameters on standard input: ${SampanError.from(error).message}`,
      { cause: error },
    );
  }
}

function fromParams(
  { instanceId, namespace, extensions, socketDir }: BootstrapParams,
  { flags, form }: { readonly flags: Pick<ShimFlags, "id" | "namespace">; readonly form: Form },
): Asked {
  if (instanceId !== flags.id || namespace !== flags.namespace)
    throw new SampanError(
      "invalid_argument",
      `cannot begin a shim for "${instanceId}" of "${namespace}": the flags say "${flags.id}" of "${flags.namespace}"`,
    );
  const cgroups = extensions.map(({ value }) => shimOptions(value).shimCgroup);
  return {
    form,
    shimCgroup: cgroups.find((each) => each !== "") ?? "",
    ...(socketDir !== "" && { socketFolder: socketDir }),
  };
}

const protocol = "ttrpc";

export function answer(form: Form = "text", address: string): string | Uint8Array {
  if (form === "text") return address;
  if (form === "json") return JSON.stringify({ version: 2, address, protocol });
  const result = create(BootstrapResultSchema, { version: 3, address, protocol });
  return form === "result"
    ? toBinary(BootstrapResultSchema, result)
    : toJsonString(BootstrapResultSchema, result);
}
