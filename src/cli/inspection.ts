/** What the three inspect commands share: an array of JSON, a line of JSON for each, or a template. */
import type { CommandContext } from "./command.ts";
import { forEach } from "./each.ts";
import { shownOn, writeJson } from "./format.ts";
import { compileTemplate } from "./template/template.ts";
import { printableJson } from "./text/identifier.ts";

export const inspectFormat = {
  kind: "text",
  short: "f",
  value: "FORMAT",
  help: "'json' or a Go template",
} as const;

/** Fields whose keys are data: a key that is not there is no value, not a mistake. */
const maps = new Set([
  "Labels",
  "ExposedPorts",
  "Volumes",
  "Data",
  "Networks",
  "Ports",
  "PortBindings",
  "Containers",
  "Options",
  "DriverOpts",
  "AuxiliaryAddresses",
  "Sysctls",
  "Tmpfs",
  "Annotations",
  "StorageOpt",
]);

function withMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withMaps);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      maps.has(key) ? new Map(Object.entries((each as object | null) ?? {})) : withMaps(each),
    ]),
  );
}

/** What a list is that is not there: nothing to walk through, and null as JSON, as one of Go's. */
class NoList extends Array<never> {
  toJSON(): null {
    return null;
  }
}

const noList = () => new NoList();
const noMap = () => new Map<string, never>();

/** Fields that Docker's shape of an image's configuration has, whether or not the image says anything of them. */
const configFields: Readonly<Record<string, () => unknown>> = {
  ArgsEscaped: () => false,
  Cmd: noList,
  Entrypoint: noList,
  Env: noList,
  ExposedPorts: noMap,
  Healthcheck: () => null,
  Labels: noMap,
  OnBuild: noList,
  Shell: noList,
  StopSignal: () => "",
  User: () => "",
  Volumes: noMap,
  WorkingDir: () => "",
};

function withFields(
  value: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, () => unknown>>,
): object {
  const made = Object.entries(fields).map(([name, zero]) => [name, value[name] ?? zero()] as const);
  return { ...value, ...Object.fromEntries(made) };
}

/** An image as a template sees it: what the shape has and this image has not is empty, not a mistake. Only an image has RootFS. */
function whole(thing: unknown): unknown {
  if (typeof thing !== "object" || thing === null || !("RootFS" in thing)) return thing;
  const image = thing as Readonly<Record<string, unknown>>;
  const config = withFields((image["Config"] ?? {}) as Readonly<Record<string, unknown>>, configFields);
  return { ...withFields(image, { Variant: () => "", Descriptor: () => null }), Config: config };
}

/** Gives the exit status. */
export async function inspectEach(
  io: Pick<CommandContext, "err" | "out" | "signal" | "words">,
  format: string | undefined,
  look: (reference: string) => Promise<unknown>,
): Promise<number> {
  const json = format === "json";
  const template = format === undefined || json ? undefined : compileTemplate(format);
  const found: unknown[] = [];
  const status = await forEach(io, io.words, {
    verb: async (reference) => {
      const thing = await look(reference);
      if (template) await io.out.write(`${template(shownOn(io.out, whole(withMaps(thing))))}\n`);
      else if (json) await io.out.write(`${printableJson(JSON.stringify(thing))}\n`);
      else found.push(thing);
    },
  });
  if (!template && !json) await writeJson(io.out, found);
  return status;
}
