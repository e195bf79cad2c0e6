/** What differs by the peer's version, KubeEdge 1.15 to 1.23, in one table. */
import { invalid } from "../../base/errors.ts";

export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** How the tasks of a fleet (upgrades, images) are asked for: one upgrade message, a state machine driven by the cloud, or a whole job driven by the edge. */
export type TaskStyle = "upgrade" | "states" | "actions";

export interface Traits {
  /** A device is known as `d1`, or as `default/d1`. */
  readonly deviceId: "name" | "namespaced";
  /** `last_online`: `2026-11-21 06:32:17`, or RFC 3339. */
  readonly lastOnline: "local" | "rfc3339";
  /** `state/update` of a device is answered and kept. */
  readonly deviceStates: boolean;
  /** Reported twins live in objects of the kind DeviceStatus. */
  readonly deviceStatusObjects: boolean;
  readonly tasks: TaskStyle;
  /** A certificate names its node: O=system:nodes, CN=system:node:<name>. */
  readonly nodeCertificates: boolean;
  /** Events of pods are reported. */
  readonly events: boolean;
  /** The Node object is pushed to the edge, which asks no more for it. */
  readonly nodePush: boolean;
}

/** From which version on something holds. */
const since = {
  namespacedDevices: "1.16.2",
  taskStates: "1.16.0",
  deviceStates: "1.18.0",
  nodeCertificates: "1.18.0",
  events: "1.19.0",
  taskActions: "1.21.0",
  nodePush: "1.23.0",
  deviceStatusObjects: "1.23.0",
} as const satisfies Record<string, string>;

/** What a peer is taken for that does not say its version: the newest that we speak. */
export const newest: Version = { major: 1, minor: 23, patch: 0 };
export const oldest: Version = { major: 1, minor: 15, patch: 0 };

const pattern = /^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:[-+].{0,64})?$/;
const kubelet = /-kubeedge-(v?\d.{0,80})$/;

/** @throws SampanError invalid_argument */
export function parseVersion(text: string): Version {
  const [whole, major, minor, patch] = pattern.exec(text.length <= 100 ? text : "") ?? [];
  if (whole === undefined)
    throw invalid(`cannot read version "${text.slice(0, 40)}": wanted one like v1.17.5`);
  return { major: Number(major), minor: Number(minor), patch: Number(patch ?? 0) };
}

/**
 * KubeEdge's version in `status.nodeInfo.kubeletVersion` of a node: `v1.26.15-kubeedge-v1.15.4`. undefined when none stands there,
 * or the 0.0.0 of a build by hand (`v0.0.0-master+$Format:%h$`), which says nothing of its age.
 */
export function versionOfKubelet(text: string): Version | undefined {
  const found = kubelet.exec(text.length <= 200 ? text : "")?.[1];
  if (found === undefined || !pattern.test(found)) return undefined;
  const version = parseVersion(found);
  return atLeast(version, "0.0.1") ? version : undefined;
}

/** Negative when `a` is the older one. */
export function compareReleases(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}

export function atLeast(version: Version, text: string): boolean {
  return compareReleases(version, parseVersion(text)) >= 0;
}

export function traitsOf(version: Version = newest): Traits {
  const has = (what: keyof typeof since) => atLeast(version, since[what]);
  return {
    deviceId: has("namespacedDevices") ? "namespaced" : "name",
    lastOnline: has("namespacedDevices") ? "rfc3339" : "local",
    deviceStates: has("deviceStates"),
    deviceStatusObjects: has("deviceStatusObjects"),
    tasks: has("taskActions") ? "actions" : has("taskStates") ? "states" : "upgrade",
    nodeCertificates: has("nodeCertificates"),
    events: has("events"),
    nodePush: has("nodePush"),
  };
}
