/** docs/promises.md: numbered promises, below each the ids of the tests or benchmarks that enforce it: `path/to/file#name`. */
export interface Promised {
  readonly number: number;
  readonly text: string;
  readonly ids: readonly string[];
}

export function parsePromises(markdown: string): Promised[] {
  return markdown.split(/^(?=\d+\. )/m).flatMap((part) => {
    const head = /^(\d+)\. (.*)/.exec(part);
    if (!head) return [];
    const ids = [...part.matchAll(/`([^`\s]+\.ts#[^`]+)`/g)].flatMap((match) => match[1] ?? []);
    return [{ number: Number(head[1]), text: head[2] ?? "", ids }];
  });
}

/** Whether a file's text holds a test or a row of that name, in any of the three kinds of quotes. */
export function hasName(text: string, name: string): boolean {
  return [`"`, "'", "`"].some((quote) => text.includes(`${quote}${name}${quote}`));
}

/** A line for each fault: a number out of its turn, a promise without an id, an id whose file or name does not exist. */
export function faults(
  promises: readonly Promised[],
  textOf: (path: string) => string | undefined,
): string[] {
  return promises.flatMap(({ number, ids }, index) => {
    const found: string[] = [];
    if (number !== index + 1) found.push(`promise ${number} stands where ${index + 1} was expected`);
    if (ids.length === 0) found.push(`promise ${number} has no test and no benchmark`);
    for (const id of ids) {
      const [path = "", ...name] = id.split("#");
      const text = textOf(path);
      if (text === undefined) found.push(`promise ${number}: there is no file ${path}`);
      else if (!hasName(text, name.join("#")))
        found.push(`promise ${number}: ${path} has no "${name.join("#")}"`);
    }
    return found;
  });
}
