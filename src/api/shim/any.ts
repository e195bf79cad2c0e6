/** What stands behind google.protobuf.Any in containerd's calls: messages by their full name, and parts of the OCI configuration as JSON. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { invalid } from "../../base/errors.ts";

/** containerd's registry of types has names without a host in front. */
export function packed<Desc extends DescMessage>(schema: Desc, value: MessageInitShape<Desc>) {
  return { typeUrl: schema.typeName, value: toBinary(schema, create(schema, value)) };
}

/** Undefined when it is another message. */
export function unpacked<Desc extends DescMessage>(
  schema: Desc,
  any: Any | undefined,
): MessageShape<Desc> | undefined {
  if (any?.typeUrl.split("/").at(-1) !== schema.typeName) return undefined;
  return fromBinary(schema, any.value);
}

const ociTypes = /^types\.containerd\.io\/opencontainers\/runtime-spec\/\d+\//;

/** The JSON text of `Process`, `LinuxResources`. Errors: `invalid_argument` naming the type that came. */
export function ociJson(any: Any | undefined, name: string): string {
  const url = any?.typeUrl ?? "";
  if (!any || !ociTypes.test(url) || url.replace(ociTypes, "") !== name)
    throw invalid(`cannot use a value of type "${url}": wanted ${name} of the OCI runtime specification`);
  return new TextDecoder().decode(any.value);
}
