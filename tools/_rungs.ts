/**
 * The rungs of the test ladder, by file name: x.test.ts is pure and parallel, x.root.test.ts needs root on Linux, x.vm.test.ts boots a
 * virtual machine. Root and VM files run one at a time, each with its own deadline.
 */
export interface Rung {
  readonly name: "pure" | "root" | "vm";
  readonly suffix: string;
  /** Seconds for a whole file (for all files, where they run together); a file asks for another with `// deadline: 900 s`. */
  readonly deadlineSeconds: number;
  /** Milliseconds for one test that names no limit of its own. */
  readonly testTimeout: number;
  /** How often a file is run at most, until it passes. */
  readonly tries: number;
}

export const rungs = [
  { name: "vm", suffix: ".vm.test.ts", deadlineSeconds: 500, testTimeout: 120_000, tries: 3 },
  { name: "root", suffix: ".root.test.ts", deadlineSeconds: 600, testTimeout: 180_000, tries: 2 },
  { name: "pure", suffix: ".test.ts", deadlineSeconds: 900, testTimeout: 60_000, tries: 1 },
] as const satisfies readonly Rung[];

export type RungName = (typeof rungs)[number]["name"];

const folders = ["src", "test", "tools", "launcher", "bench"];

export function rungOf(path: string): Rung | undefined {
  return rungs.find(({ suffix }) => path.endsWith(suffix));
}

/** The test files of a rung in the order of their paths. */
export function filesOf(name: RungName): string[] {
  return [...new Bun.Glob(`{${folders.join(",")}}/**/*.test.ts`).scanSync(".")]
    .filter((path) => rungOf(path)?.name === name)
    .toSorted();
}

/** The deadline that a file's text asks for, in seconds. */
export function deadlineOf(text: string, fallback: number): number {
  return Number(/^\/\/ deadline: (\d+) s$/m.exec(text)?.[1] ?? fallback);
}
