/** The import table of docs/architecture.md, "Who may import whom", as data, and the pure function that holds files against it. */
export interface SourceFile {
  /** From the repository's top: `src/base/errors.ts`. */
  readonly path: string;
  readonly text: string;
}

interface Layer {
  readonly folder: string;
  /** Folders or single files below src. A layer may always import itself. */
  readonly may: readonly string[];
}

/** The longest folder that a path lies in is its layer. */
export const layers: readonly Layer[] = [
  { folder: "base", may: [] },
  { folder: "spec", may: ["base"] },
  { folder: "wire", may: ["base"] },
  { folder: "kernel", may: ["base"] },
  { folder: "runtime", may: ["base", "spec", "kernel"] },
  { folder: "engine", may: ["base", "spec", "kernel", "runtime/runtime.ts"] },
  { folder: "api/docker", may: ["base", "spec", "wire", "engine"] },
  { folder: "api/cri", may: ["base", "spec", "wire", "engine"] },
  { folder: "api/metrics", may: ["base", "spec", "wire", "engine"] },
  { folder: "api/shim", may: ["base", "spec", "wire", "runtime"] },
  { folder: "api/oci", may: ["base", "spec", "wire", "runtime"] },
  { folder: "cli", may: ["base", "spec"] },
  { folder: "web", may: [] },
  { folder: "mapper", may: ["base", "spec", "wire"] },
  { folder: "fleet/link", may: ["base", "spec", "wire"] },
  { folder: "fleet/cloud", may: ["base", "spec", "wire", "fleet/link"] },
  { folder: "fleet/edge", may: ["base", "spec", "wire", "fleet/link", "engine", "fleet/edge/edged/volumes"] },
  {
    folder: "fleet/edge/edged/volumes",
    may: ["base", "spec", "wire", "kernel", "fleet/link", "engine", "fleet/edge"],
  },
  {
    folder: "bin",
    may: ["base", "spec", "wire", "kernel", "runtime", "engine", "api", "cli", "web", "fleet", "mapper"],
  },
];

const drawers = /\/(?:utils?|common|helpers?|libs?)\//;
const isTest = (path: string) => path.endsWith(".test.ts") || path.endsWith(".suite.ts");

/** Every import of a text: static, re-exported, for its side effect, dynamic, and in a type. */
export function importsOf(text: string): string[] {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  const fixed = code.matchAll(/^\s*(?:import|export)\b(?:[^;"'`()]*?\bfrom)?\s*["']([^"']+)["']/gm);
  const called = code.matchAll(/\b(?:import|require)\(\s*["'`]([^"'`]+)["'`]/g);
  return [...fixed, ...called].flatMap((match) => match[1] ?? []);
}

/** An import whose target only the running program knows; the table cannot be held against it. */
function hasComputedImport(text: string): boolean {
  return /\bimport\(\s*[^"'`\s)]/.test(text.replaceAll(/\/\*[\s\S]*?\*\//g, ""));
}

/** The path from the repository's top that a relative import means. */
function resolve(from: string, target: string): string {
  return new URL(target, `file:///${from}`).pathname.slice(1);
}

function layerOf(path: string): Layer | undefined {
  const inside = path.replace(/^src\//, "");
  return layers
    .filter(({ folder }) => inside.startsWith(`${folder}/`))
    .toSorted((a, b) => b.folder.length - a.folder.length)[0];
}

function foreign(from: SourceFile, target: string, packages: readonly string[]): string | undefined {
  if (target === "bun:ffi" && !from.path.startsWith("src/kernel/")) return "bun:ffi is for src/kernel";
  if (target === "bun:test") return isTest(from.path) ? undefined : "bun:test is for tests";
  if (/^(?:node|bun):/.test(target) || target === "bun") return undefined;
  if (target === "#launcher")
    return /^src\/(?:runtime\/native|bin)\//.test(from.path)
      ? undefined
      : "the launcher is for src/runtime/native and src/bin";
  const name = target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
  return packages.includes(name) ? undefined : "not among the dependencies of package.json";
}

function own(from: SourceFile, to: string): string | undefined {
  const folder = to.slice(0, to.lastIndexOf("/") + 1);
  const name = to.slice(folder.length);
  if (name.startsWith("_") && !from.path.startsWith(folder)) return "a file with _ is private to its folder";
  if (!to.startsWith("src/")) return isTest(from.path) ? undefined : "src imports nothing outside of src";
  const layer = layerOf(from.path);
  const target = layerOf(to);
  if (!layer || !target || layer === target) return undefined;
  if (target.folder === "bin") return "nobody imports bin";
  const inside = to.replace(/^src\//, "");
  return layer.may.some((may) => inside === may || inside.startsWith(`${may}/`))
    ? undefined
    : `${layer.folder} may import ${layer.may.join(", ") || "nothing of ours"}`;
}

/** A line for each breach; `packages` are the names that package.json lists as dependencies. */
export function breaches(files: readonly SourceFile[], packages: readonly string[] = []): string[] {
  return files.flatMap((file) => {
    const found: string[] = [];
    if (!layerOf(file.path)) found.push(`${file.path}: lies in no folder of the import table`);
    if (drawers.test(file.path)) found.push(`${file.path}: a folder names what it is for`);
    if (hasComputedImport(file.text)) found.push(`${file.path}: imports what only the running program knows`);
    for (const target of importsOf(file.text)) {
      const why = target.startsWith(".")
        ? own(file, resolve(file.path, target))
        : foreign(file, target, packages);
      if (why) found.push(`${file.path}: imports ${target}: ${why}`);
    }
    return found;
  });
}
