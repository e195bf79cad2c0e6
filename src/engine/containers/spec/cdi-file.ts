/** The files of the Container Device Interface: read with suspicion, and every field checked. See cdi.ts. */
import { lstatSync, readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { SampanError, invalid } from "../../../base/errors.ts";
import { hookKinds } from "../../../spec/oci/values.ts";

/** Later ones go over earlier ones. */
export const cdiFolders = ["/etc/cdi", "/var/run/cdi"] as const;

/** containerEdits, as far as they have a meaning here. */
export interface Edits {
  readonly env?: readonly string[];
  readonly deviceNodes?: readonly {
    readonly path: string;
    readonly hostPath?: string;
    readonly permissions?: string;
    readonly fileMode?: number;
    readonly uid?: number;
    readonly gid?: number;
  }[];
  readonly mounts?: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly options?: readonly string[];
  }[];
  readonly hooks?: readonly {
    readonly hookName: string;
    readonly path: string;
    readonly args?: readonly string[];
    readonly env?: readonly string[];
    readonly timeout?: number;
  }[];
  readonly additionalGids?: readonly number[];
}

export interface CdiSpec {
  readonly path: string;
  /** `vendor.com/class`. */
  readonly kind: string;
  readonly edits: Edits;
  readonly devices: ReadonlyMap<string, Edits>;
}

const most = 16 << 20;

/** All files that can be read; one that is broken is passed over unless one of its devices is asked for, which nobody can know. `warn` is told. */
export function readCdi(
  folders: readonly string[] = cdiFolders,
  warn: (text: string) => void = () => undefined,
): CdiSpec[] {
  return folders.flatMap((folder) =>
    namesIn(folder).flatMap((name): CdiSpec[] => {
      const path = join(folder, name);
      try {
        return [parseCdi(path, readSafely(path))];
      } catch (error) {
        warn(SampanError.from(error).message);
        return [];
      }
    }),
  );
}

function namesIn(folder: string): string[] {
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder)
    .filter((name) => /\.(?:json|ya?ml)$/.test(name))
    .toSorted();
}

function readSafely(path: string): string {
  const refuse = (why: string) => invalid(`cannot use CDI file "${path}": ${why}`);
  const stat = lstatSync(path);
  if (!stat.isFile()) throw refuse("it is not a file");
  if (stat.uid !== 0 || (stat.mode & 0o022) !== 0)
    throw refuse(
      "others than root may change it, wanted owner root and no write permission for group and others",
    );
  if (stat.size > most) throw refuse(`it has ${stat.size} bytes, wanted at most ${most}`);
  return readFileSync(path, "utf8");
}

/** JSON, or YAML by the ending. Errors: `invalid_argument` naming the field. */
export function parseCdi(path: string, text: string): CdiSpec {
  const refuse = (why: string) => invalid(`cannot use CDI file "${path}": ${why}`);
  const spec = objectOf(read(path, text, refuse), "the document", refuse);
  const { kind } = spec;
  if (typeof kind !== "string" || !/^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*$/.test(kind))
    throw refuse("its kind is no vendor.com/class");
  const devices = listOf(spec["devices"], "devices", refuse).map((each, index) => {
    const { name, containerEdits } = objectOf(each, `devices[${index}]`, refuse);
    if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(name))
      throw refuse(`devices[${index}].name is no name`);
    return [name, editsOf(containerEdits, `devices[${index}].containerEdits`, refuse)] as const;
  });
  return {
    path,
    kind,
    edits: editsOf(spec["containerEdits"], "containerEdits", refuse),
    devices: new Map(devices),
  };
}

type Refuse = (why: string) => Error;

function read(path: string, text: string, refuse: Refuse): unknown {
  try {
    return path.endsWith(".json") ? JSON.parse(text) : Bun.YAML.parse(text);
  } catch (error) {
    throw refuse((error as Error).message);
  }
}

function objectOf(value: unknown, at: string, refuse: Refuse): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw refuse(`${at} is no object`);
}

function listOf(value: unknown, at: string, refuse: Refuse): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.length <= 10_000) return value as unknown[];
  throw refuse(`${at} is no list`);
}

function editsOf(value: unknown, at: string, refuse: Refuse): Edits {
  if (value === undefined || value === null) return {};
  const edits = objectOf(value, at, refuse);
  const items = (name: string) =>
    listOf(edits[name], `${at}.${name}`, refuse).map((each, index) =>
      objectOf(each, `${at}.${name}[${index}]`, refuse),
    );
  const isText = (each: unknown) => typeof each === "string" && !/[\0\n]/.test(each);
  const texts = (list: unknown, name: string) => {
    const found = listOf(list, name, refuse);
    if (!found.every(isText)) throw refuse(`${name} has an item that is no text of one line`);
    return found as readonly string[];
  };
  const place = (each: unknown, name: string) => {
    if (isText(each) && posix.isAbsolute(each as string) && !(each as string).split("/").includes(".."))
      return each as string;
    throw refuse(`${name} is no absolute path without ".."`);
  };
  const number = (each: unknown, name: string) => {
    if (each === undefined || (Number.isInteger(each) && (each as number) >= 0 && (each as number) < 2 ** 32))
      return each as number | undefined;
    throw refuse(`${name} is no number`);
  };
  const given = <T>(name: string, each: T | undefined) => (each === undefined ? {} : { [name]: each });
  return {
    env: texts(edits["env"], `${at}.env`).map((line) => {
      if (/^[^=]+=/.test(line)) return line;
      throw refuse(`${at}.env has "${line.slice(0, 100)}", wanted NAME=value`);
    }),
    deviceNodes: items("deviceNodes").map((node, index) => {
      const name = `${at}.deviceNodes[${index}]`;
      const permissions = node["permissions"] ?? "rwm";
      if (typeof permissions !== "string" || !/^[rwm]{0,3}$/.test(permissions))
        throw refuse(`${name}.permissions are no letters of rwm`);
      return {
        path: place(node["path"], `${name}.path`),
        permissions: permissions || "rwm",
        ...(node["hostPath"] !== undefined && { hostPath: place(node["hostPath"], `${name}.hostPath`) }),
        ...given("fileMode", number(node["fileMode"], `${name}.fileMode`)),
        ...given("uid", number(node["uid"], `${name}.uid`)),
        ...given("gid", number(node["gid"], `${name}.gid`)),
      };
    }),
    mounts: items("mounts").map((mount, index) => ({
      hostPath: place(mount["hostPath"], `${at}.mounts[${index}].hostPath`),
      containerPath: place(mount["containerPath"], `${at}.mounts[${index}].containerPath`),
      options: texts(mount["options"], `${at}.mounts[${index}].options`),
    })),
    hooks: items("hooks").map((hook, index) => {
      const name = `${at}.hooks[${index}]`;
      const { hookName } = hook;
      // startContainer is a program of the container's own files.
      if (!hookKinds.some((kind) => kind === hookName && kind !== "startContainer"))
        throw refuse(`${name}.hookName is none that runs outside of the container`);
      return {
        hookName: hookName as string,
        path: place(hook["path"], `${name}.path`),
        args: texts(hook["args"], `${name}.args`),
        env: texts(hook["env"], `${name}.env`),
        ...given("timeout", number(hook["timeout"], `${name}.timeout`)),
      };
    }),
    additionalGids: listOf(edits["additionalGids"], `${at}.additionalGids`, refuse).map(
      (gid) => number(gid, `${at}.additionalGids`) ?? 0,
    ),
  };
}
