/** Bodies of exec's endpoints, checked. */
import { invalid } from "../../../base/errors.ts";
import type { ExecBody } from "../../../spec/docker/exec.ts";

type Fields = Readonly<Record<string, unknown>>;

const most = { words: 10_000, characters: 128 << 10 } as const;

/** Errors: `invalid_argument`. */
export function parseExecBody(value: unknown): ExecBody {
  const fields = fieldsOf(value);
  const Cmd = words(fields, "Cmd");
  if (Cmd.length === 0) throw invalid("No exec command specified");
  const size = sizeOf(fields);
  return {
    User: text(fields, "User"),
    Privileged: flag(fields, "Privileged"),
    Tty: flag(fields, "Tty"),
    ...(size ? { ConsoleSize: size } : {}),
    AttachStdin: flag(fields, "AttachStdin"),
    AttachStdout: flag(fields, "AttachStdout"),
    AttachStderr: flag(fields, "AttachStderr"),
    DetachKeys: text(fields, "DetachKeys"),
    Env: words(fields, "Env"),
    WorkingDir: text(fields, "WorkingDir"),
    Cmd,
  };
}

export interface ExecStart {
  readonly detach: boolean;
  readonly tty: boolean;
  /** Rows and columns. */
  readonly size: readonly [number, number] | undefined;
}

/** Errors: `invalid_argument`. */
export function parseExecStart(value: unknown): ExecStart {
  const fields = value === undefined ? {} : fieldsOf(value);
  return { detach: flag(fields, "Detach"), tty: flag(fields, "Tty"), size: sizeOf(fields) };
}

function fieldsOf(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid("cannot read the request: the body is no object of JSON");
}

function flag(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false;
  if (typeof value === "boolean") return value;
  throw refused(name, "true or false");
}

function text(fields: Fields, name: string): string {
  const value = fields[name] ?? "";
  if (typeof value === "string" && value.length <= most.characters && !value.includes("\0")) return value;
  throw refused(name, "a text without NUL bytes");
}

function words(fields: Fields, name: string): string[] {
  const value = fields[name] ?? [];
  const isList = Array.isArray(value) && value.length <= most.words;
  if (!isList) throw refused(name, "a list of texts");
  return value.map((word: unknown) => text({ [name]: word ?? 0 }, name));
}

function sizeOf(fields: Fields): readonly [number, number] | undefined {
  const value = fields["ConsoleSize"];
  if (value === undefined || value === null) return undefined;
  const isSize =
    Array.isArray(value) &&
    value.length === 2 &&
    value.every((each) => Number.isInteger(each) && each >= 0 && each <= 65_535);
  if (isSize) return [value[0] as number, value[1] as number];
  throw refused("ConsoleSize", "two numbers from 0 to 65535");
}

function refused(name: string, wanted: string): Error {
  return invalid(`cannot read the request: ${name} is wrong, wanted ${wanted}`);
}
