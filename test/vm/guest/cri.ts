/**
 * Calls of the CRI to the daemon in the guest. Each line of /run/calls is one: [number, method, request as JSON of protobuf]; each answer is a line: number, `ok` or `failed`, and the
 * answer's JSON, or the error's text, in base64. The test bundles it into one file, which the executable runs as the Bun that it is.
 */
import { createReadStream, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { type DescMethodUnary, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { ImageService, RuntimeService } from "../../../src/wire/cri/cri_pb.ts";
import { openGrpcClient } from "../../../src/wire/grpc/client.ts";

const { transport } = openGrpcClient("/run/sampan/cri.sock");
const methods = [...RuntimeService.methods, ...ImageService.methods];

async function call(name: string, request: JsonValue): Promise<JsonValue> {
  const method = methods.find(({ localName }) => localName === name) as DescMethodUnary | undefined;
  if (method?.methodKind !== "unary") throw new Error(`there is no call ${name}`);
  const { input, output } = method;
  const { message } = await transport.unary(method, undefined, 30_000, undefined, fromJson(input, request));
  return toJson(output, message, { useProtoFieldName: true });
}

async function answer([number, name, request]: [number, string, JsonValue]): Promise<string> {
  const [word, said] = await call(name, request).then(
    (value) => ["ok", JSON.stringify(value)],
    (error: unknown) => ["failed", String(error)],
  );
  return `${number} ${word} ${Buffer.from(said ?? "").toString("base64")}\n`;
}

// For writing too: it never ends.
const calls = openSync("/run/calls", "r+");
process.stdout.write("ready\n");
for await (const line of createInterface(createReadStream("", { fd: calls })))
  void answer(JSON.parse(line) as [number, string, JsonValue]).then((text) => process.stdout.write(text));
