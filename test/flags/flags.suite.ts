/** The same command lines of docker's command line, typed at any daemon: what each prints and ends with. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeArchive } from "../counterparts/image.ts";
import { cgroupFolders, emptiedAfter } from "../counterparts/place.ts";
import { needing, type Needs } from "../needs.ts";
import { identity } from "./identity.ts";
import { images } from "./images.ts";
import { resources } from "./resources.ts";
import type { Row } from "./rows.ts";
import { streams } from "./streams.ts";
import { verbs } from "./verbs.ts";

export interface Host extends AsyncDisposable {
  /** `unix:///path`. */
  readonly host: string;
  readonly ours: boolean;
}

export interface SuiteOptions {
  readonly open: () => Promise<Host>;
  readonly needs: Needs;
}

/** What a row may call. */
export const programs = ["bash", "docker", "busybox", "tar", "script", "awk", "od"];

/** So many at a time: each is mostly waiting for the daemon. */
const abreast = 4;

export function flagsSuite(title: string, { open, needs }: SuiteOptions): void {
  const { test } = needing(needs);
  const undo = new AsyncDisposableStack();
  let type: (line: string) => Promise<string>;
  let ours = false;
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "sampan-flags-"));
    undo.defer(() => rmSync(folder, { recursive: true }));
    // Of --cgroup-parent: nobody takes it away with the container.
    undo.use(emptiedAfter(...cgroupFolders("flags")));
    const host = undo.use(await open());
    ours = host.ours;
    type = (line) => typed(line, { folder, host: host.host });
    await makeArchive(folder);
    expect(await type("docker import -c 'ENV PATH=/bin' -c 'CMD [\"sh\"]' image.tar box")).toBe("sha256:ID");
    undo.defer(async () => void (await type("docker rm -fv $(docker ps -aq)")));
  }, 60_000);
  afterAll(() => undo.disposeAsync(), 60_000);

  for (const [topic, rows] of Object.entries({ ...identity, ...resources, ...verbs, ...streams, ...images }))
    test(`${title}: ${topic}`, async () => {
      const asked = rows.filter(({ onlySampan }) => ours || onlySampan === undefined);
      expect(await differences(asked, type)).toEqual([]);
    }, 60_000);
}

async function differences(rows: readonly Row[], type: (line: string) => Promise<string>) {
  const left = [...rows];
  const found: { readonly type: string; readonly wanted: string | RegExp; readonly seen: string }[] = [];
  const one = async () => {
    for (let row = left.shift(); row; row = left.shift()) {
      const seen = await type(row.type);
      const fits = typeof row.see === "string" ? seen === row.see : row.see.test(seen);
      if (!fits) found.push({ type: row.type, wanted: row.see, seen: seen.slice(0, 1000) });
    }
  };
  await Promise.all(Array.from({ length: abreast }, one));
  return found;
}

const words = 'run() { docker run --rm "$@"; }; exec 2>&1';

async function typed(line: string, { folder, host }: { readonly folder: string; readonly host: string }) {
  const child = Bun.spawn(["bash", "-c", `${words}\n${line}`], {
    cwd: folder,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      DOCKER_HOST: host,
      DOCKER_CONFIG: folder,
      LC_ALL: "C",
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    timeout: 45_000,
    killSignal: "SIGKILL",
  });
  const [out, status] = await Promise.all([child.stdout.text(), child.exited]);
  return [plain(out), ...(status === 0 ? [] : [`= ${status}`])].filter((part) => part !== "").join("\n");
}

/** Without what is another each time, and without the client's advice, which each version words otherwise. */
function plain(text: string): string {
  return text
    .replace(/\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b/g, "ID")
    .replace(/\.?\n+(?:Run|See) 'docker run --help'(?: for more information|\.)\n?/g, "\n")
    .trimEnd();
}
