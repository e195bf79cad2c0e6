/** The kernel modules that the guest loads before it has a disk, in an order in which each finds what it needs. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

export interface Driver {
  readonly name: string;
  readonly path: string;
  readonly contents: Uint8Array;
}

/**
 * The named modules and all they depend on, the depended-on first. A module says what it needs in its .modinfo section, as
 * `depends=a,b` between NULs: the tables that depmod would make are not in the kernel's package.
 *
 * @throws Error when the folder has no such module.
 */
export function driversFor(names: readonly string[], modulesFolder: string): Driver[] {
  const files = moduleFiles(modulesFolder);
  const ordered = new Map<string, Driver>();
  const visit = (name: string): void => {
    if (ordered.has(name)) return;
    const file = files.get(name);
    if (file === undefined)
      throw new Error(`cannot find driver "${name}": no such module below ${modulesFolder}`);
    const contents = readFileSync(file);
    for (const needed of dependencies(contents)) visit(needed);
    ordered.set(name, { name, path: file, contents });
  };
  names.forEach(visit);
  return [...ordered.values()];
}

/** What a module's .modinfo says that it depends on. */
export function dependencies(module: Uint8Array): string[] {
  const text = Buffer.from(module.buffer, module.byteOffset, module.byteLength).toString("latin1");
  const depends = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
  return depends.split(",").filter((name) => name !== "");
}

function moduleFiles(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ko"),
  );
  // A module's file may be written with a dash where its name has an underscore.
  return new Map(files.map((file) => [basename(file, ".ko").replaceAll("-", "_"), join(folder, file)]));
}
