/** A container's life from the outside: states, signals, exit codes, and that nothing is left of it. */
import { describe, expect, test } from "bun:test";
import { until } from "./_await.ts";
import { output } from "./_ran.ts";
import { Box, placeOf, runtimeKnows, started, waiting, type Engine } from "./engine.ts";

const now = () => String(Math.floor(Date.now() / 1000));

/** The kinds of what happened to a container between two moments, in order. */
async function eventsOf(box: Box, since: string): Promise<string[]> {
  const { engine, name } = box;
  const stop = engine.name === "podman" ? ["--stream=false"] : [];
  const words = [
    "events",
    ...stop,
    "--since",
    since,
    "--until",
    String(Number(now()) + 1),
    "--filter",
    `container=${name}`,
  ];
  const printed = await output(engine.command(...words, "--format", "{{.Status}}"), placeOf(engine));
  return printed.trim().split("\n");
}

export function describeLife(engine: () => Engine): void {
  describe("a container", () => {
    test("runs, is listed, and is gone from engine and runtime after rm --force", async () => {
      await using box = await started(engine());
      const id = await box.inspect(".Id");
      expect(await box.inspect(".State.Status")).toBe("running");
      expect(Number(await box.inspect(".State.Pid"))).toBeGreaterThan(1);
      expect(runtimeKnows(engine(), id)).toBe(true);
      expect((await box.call("rm", ["--force"])).status).toBe(0);
      expect((await box.call("inspect", ["--type", "container"])).status).not.toBe(0);
      expect(runtimeKnows(engine(), id)).toBe(false);
    });

    test("create, start, and start again after its end", async () => {
      await using box = new Box(engine());
      const words = [
        "create",
        "--network",
        "none",
        "--name",
        box.name,
        engine().image,
        "sh",
        "-c",
        "echo again; exit 4",
      ];
      await output(engine().command(...words), placeOf(engine()));
      expect(await box.inspect(".State.Status")).toBe("created");
      const first = await box.call("start", ["--attach"]);
      expect([first.status, first.stdout]).toEqual([4, "again\n"]);
      expect(await box.inspect(".State.ExitCode")).toBe("4");
      const second = await box.call("start", ["--attach"]);
      expect([second.status, second.stdout]).toEqual([4, "again\n"]);
      expect((await box.call("logs")).stdout).toBe("again\nagain\n");
    });

    test("stop sends SIGTERM and keeps the exit code that it leads to", async () => {
      await using box = await started(
        engine(),
        [],
        "trap 'exit 9' TERM; echo ready; while :; do sleep 1000 & wait $!; done",
      );
      await until("the trap", async () => (await box.call("logs")).stdout.includes("ready") || undefined);
      expect((await box.call("stop", ["--time", "30"])).status).toBe(0);
      expect(await box.inspect(".State.ExitCode")).toBe("9");
      const id = await box.inspect(".Id");
      await until("the runtime to forget it", () => !runtimeKnows(engine(), id) || undefined);
    });

    test("stop sends --stop-signal instead, and kills what does not end in time", async () => {
      await using polite = await started(
        engine(),
        ["--stop-signal", "USR1"],
        "trap 'exit 8' USR1; echo ready; while :; do sleep 1000 & wait $!; done",
      );
      await until("the trap", async () => (await polite.call("logs")).stdout.includes("ready") || undefined);
      expect((await polite.call("stop", ["--time", "30"])).status).toBe(0);
      expect(await polite.inspect(".State.ExitCode")).toBe("8");
      await using deaf = await started(engine(), [], "trap '' TERM; while :; do sleep 1000; done");
      expect((await deaf.call("stop", ["--time", "1"])).status).toBe(0);
      expect(await deaf.inspect(".State.ExitCode")).toBe("137");
    });

    test("kill sends one signal by name or number, SIGKILL unless told", async () => {
      const script = "trap 'echo got HUP' HUP; echo ready; while :; do sleep 1000 & wait $!; done";
      await using box = await started(engine(), [], script);
      const logs = (text: string) =>
        until(text, async () => (await box.call("logs")).stdout.includes(text) || undefined);
      await logs("ready");
      expect((await box.call("kill", ["--signal", "HUP"])).status).toBe(0);
      await logs("got HUP\n");
      expect((await box.call("kill", ["--signal", "1"])).status).toBe(0);
      await logs("got HUP\ngot HUP\n");
      expect((await box.call("kill")).status).toBe(0);
      expect(await box.wait()).toBe(137);
    });

    test("pause stops every process, unpause lets them go on", async () => {
      await using box = await started(engine(), [], "i=0; while :; do echo $((i += 1)) >/count; done");
      await until("the count", async () => (await box.exec("cat /count")).stdout.trim() || undefined);
      expect((await box.call("pause")).status).toBe(0);
      expect(await box.inspect(".State.Status")).toBe("paused");
      expect((await box.exec("true")).status).not.toBe(0);
      // A frozen process's own time does not go on. Its kernel state is read from outside.
      const pid = await box.inspect(".State.Pid");
      const ticks = async () =>
        (await Bun.file(`/proc/${pid}/stat`).text()).split(") ")[1]?.split(" ").slice(11, 13).join(" ");
      const frozen = await ticks();
      for (let i = 0; i < 5; i++) expect(await ticks()).toBe(frozen);
      expect((await box.call("unpause")).status).toBe(0);
      await until("time to go on", async () => (await ticks()) !== frozen || undefined);
      expect((await box.exec("true")).status).toBe(0);
    });

    test("a paused one can be removed", async () => {
      await using box = await started(engine());
      expect((await box.call("pause")).status).toBe(0);
      expect((await box.call("rm", ["--force"])).status).toBe(0);
      expect((await box.call("inspect", ["--type", "container"])).status).not.toBe(0);
    });

    test("restart gives a new first process", async () => {
      await using box = await started(engine());
      const first = await box.inspect(".State.Pid");
      expect((await box.call("restart", ["--time", "1"])).status).toBe(0);
      expect(await box.inspect(".State.Pid")).not.toBe(first);
      expect(await box.inspect(".State.Status")).toBe("running");
    });

    test("its events are told in order", async () => {
      const since = now();
      await using box = await started(engine());
      await box.output("pause");
      await box.output("unpause");
      await box.output("kill");
      expect(await box.wait()).toBe(137);
      const wanted = ["start", "pause", "unpause", "kill", "die"];
      const words: Readonly<Record<string, string>> = { died: "die" };
      const told = await until("the end to be told", async () => {
        const all = (await eventsOf(box, since)).map((word) => words[word] ?? word);
        return all.includes("die") ? all : undefined;
      });
      expect(told.filter((word) => wanted.includes(word))).toEqual(wanted);
    });

    test("twenty side by side each give what is theirs", async () => {
      const numbers = Array.from({ length: 20 }, (_, number) => number);
      const boxes = numbers.map(() => new Box(engine()));
      await using _all = removing(boxes);
      await Promise.all(
        boxes.map((box, number) => box.start(["-e", `NUMBER=${number}`], `echo $NUMBER; ${waiting}`)),
      );
      const said = await Promise.all(
        boxes.map((box) => until("its line", async () => (await box.call("logs")).stdout || undefined)),
      );
      expect(said).toEqual(numbers.map((number) => `${number}\n`));
      const execs = await Promise.all(boxes.map((box) => box.exec("echo $NUMBER")));
      expect(execs.map(({ stdout }) => stdout)).toEqual(said);
      const ids = await Promise.all(boxes.map((box) => box.inspect(".Id")));
      expect(ids.map((id) => runtimeKnows(engine(), id))).not.toContain(false);
      await Promise.all(boxes.map((box) => box.output("rm", ["--force"])));
      expect(ids.map((id) => runtimeKnows(engine(), id))).not.toContain(true);
    }, 180_000);
  });
}

function removing(boxes: readonly Box[]): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () =>
      void (await Promise.all(boxes.map((box) => box[Symbol.asyncDispose]()))),
  };
}
