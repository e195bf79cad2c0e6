/**
 * The systemd form of cgroupsPath, `slice:prefix:name`, and the unit and the directory that it stands for. Pure. Sources: runc's
 * documentation (docs/systemd.md), systemd.slice(5) for how a slice's name is its path.
 */
import { invalid } from "../../../../base/errors.ts";

export interface SystemdUnit {
  /** As systemd names it, like `machine-a.slice`. */
  readonly slice: string;
  /** `prefix-name.scope`, or the name itself when that ends with `.slice`. */
  readonly unit: string;
  /** The last part of the path; in the unit's description. */
  readonly name: string;
}

/** Errors: `invalid_argument` for a path that has not three parts. An absent path is `<default slice>:runc:<id>`, as with runc. */
export function parseSystemdPath(
  path: string | undefined,
  id: string,
  defaultSlice = "system.slice",
): SystemdUnit {
  if (path === undefined || path === "") {
    return { slice: defaultSlice, unit: unitName("runc", id), name: id };
  }
  const [slice, prefix, name, ...more] = path.split(":");
  if (slice === undefined || prefix === undefined || name === undefined || more.length > 0) {
    throw invalid(
      `cannot use linux.cgroupsPath "${path}": with the systemd driver its form is slice:prefix:name, like system.slice:sampan:web`,
    );
  }
  if (name === "" || `${prefix}${name}`.includes("/")) {
    throw invalid(
      `cannot use linux.cgroupsPath "${path}": the name is empty or has a slash, a unit's name was wanted`,
    );
  }
  return { slice: slice === "" ? defaultSlice : slice, unit: unitName(prefix, name), name };
}

function unitName(prefix: string, name: string): string {
  return name.endsWith(".slice") ? name : `${prefix}-${name}.scope`;
}

/** The unit's directory below the mount point: `a-b.slice` is in `a.slice`, and `-.slice` is the root. */
export function scopePath(unit: SystemdUnit): string {
  return `${slicePath(unit.slice)}/${unit.unit}`;
}

/** `/a.slice/a-b.slice` for `a-b.slice`, "" for `-.slice`. Errors: `invalid_argument` for what is no slice's name. */
export function slicePath(slice: string): string {
  const name = slice.endsWith(".slice") ? slice.slice(0, -".slice".length) : "";
  if (name === "-") return "";
  const parts = name.split("-");
  if (slice.includes("/") || parts.includes("")) {
    throw invalid(
      `cannot use slice "${slice}": a name like a-b.slice was wanted, without slashes and empty parts`,
    );
  }
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}.slice`).join("");
}
