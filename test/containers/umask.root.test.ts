import { chmodSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { needing } from "../needs.ts";
import { needs, Place } from "./place.ts";

const { test } = needing(needs);

test.each([undefined, "runc"])(
  "whatever the caller's umask, the container's users get at what is made for them, with runtime %p",
  async (runtime) => {
    using place = new Place();
    await place.fill({ WorkingDir: "/place/here" }, (root) => {
      for (const folder of [root, ...["bin", "etc"].map((name) => join(root, name))])
        chmodSync(folder, 0o755);
      mkdirSync(join(root, "data"));
      chmodSync(join(root, "data"), 0o755);
    });
    const host = join(place.dir, "made/for/it");
    const files = ["hosts", "hostname", "resolv.conf"].map((name) => `/etc/${name}`);
    const folders = ["/", "/new", "/new/deep", "/data", "/fresh", "/place", "/place/here", "/host"];
    const command = ["stat", "-c", "%n %a", ...files, ...folders];
    const volumes = ["one:/new/deep", "two:/data", "/fresh", `${host}:/host`];
    const before = process.umask(0o077);
    try {
      const { stdout, stderr } = await place.run({
        user: "1234",
        command,
        volumes,
        ...(runtime !== undefined && { runtime }),
      });
      expect(stderr).toBe("");
      expect(stdout.trim().split("\n")).toEqual([
        ...files.map((path) => `${path} 644`),
        ...folders.map((path) => `${path} 755`),
      ]);
      expect(process.umask()).toBe(0o077);
    } finally {
      process.umask(before);
    }
    expect(statSync(join(place.dir, "made")).mode & 0o777).toBe(0o755);
  },
);
