/** The checks of `make ok` that are not tests. Each is a command that is silent when all is well. */
export interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

export function checks(bun: string): Check[] {
  const c = [...new Bun.Glob("launcher/**/*.{c,h}").scanSync(".")]
    .filter((path) => !path.endsWith("operations.h"))
    .toSorted();
  return [
    { name: "format", command: [bun, "fmt", "--check"] },
    { name: "types", command: [bun, "check", "--all"] },
    { name: "lint", command: ["node_modules/.bin/oxlint", "--deny-warnings"] },
    ...(c.length > 0 ? [{ name: "C format", command: ["clang-format", "--dry-run", "--Werror", ...c] }] : []),
  ];
}
