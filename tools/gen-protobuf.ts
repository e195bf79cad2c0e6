/**
 * Makes the TypeScript of .proto files: `bun tools/gen-protobuf.ts src/wire/dmi/dmi.proto …` writes `dmi_pb.ts` beside each. Run by hand when a .proto changes; a test holds the two together.
 * protobufjs reads the files, so that no compiler in another language is wanted; the generator itself is protobuf's own plug-in for TypeScript.
 */
import { basename, dirname, join } from "node:path";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  type DescriptorProtoSchema,
  type EnumDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  type FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_any,
  file_google_protobuf_empty,
  file_google_protobuf_timestamp,
  type ServiceDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import protobuf from "protobufjs";

type Message = MessageInitShape<typeof DescriptorProtoSchema>;
type Field = MessageInitShape<typeof FieldDescriptorProtoSchema>;

const plugin = join(import.meta.dir, "../node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es");

/** Those of protobuf's own files that a .proto here may import. Each has one message, of the file's name. */
const wellKnown = {
  "google/protobuf/any.proto": { file: file_google_protobuf_any, message: "google.protobuf.Any" },
  "google/protobuf/empty.proto": { file: file_google_protobuf_empty, message: "google.protobuf.Empty" },
  "google/protobuf/timestamp.proto": {
    file: file_google_protobuf_timestamp,
    message: "google.protobuf.Timestamp",
  },
} as const;
const isWellKnown = (message: string) => Object.values(wellKnown).some((each) => each.message === message);

const scalars: Readonly<Record<string, Type>> = {
  double: Type.DOUBLE,
  float: Type.FLOAT,
  int64: Type.INT64,
  uint64: Type.UINT64,
  int32: Type.INT32,
  fixed64: Type.FIXED64,
  fixed32: Type.FIXED32,
  bool: Type.BOOL,
  string: Type.STRING,
  bytes: Type.BYTES,
  uint32: Type.UINT32,
  sfixed32: Type.SFIXED32,
  sfixed64: Type.SFIXED64,
  sint32: Type.SINT32,
  sint64: Type.SINT64,
};

function typeOf(field: protobuf.FieldBase, scalar: string): Pick<Field, "type" | "typeName"> {
  const found = scalars[scalar];
  if (found !== undefined) return { type: found };
  if (isWellKnown(scalar)) return { type: Type.MESSAGE, typeName: `.${scalar}` };
  const target = field.parent?.lookupTypeOrEnum(scalar);
  if (!target) throw new Error(`type ${scalar} of field ${field.fullName} is not known`);
  return { type: target instanceof protobuf.Enum ? Type.ENUM : Type.MESSAGE, typeName: target.fullName };
}

function fieldOf(field: protobuf.Field, message: string): Field {
  const { name, id: number } = field;
  const oneof = field.partOf?.name.startsWith("_") ? undefined : field.partOf;
  const base = { name, number, jsonName: name, label: field.repeated ? Label.REPEATED : Label.OPTIONAL };
  if (field instanceof protobuf.MapField)
    return { ...base, label: Label.REPEATED, type: Type.MESSAGE, typeName: `${message}.${entryName(name)}` };
  return {
    ...base,
    ...typeOf(field, field.type),
    ...(oneof && field.parent instanceof protobuf.Type
      ? { oneofIndex: field.parent.oneofsArray.indexOf(oneof) }
      : {}),
  };
}

/** protoc's name of the message that a map is: `data` → `DataEntry`. */
function entryName(field: string): string {
  return `${field.replace(/(?:^|_)([a-zA-Z])/g, (_, letter: string) => letter.toUpperCase())}Entry`;
}

function entryOf(field: protobuf.MapField): Message {
  return {
    name: entryName(field.name),
    options: { mapEntry: true },
    field: [
      { name: "key", number: 1, jsonName: "key", label: Label.OPTIONAL, ...typeOf(field, field.keyType) },
      { name: "value", number: 2, jsonName: "value", label: Label.OPTIONAL, ...typeOf(field, field.type) },
    ],
  };
}

