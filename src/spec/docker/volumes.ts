/** Shapes of Docker's Engine API 1.51 for volumes. */
import type { StringMap } from "./create.ts";

/** POST /volumes/create; without a name the daemon gives one. */
export interface VolumeCreateBody {
  readonly Name?: string;
  readonly Driver?: string;
  readonly DriverOpts?: StringMap;
  readonly Labels?: StringMap;
}

/** GET /volumes/{name}, and the items of GET /volumes. */
export interface Volume {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  /** RFC 3339. */
  readonly CreatedAt?: string;
  readonly Status?: Readonly<Record<string, unknown>>;
  readonly Labels: StringMap | null;
  readonly Scope: string;
  readonly Options: StringMap | null;
  /** In GET /system/df only; -1: not known. */
  readonly UsageData?: { readonly Size: number; readonly RefCount: number } | null;
}
