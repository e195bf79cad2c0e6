/** The life of a container's unit in systemd: made with its resources, changed, and stopped. What is asked for and when as in runc. */
import { SampanError } from "../../../../base/errors.ts";
import type { OciDevice, OciResources } from "../../../../spec/oci/config.ts";
import type { Systemd } from "./bus.ts";
import { resourceProperties, unitProperties } from "./properties.ts";
import type { SystemdUnit } from "./unit.ts";

export interface ScopeOptions {
  readonly unit: SystemdUnit;
  readonly version: 1 | 2;
  /**
   * A process that systemd moves into the unit. It has to live until the container's first process is in its cgroup: systemd takes an
   * empty scope away.
   */
  readonly pid: number;
  readonly resources?: OciResources | undefined;
  /** linux.devices; undefined for an ordinary user's container: no device rules. */
  readonly devices?: readonly Pick<OciDevice, "path">[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * Makes the unit; when it returns its cgroups are there, on v1 those of the controllers that systemd drives. The plan's operations go on
 * top. A failed unit of the same name is cleared away first.
 * Errors: `already_exists` when such a unit runs, `failed_precondition` when systemd could not start it.
 */
export async function startScope(systemd: Systemd, options: ScopeOptions): Promise<void> {
  const { unit, version, pid, resources = {}, devices, annotations = {} } = options;
  const properties = [
    ...unitProperties({ unit, version, pid, annotations }),
    ...resourceProperties({ resources, version, systemd: await systemd.version(), devices }),
  ];
  const start = () => systemd.startTransientUnit(unit.unit, properties);
  const { result } = await start().catch(async (error: unknown) => {
    if (!(error instanceof SampanError) || error.code !== "already_exists") throw error;
    await resetQuietly(systemd, unit);
    return start();
  });
  if (result === "done") return;
  await resetQuietly(systemd, unit);
  throw new SampanError(
    "failed_precondition",
    `cannot start unit "${unit.unit}": systemd's job ended as "${result}"`,
  );
}

export interface ScopeUpdate {
  readonly unit: SystemdUnit;
  readonly version: 1 | 2;
  readonly resources: OciResources;
}

/** Tells systemd of new limits; updateSteps then writes them. Device rules stay. */
export async function updateScope(
  systemd: Systemd,
  { unit, version, resources }: ScopeUpdate,
): Promise<void> {
  const properties = resourceProperties({ resources, version, systemd: await systemd.version() });
  if (properties.length > 0) await systemd.setUnitProperties(unit.unit, properties);
}

/** Stops and forgets the unit. One that is gone is fine. What is left in the cgroup file systems is for removeCgroups. */
export async function stopScope(systemd: Systemd, unit: Pick<SystemdUnit, "unit">): Promise<void> {
  try {
    await systemd.stopUnit(unit.unit);
  } catch (error) {
    if (!(error instanceof SampanError) || error.code !== "not_found") throw error;
  }
  await resetQuietly(systemd, unit);
}

/** Most times there is nothing to reset, which systemd calls an error. */
async function resetQuietly(systemd: Systemd, unit: Pick<SystemdUnit, "unit">): Promise<void> {
  try {
    await systemd.resetFailedUnit(unit.unit);
  } catch (error) {
    if (error instanceof SampanError && (error.code === "deadline_exceeded" || error.code === "cancelled"))
      throw error;
  }
}
