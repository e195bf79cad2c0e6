/** Sandboxes and containers that were made by the CRI, with the configuration that they were made with: the engine keeps it as their `origin`. */
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "../../engine/containers/containers.ts";
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

export interface KnownContainer {
  readonly info: ContainerInfo;
  /** Id of its sandbox. */
  readonly pod: string;
  readonly config: ContainerConfig;
}

export function sandboxOrigin(config: PodSandboxConfig): string {
  return Buffer.from(toBinary(PodSandboxConfigSchema, config)).toString("base64");
}

export function containerOrigin(config: ContainerConfig): string {
  return Buffer.from(toBinary(ContainerConfigSchema, config)).toString("base64");
}

/** Errors: `not_found`. */
export function sandboxOf({ engine }: Parts, id: string): KnownSandbox {
  const known = engine.pods
    .list()
    .flatMap(asSandbox)
    .find(({ info }) => info.id === id);
  if (known) return known;
  throw new SampanError("not_found", `cannot find pod sandbox "${id.slice(0, 100)}"`);
}

export function sandboxes({ engine }: Parts): KnownSandbox[] {
  return engine.pods.list().flatMap(asSandbox);
}

/** Errors: `not_found`. */
export function containerOf({ engine }: Parts, id: string): KnownContainer {
  const [known] = /^[0-9a-f]{64}$/.test(id) ? asContainer(engine.containers.get(id)) : [];
  if (known) return known;
  throw new SampanError("not_found", `cannot find container "${id.slice(0, 100)}"`);
}

export function containers({ engine }: Parts): KnownContainer[] {
  return engine.containers.list().flatMap(asContainer);
}

function asSandbox(info: PodSandboxInfo): KnownSandbox[] {
  const { origin } = info.request;
  if (origin === undefined) return [];
  return [{ info, config: fromBinary(PodSandboxConfigSchema, Buffer.from(origin, "base64")) }];
}

function asContainer(info: ContainerInfo): KnownContainer[] {
  const { pod, extras } = info;
  if (pod === undefined || extras.origin === undefined) return [];
  return [{ info, pod, config: fromBinary(ContainerConfigSchema, Buffer.from(extras.origin, "base64")) }];
}
