/** Versions of the specification that we speak. 0.1.0 and 0.2.0 know no lists of plug-ins and have results of another shape. */
export const versions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type CniVersion = (typeof versions)[number];
export const latest: CniVersion = "1.1.0";

export function isVersion(value: unknown): value is CniVersion {
  return (versions as readonly unknown[]).includes(value);
}

export function atLeast(version: CniVersion, other: CniVersion): boolean {
  return versions.indexOf(version) >= versions.indexOf(other);
}
