/** A disk of its own with ext4 on it (a loop device), whose power can be cut: what was not on it is gone. */
import { closeSync, openSync, rmSync } from "node:fs";
import { openLibc } from "../../src/kernel/libc.ts";

const { ioctl } = openLibc({ ioctl: { args: ["i32", "i64", "ptr"], returns: "i32" } } as const);
/** EXT4_IOC_SHUTDOWN of linux/ext4.h, and its way that writes nothing more, not even the log. */
const shutdown = { request: 0x8004587d, withoutLog: 2 };

function run(...command: string[]): void {
  const { success, stderr } = Bun.spawnSync(command);
  if (!success) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}

export class Disk implements Disposable {
  readonly #file: string;
  readonly path: string;
  #mounted = false;

  /** `file` is made when it is not there; `path` is a folder. */
  constructor(file: string, path: string) {
    this.#file = file;
    this.path = path;
  }

  format(): this {
    rmSync(this.#file, { force: true });
    run("truncate", "-s", "48M", this.#file);
    run("mkfs.ext4", "-q", "-F", this.#file);
    return this;
  }

  copyOf(file: string): this {
    run("cp", "--sparse=always", file, this.#file);
    return this;
  }

  mount(): void {
    run("mount", "-o", "loop", this.#file, this.path);
    this.#mounted = true;
  }

  /** From this moment nothing reaches the disk, and all calls on it fail. */
  cut(): void {
    const fd = openSync(this.path, "r");
    try {
      if (ioctl(fd, shutdown.request, new Uint32Array([shutdown.withoutLog])) !== 0)
        throw new Error(`cannot cut the power of "${this.path}"`);
    } finally {
      closeSync(fd);
    }
  }

  async unmount(): Promise<void> {
    // Who was killed a moment ago may hold it still.
    for (let tries = 0; ; tries++) {
      if (Bun.spawnSync(["umount", this.path]).success) break;
      if (tries > 200) throw new Error(`cannot unmount "${this.path}"`);
      await Bun.sleep(10);
    }
    this.#mounted = false;
  }

  [Symbol.dispose](): void {
    if (this.#mounted) Bun.spawnSync(["umount", "--lazy", this.path]);
    rmSync(this.#file, { force: true });
  }
}