function messageOf(type: protobuf.Type): Message {
  const nested = type.nestedArray;
  return {
    name: type.name,
    field: type.fieldsArray.map((field) => fieldOf(field, type.fullName)),
    oneofDecl: type.oneofsArray.filter(({ name }) => !name.startsWith("_")).map(({ name }) => ({ name })),
    nestedType: [
      ...type.fieldsArray.filter((field) => field instanceof protobuf.MapField).map(entryOf),
      ...nested.filter((each) => each instanceof protobuf.Type).map(messageOf),
    ],
    enumType: nested.filter((each) => each instanceof protobuf.Enum).map(enumOf),
  };
}

function enumOf({ name, values }: protobuf.Enum): MessageInitShape<typeof EnumDescriptorProtoSchema> {
  return { name, value: Object.entries(values).map(([each, number]) => ({ name: each, number })) };
}

function serviceOf(service: protobuf.Service): MessageInitShape<typeof ServiceDescriptorProtoSchema> {
  const full = (name: string) => (isWellKnown(name) ? `.${name}` : service.lookupType(name).fullName);
  return {
    name: service.name,
    method: service.methodsArray.map((method) => ({
      name: method.name,
      inputType: full(method.requestType),
      outputType: full(method.responseType),
      clientStreaming: method.requestStream === true,
      serverStreaming: method.responseStream === true,
    })),
  };
}

/** The text of the TypeScript file, as the formatter wants it. Only protobuf's own files can be imported (`wellKnown`). */
export async function generate(path: string): Promise<string> {
  const {
    root,
    package: name = "",
    imports = [],
  } = protobuf.parse(await Bun.file(path).text(), { keepCase: true });
  if (imports.some((each) => !Object.hasOwn(wellKnown, each)))
    throw new Error(`cannot make TypeScript of "${path}": it imports another file`);
  const within = root.lookup(name);
  if (!(within instanceof protobuf.Namespace))
    throw new Error(`cannot make TypeScript of "${path}": it has no package`);
  const parts = within.nestedArray;
  const file = create(FileDescriptorProtoSchema, {
    name: basename(path),
    package: name,
    syntax: "proto3",
    dependency: [...imports],
    messageType: parts.filter((each) => each instanceof protobuf.Type).map(messageOf),
    enumType: parts.filter((each) => each instanceof protobuf.Enum).map(enumOf),
    service: parts.filter((each) => each instanceof protobuf.Service).map(serviceOf),
  });
  const request = create(CodeGeneratorRequestSchema, {
    fileToGenerate: [file.name],
    parameter: "target=ts,import_extension=ts",
    protoFile: [...Object.values(wellKnown).map((each) => each.file.proto), file],
  });
  const stdin = toBinary(CodeGeneratorRequestSchema, request);
  const child = Bun.spawn([process.execPath, plugin], { stdin, stdout: "pipe", stderr: "inherit" });
  const answer = fromBinary(CodeGeneratorResponseSchema, await child.stdout.bytes());
  if (answer.error || (await child.exited) !== 0)
    throw new Error(answer.error || `cannot make TypeScript of "${path}"`);
  return formatted(erasable(answer.file[0]?.content ?? ""));
}

/** Enums are no types that can be erased: each becomes an object of numbers and the type of its values. */
function erasable(text: string): string {
  return text.replaceAll(
    /^export enum (\w+) \{([\s\S]*?)^\}/gm,
    (_, name: string, body: string) =>
      `export const ${name} = {${body.replaceAll(/^(\s*\w+) =/gm, "$1:")}} as const;\nexport type ${name} = (typeof ${name})[keyof typeof ${name}];`,
  );
}

async function formatted(text: string): Promise<string> {
  const child = Bun.spawn([process.execPath, "fmt", "--stdin-filepath=generated.ts"], {
    cwd: join(import.meta.dir, ".."),
    stdin: Buffer.from(text),
    stdout: "pipe",
  });
  return child.stdout.text();
}

if (import.meta.main)
  for (const path of process.argv.slice(2)) {
    const target = join(dirname(path), `${basename(path, ".proto")}_pb.ts`);
    await Bun.write(target, await generate(path));
    console.log(target);
  }
