/** The command line on a terminal: bars, questions, and Ctrl-C. */
import { afterAll, beforeAll, expect } from "bun:test";
import { pushImage } from "../images/push.ts";
import { makeImage } from "../images/image.ts";
import { needing } from "../needs.ts";
import { registryNeeds, startRegistry } from "../registry/docker-registry.ts";
import { startMock } from "../registry/mock.ts";
import { busyboxImage, makeProgram, type Program } from "./_program.ts";
import { onTerminal } from "./on-terminal.ts";

const { test } = needing({ root: true, files: ["/bin/busybox"], ...registryNeeds });

const showCursor = "\u001b[?25h";
const hideCursor = "\u001b[?25l";

let program: Program;
beforeAll(() => {
  program = makeProgram();
});
afterAll(() => program?.[Symbol.dispose]());

/** A registry that sends half of each layer and then nothing more. */
function stalling() {
  const image = makeImage({
    layers: [[{ name: "file", content: crypto.getRandomValues(new Uint8Array(60_000)) }]],
  });
  const { manifest, config } = image;
  return startMock(({ path }) => {
    if (path === "/v2/") return { body: "{}" };
    if (path.includes("/manifests/"))
      return { body: manifest.bytes, headers: { "Content-Type": manifest.descriptor.mediaType } };
    if (path.endsWith(config.descriptor.digest)) return { body: config.bytes };
    return { body: image.layers[0]?.bytes ?? "", stallAfter: 30_000 };
  });
}

test("pull on a terminal shows a bar for each layer and then gives the cursor back", async () => {
  await using registry = await startRegistry();
  await pushImage({ url: registry.url, repository: "box" }, await busyboxImage(), "1");
  const screen = onTerminal(program, ["pull", `${registry.host}/box:1`]);
  expect(await screen.exited).toBe(0);
  expect(screen.text()).toContain(hideCursor);
  expect(screen.text().lastIndexOf(showCursor)).toBeGreaterThan(screen.text().lastIndexOf(hideCursor));
  expect(screen.text().match(/[0-9a-f]{12}: Pull complete/g)?.length).toBeGreaterThanOrEqual(2);
  expect(screen.text()).toContain("Status: Downloaded newer image");
});

test.each([
  ["Ctrl-C", "\u0003", 130],
  ["SIGTERM", undefined, 143],
] as const)("%s ends a pull, with the cursor and no error", async (_, keys, status) => {
  using registry = await stalling();
  const screen = onTerminal(program, ["pull", `${registry.host}/stall:1`]);
  await screen.shows("Downloading [");
  if (keys === undefined) screen.kill("SIGTERM");
  else screen.type(keys);
  expect(await screen.exited).toBe(status);
  expect(screen.text()).toContain(showCursor);
  expect(screen.text()).not.toContain("Error");
});

test("login asks for the password without showing it", async () => {
  await using registry = await startRegistry({ auth: { username: "me", secret: "pass wörd" } });
  const screen = onTerminal(program, ["login", registry.host]);
  await screen.shows("Username: ");
  screen.type("me\r");
  await screen.shows("Password: ");
  screen.type("pass wörx\u007fd\r");
  expect(await screen.exited).toBe(0);
  expect(screen.text()).toContain("Login Succeeded");
  expect(screen.text()).not.toContain("pass");
});

test("Ctrl-C at the password ends it", async () => {
  const screen = onTerminal(program, ["login", "-u", "me", "127.0.0.1:1"]);
  await screen.shows("Password: ");
  screen.type("secret\u0003");
  expect(await screen.exited).toBe(130);
});

test("prune takes no for an answer", async () => {
  const screen = onTerminal(program, ["image", "prune", "-a"]);
  await screen.shows("[y/N] ");
  screen.type("n\r");
  expect(await screen.exited).toBe(0);
  expect(screen.text()).not.toContain("reclaimed");
});

test("run -it has the terminal, its size and its status", async () => {
  await using registry = await startRegistry();
  const name = `${registry.host}/box:1`;
  await pushImage({ url: registry.url, repository: "box" }, await busyboxImage(), "1");
  expect((await program.run(["pull", "-q", name])).status).toBe(0);
  const screen = onTerminal(program, ["run", "--network", "none", "--rm", "-it", name, "sh"]);
  await screen.shows("# ");
  // The process that says so is the one that Ctrl-C is for: no shell may be between two of them.
  screen.type("sh -c 'echo here-$((40+2)); exec sleep 1000'\r");
  await screen.shows("here-42");
  screen.type("\u0003");
  screen.type("exit 7\r");
  expect(await screen.exited).toBe(7);
});
