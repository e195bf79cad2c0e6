/** Carries out the steps of a plan on the engine. Each may take long; each takes a signal and leaves nothing half made that the next look would not see. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { createContainer } from "../../../engine/containers/create.ts";
import { removeContainer } from "../../../engine/containers/remove.ts";
import { startContainer } from "../../../engine/containers/start.ts";
import { stopContainer } from "../../../engine/containers/stop.ts";
import type { PodSandboxInfo } from "../../../engine/pods/pods.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import { containerBody, localhostProfile } from "./container.ts";
import { hostsText } from "./dns.ts";
import { environmentOf } from "./environment.ts";
import { messageFile, ownLabels } from "./observe.ts";
import type { EdgedParts } from "./parts.ts";
import { graceOf, type Step } from "./plan.ts";
import { PodError } from "./pod-error.ts";
import { sandboxRequest } from "./sandbox.ts";
import type { MountedVolumes } from "./translate.ts";
import { allContainers, containerHash } from "./view.ts";
import { containerMounts } from "./volumes/container-mounts.ts";

export type Do<Name extends Step["do"]> = Extract<Step, { readonly do: Name }>;

export interface Prepared {
  readonly sandbox: PodSandboxInfo;
  readonly volumes: MountedVolumes;
}

export interface Preparing {
  readonly sandbox: string | undefined;
  readonly signal: AbortSignal;
  /** Is told the sandbox's id. */
  readonly made: (id: string) => void;
}

/** Errors: PodError `FailedMount`, `FailedCreatePodSandBox`, and those that are final: of a pod that this node cannot take too. */
export async function prepare(
  parts: EdgedParts,
  pod: Pod,
  { sandbox, signal, made: told }: Preparing,
): Promise<Prepared> {
  if (sandbox === undefined) await parts.admit(pod, signal);
  const made = makeSandbox(parts, pod, { sandbox, signal });
  // Also when its volumes are not there yet.
  made.then(
    ({ id }) => told(id),
    () => undefined,
  );
  try {
    const volumes = await parts.means.volumes.mount(pod, signal);
    return { sandbox: await made, volumes };
  } catch (error) {
    await made.catch(() => undefined);
    throw PodError.of("FailedMount", error);
  }
}

async function makeSandbox(
  { engine, facts }: EdgedParts,
  pod: Pod,
  { sandbox, signal }: { readonly sandbox: string | undefined; readonly signal: AbortSignal },
): Promise<PodSandboxInfo> {
  try {
    if (sandbox !== undefined) {
      const found = engine.pods.get(sandbox);
      if (found.state === "ready") return found;
      await engine.pods.restore();
      const healed = engine.pods.get(sandbox);
      if (healed.state === "ready") return healed;
      throw new SampanError("unavailable", "its sandbox cannot be made again");
    }
    const request = sandboxRequest(pod, facts);
    const labels = {
      ...request.labels,
      [ownLabels.node]: facts.name,
      [ownLabels.grace]: `${graceOf({ pod })}`,
    };
    return await engine.pods.run({ ...request, labels }, signal);
  } catch (error) {
    throw PodError.of("FailedCreatePodSandBox", error);
  }
}

export interface Starting {
  readonly pod: Pod;
  readonly step: Do<"start">;
  readonly prepared: Prepared;
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Is told its id before it runs. */
  readonly made: (id: string) => void;
}

/** Gives its id. Errors: PodError. */
export async function start(parts: EdgedParts, starting: Starting): Promise<string> {
  const { engine } = parts;
  const { step, signal } = starting;
  if (step.instead) await removeContainer(engine, step.instead.id, { force: true, volumes: true });
  const id = await create(parts, starting);
  starting.made(id);
  try {
    await startContainer(engine, id, { signal });
  } catch (error) {
    throw PodError.of("RunContainerError", error);
  }
  return id;
}

