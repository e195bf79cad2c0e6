// deadline: 180 s
/** Containers beside dockerd's: the same questions have the same statuses and the same fields, and the same load the same numbers. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { startDockerd } from "../../counterparts/dockerd.ts";
import { needing } from "../../needs.ts";
import { needs, openPlace, type Place } from "./place.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "dockerd", "containerd"] });
setDefaultTimeout(120_000);

interface Asked {
  readonly status: number;
  readonly value: unknown;
}
type Ask = (method: string, path: string, body?: unknown) => Promise<Asked>;

const stack = new AsyncDisposableStack();
let place: Place;
let ours: Ask;
let theirs: Ask;
let docker: (words: readonly string[]) => Promise<readonly [ours: string, theirs: string]>;

beforeAll(async () => {
  const dockerd = stack.use(await startDockerd());
  place = stack.use(await openPlace());
  await place.out("tag", "busy", "box");
  const socket = dockerd.command()[2]?.replace("unix://", "") ?? "";
  theirs = asker(socket);
  ours = asker(place.socket);
  const their = async (words: readonly string[]) => {
    const child = Bun.spawn(dockerd.command(...words), {
      env: { ...dockerd.env },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [text, words_, status] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    if (status !== 0) throw new Error(`docker ${words.join(" ")}: ${words_}`);
    return text.trim();
  };
  docker = async (words) => await Promise.all([place.out(...words), their(words)]);
});
afterAll(() => stack.disposeAsync());

function asker(socket: string): Ask {
  return async (method, path, body) => {
    const answer = await fetch(`http://docker/v1.41${path}`, {
      unix: socket,
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    } as RequestInit);
    const text = await answer.text();
    return { status: answer.status, value: text === "" ? undefined : JSON.parse(text) };
  };
}

/** Names in what is a map. */
const maps = new Set(["Labels", "Data", "stats", "Config"]);
/** Gone with version 1.42 of the API. */
const gone = new Set(["KernelMemory", "KernelMemoryTCP"]);

/** Paths of what dockerd has and we have not, or have of another kind. */
function lacking(their: unknown, our: unknown, path = ""): string[] {
  if (their === null || our === null) return [];
  if (our === undefined) return [path];
  const kind = (value: unknown) => (Array.isArray(value) ? "list" : typeof value);
  if (kind(their) !== kind(our)) return [`${path}: ${kind(our)} for ${kind(their)}`];
  if (Array.isArray(their) && Array.isArray(our))
    return their.length > 0 && our.length > 0 ? lacking(their[0], our[0], `${path}[]`) : [];
  if (typeof their !== "object" || typeof our !== "object") return [];
  return Object.entries(their as object)
    .filter(([name]) => !gone.has(name))
    .flatMap(([name, each]) =>
      maps.has(name) && path !== ""
        ? []
        : lacking(each, (our as Record<string, unknown>)[name], `${path}.${name}`),
    );
}

const asked = {
  Image: "box",
  Cmd: ["sleep", "1000"],
  Labels: { a: "b" },
  HostConfig: { NetworkMode: "none", Binds: ["beside:/data"] },
};

