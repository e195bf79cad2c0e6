/** Sandboxes and containers that were made by the CRI, with the configuration that they were made with: the engine keeps it as their `origin`. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "../../engine/containers/containers.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import type { PodSandboxInfo } from "../../engine/pods/pods.ts";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from "../../wire/cri/cri_pb.ts";
import type { CriContext } from "./cri.ts";

type Parts = Pick<CriContext, "engine">;

export interface KnownSandbox {
  readonly info: PodSandboxInfo;
  readonly config: PodSandboxConfig;
}

/** For who does not ask how it is. */
export interface NamedSandbox {
  readonly info: Pick<PodSandboxInfo, "id" | "request">;
  readonly config: PodSandboxConfig;
}

export interface KnownContainer {
  readonly info: ContainerInfo;
  /** Id of its sandbox. */
  readonly pod: string;
  readonly config: ContainerConfig;
}

/** An origin never changes, so each is read once: kubelet lists everything every second. */
interface Read {
  readonly sandboxes: Map<string, PodSandboxConfig>;
  readonly containers: Map<string, ContainerConfig>;
}

const readBy = new WeakMap<LiveEngine, Read>();

function readOf(engine: LiveEngine): Read {
  const known = readBy.get(engine);
  if (known) return known;
  const read: Read = { sandboxes: new Map(), containers: new Map() };
  readBy.set(engine, read);
  return read;
}

export function sandboxOrigin(config: PodSandboxConfig): string {
  return Buffer.from(toBinary(PodSandboxConfigSchema, config)).toString("base64");
}

export function containerOrigin(config: ContainerConfig): string {
  return Buffer.from(toBinary(ContainerConfigSchema, config)).toString("base64");
}

const isId = (text: string) => /^[0-9a-f]{64}$/.test(text);
const isBeginning = (text: string) => /^[0-9a-f]{1,63}$/.test(text);

/** By its id, or the beginning of one that no other has. Errors: `not_found`. */
export function sandboxOf(parts: Parts, id: string): KnownSandbox {
  const { engine } = parts;
  const [known, ...others] = isId(id)
    ? found(() => asSandbox(engine, engine.pods.get(id)))
    : isBeginning(id)
      ? sandboxes(parts).filter(({ info }) => info.id.startsWith(id))
      : [];
  if (known && others.length === 0) return known;
  throw new SampanError("not_found", `cannot find pod sandbox "${id.slice(0, 100)}"${several(known)}`);
}

/** As sandboxOf, without a look at what of it is there. */
export function namedSandbox(parts: Parts, id: string): NamedSandbox {
  const { engine } = parts;
  const [known] = isId(id) ? found(() => asSandbox(engine, { id, request: engine.pods.request(id) })) : [];
  return known ?? sandboxOf(parts, id);
}

export function sandboxes({ engine }: Parts): KnownSandbox[] {
  const all = engine.pods.list();
  forget(
    readOf(engine).sandboxes,
    all.map(({ id }) => id),
  );
  return all.flatMap((info) => asSandbox(engine, info));
}

/** By its id, or the beginning of one that no other has. Errors: `not_found`. */
export function containerOf(parts: Parts, id: string): KnownContainer {
  const { engine } = parts;
  const [known, ...others] = isId(id)
    ? asContainer(engine, engine.containers.get(id))
    : isBeginning(id)
      ? containers(parts).filter(({ info }) => info.id.startsWith(id))
      : [];
  if (known && others.length === 0) return known;
  throw new SampanError("not_found", `cannot find container "${id.slice(0, 100)}"${several(known)}`);
}

export function containers({ engine }: Parts): KnownContainer[] {
  const all = engine.containers.list();
  forget(
    readOf(engine).containers,
    all.map(({ id }) => id),
  );
  return all.flatMap((info) => asContainer(engine, info));
}

/** Those of one sandbox, oldest first. */
export function containersIn({ engine }: Parts, pod: string): KnownContainer[] {
  return engine.pods.containers(pod).flatMap((id) => {
    try {
      return asContainer(engine, engine.containers.get(id));
    } catch (error) {
      // It went in between.
      if (SampanError.from(error).code === "not_found") return [];
      throw error;
    }
  });
}

/** One that is not there has been stopped and removed already. */
export function findSandbox(parts: Parts, id: string): KnownSandbox | undefined {
  return found(() => [sandboxOf(parts, id)])[0];
}

export function findContainer(parts: Parts, id: string): KnownContainer | undefined {
  return found(() => [containerOf(parts, id)])[0];
}

const several = (known: object | undefined) => (known ? ": the ids of several begin with it" : "");

function found<Known>(look: () => Known[]): Known[] {
  try {
    return look();
  } catch (error) {
    if (SampanError.from(error).code === "not_found") return [];
    throw error;
  }
}

function asSandbox<Info extends Pick<PodSandboxInfo, "id" | "request">>(
  engine: LiveEngine,
  info: Info,
): { readonly info: Info; readonly config: PodSandboxConfig }[] {
  const { origin } = info.request;
  if (origin === undefined) return [];
  const read = () => fromBinary(PodSandboxConfigSchema, Buffer.from(origin, "base64"));
  return [{ info, config: once(readOf(engine).sandboxes, info.id, read) }];
}

function asContainer(engine: LiveEngine, info: ContainerInfo): KnownContainer[] {
  const { pod, extras } = info;
  const { origin } = extras;
  if (pod === undefined || origin === undefined) return [];
  const read = () => fromBinary(ContainerConfigSchema, Buffer.from(origin, "base64"));
  return [{ info, pod, config: once(readOf(engine).containers, info.id, read) }];
}

function once<Config>(map: Map<string, Config>, id: string, read: () => Config): Config {
  const known = map.get(id);
  if (known !== undefined) return known;
  const config = read();
  map.set(id, config);
  return config;
}

function forget(map: Map<string, unknown>, there: readonly string[]): void {
  if (map.size <= there.length) return;
  const kept = new Set(there);
  for (const id of map.keys()) if (!kept.has(id)) map.delete(id);
}
