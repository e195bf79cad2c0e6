/** The pages of docs/use-with: every block of `sh` is run as it is written, with the real counterpart, on a machine of its own. */
// deadline: 400 s
import { expect } from "bun:test";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { busyboxArchive } from "../clients/_image.ts";
import { cgroupFolders, emptiedAfter } from "../counterparts/place.ts";
import { needing } from "../needs.ts";

interface Page {
  readonly name: string;
  readonly programs: readonly string[];
  /** What its lines print, in this order. */
  readonly prints: readonly string[];
  /** Cgroups that the counterpart leaves, and that go when they are empty. */
  readonly cgroups: readonly string[];
}

const pages: readonly Page[] = [
  {
    name: "docker",
    programs: ["docker", "dockerd"],
    prints: ["hello from Sampan's daemon", "hello from dockerd"],
    cgroups: ["docker", "sampan"],
  },
  {
    name: "podman",
    programs: ["podman"],
    prints: ["hello from podman", "hello again"],
    cgroups: ["libpod_parent/conmon", "libpod_parent"],
  },
  {
    name: "containerd",
    programs: ["containerd", "ctr", "runc"],
    prints: ["hello by the shim of runc", "hello by the shim of sampan", "hello from inside"],
    cgroups: ["default"],
  },
];

const top = resolve(import.meta.dir, "../..");

function blocks(page: string): string {
  const text = readFileSync(join(top, `docs/use-with/${page}.md`), "utf8");
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block).join("\n");
}

async function runPage({ name, cgroups }: Page): Promise<{ readonly out: string; readonly status: number }> {
  await using _folders = emptiedAfter(...cgroups.toReversed().flatMap(cgroupFolders));
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "sampan-page-"));
  try {
    const script = join(folder, "page.sh");
    writeFileSync(join(folder, "busybox.tar"), await busyboxArchive("busybox:latest"));
    writeFileSync(script, `. ${join(import.meta.dir, "machine.sh")}\n${blocks(name)}`);
    const own = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const work = join(folder, "work");
    const words = [work, join(top, "dist/sampan"), join(folder, "busybox.tar")];
    const child = Bun.spawn(["install", "-d", work], { stdin: "ignore" });
    await child.exited;
    const page = Bun.spawn([...own, "bash", script, ...words], {
      env: { PATH: process.env["PATH"] ?? "", TERM: "dumb" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 180_000,
      killSignal: "SIGKILL",
    });
    const [out, err, status] = await Promise.all([page.stdout.text(), page.stderr.text(), page.exited]);
    return { out: status === 0 ? out : `${out}\n${err}`, status };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const page of pages) {
  const programs = [...page.programs, "busybox", "docker-registry", "skopeo"];
  const { test } = needing({ root: true, programs, files: ["dist/sampan"] });
  test(`docs/use-with/${page.name}.md does what it says`, async () => {
    const { out, status } = await runPage(page);
    expect({ out, status }).toEqual({ out: expect.any(String), status: 0 });
    let from = 0;
    for (const line of page.prints) {
      const at = out.indexOf(`${line}\n`, from);
      expect({ out, line, found: at >= 0 }).toMatchObject({ found: true });
      from = at + line.length;
    }
  });
}
