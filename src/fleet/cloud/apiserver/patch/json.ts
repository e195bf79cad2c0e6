/** JSON patches, RFC 6902. */
import { applyOperation, type Operation } from "fast-json-patch";
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import { get, isFields } from "../schema/json.ts";
import { badRequest, objectOf, refuseDepth } from "./_result.ts";
import type { JsonPatch } from "./patch.ts";

/** As the API server has it: more is no patch but an attack. */
export const maxOperations = 10_000;
/** What `copy` may add in all, in characters of JSON: copies of copies grow by doubling. */
export const maxCopied = 3 * 1024 * 1024;

/**
 * All operations or none: the object itself is not changed. Bodies that are no patch are `BadRequest`, operations that cannot be done (a path that is not there, a failed test) `Invalid`.
 */
export const jsonPatch: JsonPatch = (object, patch) => {
  const operations = parse(patch);
  const state = { document: structuredClone(object) as unknown, copied: 0 };
  for (const operation of operations) step(state, operation);
  return objectOf(state.document);
};

interface Step {
  readonly op: string;
  readonly path: string;
  readonly from: string;
  readonly value: unknown;
}

const names: readonly unknown[] = ["add", "remove", "replace", "move", "copy", "test"];

function parse(patch: unknown): readonly Step[] {
  if (!Array.isArray(patch)) throw badRequest("the body of a JSON patch must be a list of operations");
  if (patch.length > maxOperations)
    throw new KubeError(
      "RequestEntityTooLarge",
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`,
    );
  refuseDepth(patch);
  return patch.map(parseStep);
}

function parseStep(operation: unknown, index: number): Step {
  if (!isFields(operation)) throw badRequest(`operation ${index} of the JSON patch is no object`);
  const [op, path, from] = [get(operation, "op"), get(operation, "path"), get(operation, "from")];
  if (!names.includes(op)) throw badRequest(`operation ${index} of the JSON patch has no known "op"`);
  if (!isPointer(path)) throw badRequest(`operation ${index} of the JSON patch has no valid "path"`);
  const moves = op === "move" || op === "copy";
  if (moves && !isPointer(from)) throw badRequest(`operation ${index} of the JSON patch has no valid "from"`);
  const needsValue = op === "add" || op === "replace" || op === "test";
  if (needsValue && !Object.hasOwn(operation, "value"))
    throw badRequest(`operation ${index} of the JSON patch has no "value"`);
  return { op: op as string, path, from: moves ? (from as string) : "", value: get(operation, "value") };
}

function isPointer(value: unknown): value is string {
  return typeof value === "string" && (value === "" || value.startsWith("/"));
}

/** `move` and `copy` are done as what they are made of: the library would copy the whole object to look at their source, and reads inherited properties. */
function step(state: { document: unknown; copied: number }, { op, path, from, value }: Step): void {
  if (op !== "move" && op !== "copy") {
    const given = op === "add" || op === "replace" ? structuredClone(value) : value;
    run(state, { op, path, value: given } as Operation);
    return;
  }
  const source = read(state.document, from);
  if (source === undefined) throw failed(op, from, "is not there");
  if (op === "copy") {
    state.copied += JSON.stringify(source).length;
    if (state.copied > maxCopied)
      throw new KubeError(
        "RequestEntityTooLarge",
        `the copies of a JSON patch are larger than ${maxCopied} bytes`,
      );
    run(state, { op: "add", path, value: structuredClone(source) });
    return;
  }
  if (path.startsWith(`${from}/`)) throw failed(op, from, "cannot be moved into itself");
  run(state, { op: "remove", path: from });
  run(state, { op: "add", path, value: source });
}

function run(state: { document: unknown }, operation: Operation): void {
  try {
    state.document = applyOperation(state.document, operation, true, true, true).newDocument;
  } catch (error) {
    // The library's own message contains the whole object.
    const name = error instanceof Error ? error.name : "";
    throw failed(
      operation.op,
      operation.path,
      name === "TEST_OPERATION_FAILED" ? "is not as it was tested for" : "does not apply",
      error,
    );
  }
}

function read(document: unknown, pointer: string): unknown {
  let value = document;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(value)) value = /^(?:0|[1-9]\d*)$/.test(name) ? value[Number(name)] : undefined;
    else value = isFields(value) ? get(value, name) : undefined;
  }
  return value;
}

function failed(op: string, path: string, why: string, cause?: unknown): KubeError {
  const message = `the server rejected our request due to an error in our request: ${op} of "${path}": ${why}`;
  return new KubeError("Invalid", message, undefined, { cause });
}
