/** `sampan run` on a real terminal: size, echo, keys that send signals, and signals from elsewhere. */
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "bun:test";
import { killLeft, within } from "../containers/survivors.ts";
import { needing } from "../needs.ts";
import { busyboxImage, makeProgram, type Program } from "./_program.ts";
import { onTerminal, type OnTerminal } from "./on-terminal.ts";

const { test } = needing({ root: true, files: ["/bin/busybox", "build/launcher"] });

let program: Program;
const box = "box:1";

beforeAll(async () => {
  program = makeProgram();
  const [layer] = (await busyboxImage()).layers;
  const imported = await program.run(["import", "-c", "ENV PATH=/bin", "-", box], layer?.bytes ?? "");
  expect(imported).toMatchObject({ status: 0 });
});
afterAll(() => {
  killLeft(join(program.folder, "root"));
  program[Symbol.dispose]();
});

function run(...words: string[]): OnTerminal {
  return onTerminal(program, ["run", "--network", "none", "--rm", ...words]);
}

/** Counts the interrupts that reach it: one more at its end means that one came twice. */
const counting =
  "n=0; trap 'n=$((n+1)); echo got-$n' INT; echo ready; while [ $n -lt 2 ]; do sleep 0.05; done; exit $((40+n))";

test("run -it has the terminal's size, follows it, and echoes what is typed", async () => {
  const screen = run("-it", box, "sh");
  await within(screen.shows("# "), "the prompt");
  screen.type("busybox stty size\r");
  await within(screen.shows("30 100"), "the size");
  screen.resize(120, 40);
  screen.type("until busybox stty size | busybox grep 120; do sleep 0.05; done\r");
  await within(screen.shows("40 120"), "the new size");
  screen.type("echo a-$((6*7))-b\r");
  await within(screen.shows("a-42-b"), "the answer");
  expect(screen.text()).toContain("echo a-$((6*7))-b");
  screen.type("exit 7\r");
  expect(await within(screen.exited, "the end")).toBe(7);
});

test("Ctrl-C goes to the program in the foreground of the container's terminal", async () => {
  const screen = run("-it", box, "sh");
  await within(screen.shows("# "), "the prompt");
  // One process that says so and sleeps: between two of them Ctrl-C would be the shell's.
  screen.type(`sh -c "echo sleep''ing; exec sleep 1000"\r`);
  await within(screen.shows("sleeping"), "the sleep");
  screen.type("\u0003");
  screen.type("echo still-$((40+2)); exit 3\r");
  await within(screen.shows("still-42"), "the shell");
  expect(await within(screen.exited, "the end")).toBe(3);
});

test.each([["-t"], ["-i"], ["--sig-proxy"]])(
  "with %s, each interrupt from elsewhere comes once",
  async (flag) => {
    const screen = run(flag, box, "sh", "-c", counting);
    await within(screen.shows("ready"), "the start");
    screen.kill("SIGINT");
    await within(screen.shows("got-1"), "the first interrupt");
    screen.kill("SIGINT");
    await within(screen.shows("got-2"), "the second interrupt");
    expect(await within(screen.exited, "the end")).toBe(42);
  },
);

test.each([["-i"], ["--sig-proxy"]])(
  "without a terminal of its own (%s), each Ctrl-C comes once",
  async (flag) => {
    const screen = run(flag, box, "sh", "-c", counting);
    await within(screen.shows("ready"), "the start");
    screen.type("\u0003");
    await within(screen.shows("got-1"), "the first Ctrl-C");
    screen.type("\u0003");
    await within(screen.shows("got-2"), "the second Ctrl-C");
    expect(await within(screen.exited, "the end")).toBe(42);
  },
);

test("run -i reads the terminal it was called on, to its end", async () => {
  const screen = run("-i", box, "sh", "-c", "read line; echo got:$line; cat; exit 5");
  screen.type("first\r");
  await within(screen.shows("got:first"), "the line");
  screen.type("second\r\u0004");
  expect(await within(screen.exited, "the end")).toBe(5);
  expect(screen.text().match(/second/g)).toHaveLength(2);
});
