/** Whoever made a container is killed: at any moment either nothing is left that nobody knows of, or all goes on. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { externalRuntime } from "../../src/runtime/external/runtime.ts";
import { nativeRuntime } from "../../src/runtime/native/runtime.ts";
import { needing } from "../needs.ts";
import {
  Bench,
  controlGroups,
  exitOf,
  linesOf,
  monitorPids,
  monitors,
  outputOf,
  text,
  until,
} from "./_bench.ts";

const kinds = {
  native: (root: string) => nativeRuntime({ root, warn: () => undefined }),
  runc: (root: string) => externalRuntime({ name: "runc", path: "runc", root }),
} as const;

for (const [kind, make] of Object.entries(kinds)) {
  const { describe } = needing({ root: true, programs: ["busybox", ...(kind === "native" ? [] : [kind])] });
  describe(kind, () => {
    let bench: Bench;
    beforeAll(() => {
      bench = new Bench({ make });
    });
    afterAll(async () => {
      await bench[Symbol.asyncDispose]();
    });
    let count = 0;

    /** A creator of a new container, and how to wait for what it says. */
    const creator = (script: string) => {
      const id = `sampan-crash-${kind}-${process.pid}-${count++}`;
      const bundle = join(bench.dir, id);
      const folder = join(bundle, "monitor");
      const monitor = bench.monitor(folder, { stdio: { stdin: "open" } });
      bench.bundle(bundle, id, { script });
      bench.ids.push(id);
      const task = JSON.stringify({ id, bundle, monitor });
      const words = [
        process.execPath,
        join(import.meta.dir, "_creator.ts"),
        kind,
        join(bench.dir, "state"),
        task,
      ];
      const child = Bun.spawn(words, { stdio: ["ignore", "pipe", "inherit"] });
      const reader = child.stdout.getReader();
      const said = async (word: string) => {
        for (let all = ""; !all.includes(word);) {
          const { value, done } = await reader.read();
          if (done) throw new Error(`it ended without "${word}"`);
          all += Buffer.from(value).toString();
        }
      };
      return { id, folder, child, said };
    };

    test("a container and its log go on without who made it, and another finds it by its socket", async () => {
      const { id, folder, child, said } = creator(
        "echo up; while read line; do echo got $line; done; exit 6",
      );
      await said("started");
      child.kill(9);
      await child.exited;
      await using connection = await monitors.connect(folder);
      expect((await bench.runtime.state(id))?.status).toBe("running");
      const attached = await connection.attach({ stdin: true, stdout: true, stderr: true });
      await attached.write(text("one\ntwo\n"));
      await attached.closeStdin();
      expect((await outputOf(attached)).stdout.replace("up\n", "")).toBe("got one\ngot two\n");
      expect(await connection.exited).toMatchObject({ code: 6 });
      expect(linesOf(join(folder, "log")).map((line) => line.slice(31))).toEqual([
        "stdout F up",
        "stdout F got one",
        "stdout F got two",
      ]);
    });

    test("one that ends without anybody has its status and its log", async () => {
      const { folder, child, said } = creator("sleep 0.3; echo late; exit 8");
      await said("started");
      child.kill(9);
      await child.exited;
      expect((await exitOf(folder)).code).toBe(8);
      expect(linesOf(join(folder, "log")).map((line) => line.slice(31))).toEqual(["stdout F late"]);
    });

    test("killed at any moment of a create it leaves a whole container, or none that runs", async () => {
      for (let round = 0; round < 12; round++) {
        const { id, folder, child, said } = creator("while read line; do echo $line; done");
        await said("begin");
        // Over the time that a create takes.
        await Bun.sleep(round * (kind === "native" ? 2 : 8));
        child.kill(9);
        await child.exited;
        const connection = await monitors.connect(folder).catch(() => undefined);
        // While it is being made it has no process.
        if (connection?.pid === 0) await connection.exited.catch(() => undefined);
        // One that was not yet taken note of is taken back; one that was goes on.
        let isOver = connection === undefined;
        const over = () => (isOver = true);
        connection?.exited.then(over, over);
        const isThere = async () =>
          ["created", "running"].includes((await bench.runtime.state(id))?.status ?? "");
        await until("it is gone, or there", async () => isOver || (await isThere()));
        await connection?.[Symbol.asyncDispose]();
        await bench.runtime.delete(id, { force: true });
        await until("nothing of it is left", () => !existsSync(join(folder, "monitor.sock")) || !connection);
        expect(await bench.runtime.state(id)).toBeUndefined();
        expect(controlGroups(id)).toEqual([]);
      }
      await until("no monitor is left", () => monitorPids(bench.dir).length === 0);
    }, 60_000);
  });
}
