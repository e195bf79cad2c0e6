/** Containers on snapshots that are plain copies. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { Copies } from "../../src/engine/snapshots/copy.ts";
import { needing } from "../needs.ts";
import { work } from "../snapshots/place.ts";
import { needs, Place } from "./place.ts";

const { test } = needing(needs);

test.each([undefined, "0:200000:65536"])(
  "a container runs on a copy of its image, with user namespace %p",
  async (userns) => {
    using place = new Place((store) => new Copies(store, work));
    await place.fill();
    const command = ["sh", "-c", "stat -c %u / /bin/busybox; echo 1 > /made"];
    const container = await place.create({ command, ...(userns !== undefined && { userns }) });
    expect(await place.start(container)).toEqual({ status: 0, stdout: "0\n0\n", stderr: "" });
    expect(readFileSync(join(place.parts.snapshots.directory(container.id), "made"), "utf8")).toBe("1\n");
    expect(place.mounts()).toEqual([]);
  },
);