async function create(parts: EdgedParts, { pod, step, prepared, folder, signal }: Starting): Promise<string> {
  const { engine, facts, means, meta } = parts;
  const { container, kind } = step.wanted;
  const { sandbox, volumes: mounted } = prepared;
  const [image, environment] = await Promise.all([
    means.image(pod, container, signal),
    environmentOf(pod, container, {
      meta,
      node: facts,
      podIps: sandbox.ips,
      services: parts.services,
      signal,
    }),
  ]);
  try {
    const { mounts, devices } = await containerMounts({
      pod,
      container,
      volumes: means.volumes,
      mounted,
      environment,
    });
    const seccompProfile = await localhostProfile(join(folder, "../../seccomp"), { pod, container });
    const terminationMessage = messageFile(folder, container.name, step.attempt);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(terminationMessage, "");
    // Whoever the container runs as may write it.
    chmodSync(terminationMessage, 0o666);
    const etcHosts = join(folder, "hosts");
    writeFileSync(etcHosts, hostsText(pod, { ips: sandbox.ips, host: ownHosts(pod), node: facts }));
    const target = targetOf(parts, pod, { sandbox: sandbox.id, name: container.targetContainerName });
    const body = containerBody({
      pod,
      container,
      kind: kind === "sidecar" ? "init" : kind,
      sandbox: sandbox.id,
      attempt: step.attempt,
      image: image.id,
      ...(image.user !== undefined && { imageUser: image.user }),
      ...(seccompProfile !== undefined && { seccompProfile }),
      environment,
      mounts,
      devices,
      terminationMessage,
      etcHosts,
      ...(target !== undefined && { target }),
      node: facts,
    });
    const labels = {
      ...body.Labels,
      [ownLabels.hash]: containerHash(container),
      [ownLabels.generation]: sandbox.generation,
      [ownLabels.image]: image.imageID ?? image.id,
    };
    signal.throwIfAborted();
    const { id } = await createContainer(engine, {
      body: { ...body, Labels: labels },
      name: nameOf(pod, container.name, step.attempt),
    });
    return id;
  } catch (error) {
    throw PodError.of("CreateContainerError", error);
  }
}

/** A container whose processes an ephemeral one sees. */
function targetOf(
  { engine }: EdgedParts,
  pod: Pod,
  { sandbox, name }: { readonly sandbox: string; readonly name: string | undefined },
): string | undefined {
  if (name === undefined || !allContainers(pod).some(({ container }) => container.name === name))
    return undefined;
  return engine.pods
    .containers(sandbox)
    .map((id) => engine.containers.get(id))
    .find(({ state, body }) => state === "running" && body.Labels?.["io.kubernetes.container.name"] === name)
    ?.id;
}

/** One word, as the engine wants it, that no other has. */
function nameOf({ metadata }: Pod, container: string, attempt: number): string {
  const { name = "", namespace = "default", uid = "" } = metadata;
  return `${container}_${name.slice(0, 63)}_${namespace}_${uid}_${attempt}`;
}

export interface Stopping {
  readonly pod: Pod;
  readonly step: Do<"stop">;
  readonly podIp: string | undefined;
  readonly signal: AbortSignal;
}

/** Seconds that a container has after its hook in any case. */
const least = 2;

/** Gives what its preStop hook failed with. */
export async function stop(
  { engine, means, clock }: EdgedParts,
  { pod, step, podIp, signal }: Stopping,
): Promise<PodError | undefined> {
  const { seen, grace } = step;
  const wanted = allContainers(pod).find(({ container }) => container.name === seen.name);
  const until = clock.now() + grace * 1000;
  const action = wanted?.container.lifecycle?.preStop;
  let failure: PodError | undefined;
  if (wanted && action && grace > 0) {
    const late = AbortSignal.any([signal, AbortSignal.timeout(grace * 1000)]);
    try {
      await means.hook(
        action,
        { kind: "preStop", pod, container: wanted.container, id: seen.id, podIp },
        late,
      );
    } catch (error) {
      failure = PodError.of("PreStopHookError", error);
    }
  }
  const left = grace === 0 ? 0 : Math.max(least, Math.ceil((until - clock.now()) / 1000));
  await stopContainer(engine, seen.id, { timeout: left, abort: signal }).catch((error: unknown) => {
    // It has ended, and gone, by itself.
    if (!["not_found", "failed_precondition"].includes(SampanError.from(error).code)) throw error;
  });
  return failure;
}

/** An attempt that nobody asks for any more. What is pinned for its container serves the next one. */
export async function remove({ engine }: EdgedParts, { seen }: Do<"remove">, folder: string): Promise<void> {
  await removeContainer(engine, seen.id, { force: true, volumes: true });
  rmSync(messageFile(folder, seen.name, seen.attempt), { force: true });
}

/** The containers' rows and logs stay. */
export async function rest(
  { engine, means }: EdgedParts,
  uid: string,
  sandbox: string | undefined,
): Promise<void> {
  if (sandbox !== undefined) await engine.pods.stop(sandbox);
  await means.volumes.unmount(uid);
}

export async function clear(
  { engine, means }: EdgedParts,
  uid: string,
  { sandbox, folder }: { readonly sandbox: string | undefined; readonly folder: string },
): Promise<void> {
  if (sandbox !== undefined) await engine.pods.remove(sandbox);
  await means.volumes.unmount(uid);
  rmSync(folder, { recursive: true, force: true });
}

/** The machine's, for who shares its network. Small images have none. */
function ownHosts({ spec }: Pod): string {
  const path = "/etc/hosts";
  return spec.hostNetwork && existsSync(path) ? readFileSync(path, "utf8") : "";
}
