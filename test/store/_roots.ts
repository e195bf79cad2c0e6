/** Data roots for tests, removed at the end of their scope. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Root extends Disposable {
  readonly path: string;
}

export function newRoot(): Root {
  const path = mkdtempSync(join(tmpdir(), "sampan-store-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
