/** A line of tools/packages.txt: `name  # why`. */
export interface DebianPackage {
  readonly name: string;
  readonly why: string;
}

/** The packages of tools/packages.txt in order; blank lines and lines that are only a comment are passed over. */
export function parsePackages(text: string): DebianPackage[] {
  return text.split("\n").flatMap((line) => {
    const [name = "", ...why] = line.split("#");
    return name.trim() === "" ? [] : [{ name: name.trim(), why: why.join("#").trim() }];
  });
}
