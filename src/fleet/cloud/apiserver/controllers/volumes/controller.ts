import { place, writeStatus, type Context, type Controller, type Enqueue } from "../controller.ts";
import { kinds, type Claim, type Node, type PersistentVolume, type StorageClass } from "../kinds.ts";
import { keyOf, splitKey } from "../references.ts";
import { boundAnnotation, planClaim, planVolume, type ClaimStep, type VolumeStep } from "./plan.ts";
import { isBoundTo, selectedNode } from "./match.ts";

const component = "persistentvolume-controller";
const merge = "application/merge-patch+json";
const boundBy = { "pv.kubernetes.io/bound-by-controller": "yes" } as const;
/** Claims wait for volumes and volumes for claims: what is refused is looked at again. */
const reminder = 300_000;

/** Brings claims and volumes together that were made by hand; no volume is made here. Keys are those of claims, and `pv/NAME`. */
export function volumeController(context: Context, enqueue: Enqueue): Controller {
  const { client, informers, events } = context;
  const claims = informers.of(kinds.claims);
  const volumes = informers.of(kinds.volumes);
  const classes = informers.of(kinds.storageClasses);
  const nodes = informers.of(kinds.nodes);
  claims.onChange((now, before) => {
    const claim = (now ?? before) as Claim | undefined;
    if (claim) enqueue(`claim:${keyOf(claim)}`);
    for (const volume of volumes.store.all() as readonly PersistentVolume[]) {
      const { claimRef } = volume.spec;
      const isNamed =
        claimRef?.name === claim?.metadata.name && claimRef?.namespace === claim?.metadata.namespace;
      if (claimRef && isNamed) enqueue(`volume:${keyOf(volume)}`);
    }
  });
  volumes.onChange((now, before) => {
    const volume = now ?? before;
    if (volume) enqueue(`volume:${keyOf(volume)}`);
    lookAtOpenClaims(volume?.metadata.name);
  });
  classes.onChange(() => lookAtOpenClaims(undefined));

  function lookAtOpenClaims(volumeName: string | undefined): void {
    for (const claim of claims.store.all() as readonly Claim[]) {
      const isOpen = claim.status?.phase !== "Bound";
      if (isOpen || claim.spec.volumeName === volumeName) enqueue(`claim:${keyOf(claim)}`);
    }
  }

  async function patchVolume(
    volume: PersistentVolume,
    spec: object,
    signal: AbortSignal,
  ): Promise<PersistentVolume> {
    const { uid, resourceVersion } = volume.metadata;
    const patch = { metadata: { uid, resourceVersion, annotations: boundBy }, spec };
    const written = await client.patch(kinds.volumes, place(volume), patch, { type: merge, signal });
    return written as PersistentVolume;
  }

  async function setVolumePhase(volume: PersistentVolume, step: object, signal: AbortSignal): Promise<void> {
    await writeStatus(client, kinds.volumes, volume, { status: { ...volume.status, ...step }, signal });
  }

  async function bind(claim: Claim, volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const { uid, resourceVersion } = claim.metadata;
    const patch = {
      metadata: { uid, resourceVersion, annotations: { ...boundBy, [boundAnnotation]: "yes" } },
      spec: { volumeName: volume.metadata.name },
    };
    const written = await client.patch(kinds.claims, place(claim), patch, { type: merge, signal });
    const { accessModes, capacity } = volume.spec;
    const status = { ...claim.status, phase: "Bound", accessModes, capacity };
    await writeStatus(client, kinds.claims, written, { status, signal });
    if (volume.status?.phase !== "Bound") await setVolumePhase(volume, { phase: "Bound" }, signal);
  }

  async function actOnClaim(claim: Claim, steps: readonly ClaimStep[], signal: AbortSignal): Promise<void> {
    let reserved: PersistentVolume | undefined;
    for (const step of steps) {
      if (step.do === "reserve") {
        const { namespace, name, uid, resourceVersion } = claim.metadata;
        const { apiVersion, kind } = claim;
        const claimRef = { apiVersion, kind, namespace, name, uid, resourceVersion };
        reserved = await patchVolume(step.volume, { claimRef }, signal);
      } else if (step.do === "bind") await bind(claim, reserved ?? step.volume, signal);
      else if (step.do === "phase") {
        const status = { ...claim.status, phase: step.phase };
        await writeStatus(client, kinds.claims, claim, { status, signal });
      } else {
        const type = step.reason === "WaitForFirstConsumer" ? "Normal" : "Warning";
        events.record(claim, { type, reason: step.reason, message: step.message, component });
      }
    }
  }

  async function actOnVolume(
    volume: PersistentVolume,
    steps: readonly VolumeStep[],
    signal: AbortSignal,
  ): Promise<void> {
    const phases = steps.filter((step) => step.do === "phase");
    const last = phases.at(-1);
    if (last) {
      const { phase, message } = last;
      await setVolumePhase(volume, { phase, ...(message ? { message } : {}) }, signal);
    }
    if (steps.some((step) => step.do === "free")) await patchVolume(volume, { claimRef: null }, signal);
  }

  function claimOf(volume: PersistentVolume): Claim | undefined {
    const { namespace, name = "" } = volume.spec.claimRef ?? {};
    const claim = claims.store.get(namespace, name) as Claim | undefined;
    return claim && isBoundTo(volume, claim) ? claim : undefined;
  }

  return {
    name: "volume",
    informers: [claims, volumes, classes, nodes],
    async reconcile(key, signal) {
      const colon = key.indexOf(":");
      const { namespace, name } = splitKey(key.slice(colon + 1));
      if (key.startsWith("volume:")) {
        const volume = volumes.store.get("", name) as PersistentVolume | undefined;
        if (volume) await actOnVolume(volume, planVolume(volume, claimOf(volume)), signal);
        return undefined;
      }
      const claim = claims.store.get(namespace, name) as Claim | undefined;
      if (!claim) return undefined;
      const steps = planClaim({
        claim,
        volumes: volumes.store.all() as readonly PersistentVolume[],
        storageClass: (one) => classes.store.get("", one) as StorageClass | undefined,
        node: (one) => nodes.store.get("", one) as Node | undefined,
      });
      await actOnClaim(claim, steps, signal);
      // A node that was chosen and cannot be had after all is forgotten: the scheduler chooses anew.
      if (isStuck(claim, steps)) {
        const annotations = { [selectedNode]: null };
        const patch = { metadata: { uid: claim.metadata.uid, annotations } };
        await client.patch(kinds.claims, place(claim), patch, { type: merge, signal });
      }
      return steps.some((step) => step.do === "say") ? reminder : undefined;
    },
  };
}

function isStuck(claim: Claim, steps: readonly ClaimStep[]): boolean {
  const hasNode = claim.metadata.annotations?.[selectedNode] !== undefined;
  return hasNode && steps.some((step) => step.do === "say" && step.reason === "FailedBinding");
}