/** In this order; `false`: only the statuses are the same. */
const questions: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ["POST", "/containers/create?name=beside", asked],
  ["GET", "/containers/beside/json"],
  ["GET", "/containers/beside/json?size=1"],
  ["POST", "/containers/beside/stop"],
  ["POST", "/containers/beside/kill"],
  ["POST", "/containers/beside/pause"],
  ["GET", "/containers/beside/top"],
  ["GET", "/containers/beside/stats?stream=0"],
  ["POST", "/containers/beside/exec", { Cmd: ["true"] }],
  ["POST", "/containers/beside/start"],
  ["POST", "/containers/beside/start"],
  ["GET", "/containers/beside/json"],
  ["GET", "/containers/json"],
  ["GET", "/containers/json?all=1&size=1"],
  ["GET", "/containers/beside/top"],
  ["GET", "/containers/beside/stats?stream=0"],
  ["POST", "/containers/beside/resize?h=10&w=10"],
  ["POST", "/containers/beside/rename"],
  ["POST", "/containers/beside/rename?name=beside"],
  ["POST", "/containers/beside/kill?signal=NONSENSE"],
  ["POST", "/containers/beside/update", { Memory: 1 }],
  ["POST", "/containers/beside/update", { RestartPolicy: { Name: "no" } }],
  ["POST", "/containers/create?name=beside", asked],
  ["POST", "/containers/create?name=a%2Fb", asked],
  ["POST", "/containers/create", { ...asked, Image: "nobody" }],
  ["POST", "/containers/create", { Image: "box" }],
  ["POST", "/containers/create", {}],
  ["GET", "/containers/nobody/json"],
  ["GET", "/containers/beside/logs"],
  ["GET", "/containers/beside/archive"],
  ["GET", "/containers/beside/archive?path=/nothing"],
  ["POST", "/containers/beside/exec", { Cmd: [] }],
  ["POST", "/containers/beside/exec", { Cmd: ["true"] }],
  ["GET", "/exec/nobody/json"],
  ["POST", "/exec/nobody/start", {}],
  ["DELETE", "/containers/beside"],
  ["POST", "/containers/beside/pause"],
  ["POST", "/containers/beside/pause"],
  ["POST", "/containers/beside/exec", { Cmd: ["true"] }],
  ["POST", "/containers/beside/start"],
  ["GET", "/containers/beside/json"],
  ["POST", "/containers/beside/unpause"],
  ["POST", "/containers/beside/stop?t=0"],
  ["POST", "/containers/beside/wait"],
  ["GET", '/containers/json?filters={"nonsense":["x"]}'],
  ["GET", '/containers/json?filters={"status":["x"]}'],
  ["GET", '/containers/json?filters={"health":["x"]}'],
  ["DELETE", "/containers/beside?v=1"],
  ["DELETE", "/containers/beside"],
  ["POST", "/containers/prune"],
];

test("each question has dockerd's status, and all fields of its answer", async () => {
  for (const question of questions) {
    const [their, our] = await Promise.all([theirs(...question), ours(...question)]);
    const said = JSON.stringify([our.value, their.value]).slice(0, 500);
    expect([question.join(" "), our.status, said]).toEqual([question.join(" "), their.status, said]);
    if (their.status < 300 && typeof their.value === "object")
      expect([question[1], ...lacking(their.value, our.value)]).toEqual([question[1]]);
  }
});

test("docker stats shows the same numbers for the same load", async () => {
  const load = "dd if=/dev/zero of=/dev/shm/held bs=1M count=24; while :; do :; done";
  await docker([
    "run",
    "-d",
    "--name",
    "load",
    "--network",
    "none",
    "--cpus",
    "0.3",
    "--memory",
    "100m",
    "box",
    "sh",
    "-c",
    load,
  ]);
  const held = async () => await docker(["exec", "load", "stat", "-c", "%s", "/dev/shm/held"]);
  while (!(await held()).every((size) => Number(size) === 24 << 20));
  const shown = await docker(["stats", "--no-stream", "--format", "{{.CPUPerc}} {{.MemUsage}} {{.PIDs}}"]);
  const [our, their] = shown.map((line) => {
    const [, cpu, memory, unit, limit, pids] = /^([\d.]+)% ([\d.]+)(\w+) \/ (\w+) (\d+)$/.exec(line) ?? [];
    return { cpu: Number(cpu), memory: Number(memory), unit, limit, pids };
  });
  expect(our).toMatchObject({ unit: "MiB", limit: "100MiB", pids: "1" });
  expect(their).toMatchObject({ unit: "MiB", limit: "100MiB", pids: "1" });
  // A busy machine gives less than the limit, never more than a period over it.
  for (const each of [our, their]) {
    expect(each?.cpu).toBeGreaterThan(5);
    expect(each?.cpu).toBeLessThan(45);
    expect(each?.memory).toBeGreaterThan(23.9);
    expect(each?.memory).toBeLessThan(30);
  }
  await docker(["rm", "-f", "load"]);
});
