/** What one run of `bun test` counted, from its JUnit report. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const nothing: Counts = { passed: 0, failed: 0, skipped: 0 };

export function add(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

const entities: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&#10;": "\n",
  "&amp;": "&",
};

function unescape(text: string): string {
  return text.replace(/&(?:lt|gt|quot|apos|#10|amp);/g, (entity) => entities[entity] ?? entity);
}

/** The totals of a report; undefined when it is not one (the run was ended before it was written). */
export function countsOf(xml: string): Counts | undefined {
  const head = /<testsuites [^>]*\btests="(\d+)"[^>]*\bfailures="(\d+)"[^>]*\bskipped="(\d+)"/.exec(xml);
  if (!head) return undefined;
  const [tests = 0, failed = 0, skipped = 0] = head.slice(1).map(Number);
  return { passed: tests - failed - skipped, failed, skipped };
}

/** `file: name` of each test that was skipped, in order. */
export function skippedOf(xml: string): string[] {
  const cases = xml.matchAll(/<testcase name="([^"]*)"[^>]*?\bfile="([^"]*)"[^>]*[^/]>\s*<skipped/g);
  return [...cases].map(([, name = "", file = ""]) => `${unescape(file)}: ${unescape(name)}`);
}

/** The files of tests that failed, each once. */
export function failedFilesOf(xml: string): string[] {
  const cases = xml.matchAll(/<testcase [^>]*?\bfile="([^"]*)"[^>]*[^/]>\s*<failure/g);
  return [...new Set([...cases].map(([, file = ""]) => unescape(file)))];
}

/** `bun test` counts errors outside of any test (a file that does not load) only in its closing lines: ` 1 error`. */
export function errorsOf(output: string): number {
  return Number(/^ (\d+) errors?$/m.exec(output)?.[1] ?? 0);
}

/** The line that ends a run: the only one of its form. */
export function countLine(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}
