/** docker's command line over the verbs of containers: what it says, and its exit status. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { needing } from "../../needs.ts";
import { needs, openPlace, says, type Place } from "./place.ts";

const { test } = needing(needs);
setDefaultTimeout(60_000);
let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(async () => {
  await place?.[Symbol.asyncDispose]();
});

const none = ["--network", "none"];
/** A container that waits to be ended. */
const waiting = (name: string, ...words: string[]) =>
  place.out(
    "run",
    "-d",
    ...none,
    "--name",
    name,
    ...words,
    "busy",
    "sh",
    "-c",
    "trap 'exit 5' TERM; sleep 1000 & wait",
  );
const state = async (name: string) =>
  await place.out("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);

test("run passes streams and the exit status on", async () => {
  const ran = await place.docker([
    "run",
    "--rm",
    ...none,
    "busy",
    "sh",
    "-c",
    "echo out; echo err >&2; exit 7",
  ]);
  expect(ran).toEqual({ status: 7, out: "out\n", err: "err\n" });
  const cat = await place.docker(["run", "--rm", "-i", ...none, "busy", "cat"], "from the outside\n");
  expect(cat).toEqual({ status: 0, out: "from the outside\n", err: "" });
  expect(await place.out("ps", "-aq")).toBe("");
});

test("a program that is not there is 127, one that is none is 126, and the container stays", async () => {
  const missing = await place.docker(["run", "--name", "missing", ...none, "busy", "nothing"]);
  expect(missing.status).toBe(127);
  expect(missing.err).toContain('exec: "nothing": executable file not found in $PATH');
  const file = await place.docker(["run", "--name", "file", ...none, "busy", "/etc/passwd"]);
  expect(file.status).toBe(126);
  expect(await state("missing")).toBe("created 127");
  await place.out("rm", "missing", "file");
});

test("a container lives through all verbs", async () => {
  const id = await waiting("one", "--label", "a=b");
  expect(await state("one")).toBe("running 0");
  await place.out("pause", "one");
  expect(await place.out("ps", "--format", "{{.Status}}")).toMatch(/^Up .* \(Paused\)$/);
  await place.out("unpause", "one");
  await place.out("rename", "one", "two");
  await place.out("update", "--memory", "64m", "--restart", "on-failure:3", "two");
  expect(
    await place.out("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}", "two"),
  ).toBe(`${64 << 20} on-failure`);
  await place.out("update", "--restart", "no", "two");
  await place.out("stop", "two");
  expect(await state("two")).toBe("exited 5");
  await place.out("start", "two");
  await place.out("restart", "-t", "5", "two");
  expect(await state("two")).toBe("running 0");
  await place.out("kill", "two");
  expect(await place.out("wait", "two")).toBe("137");
  expect(await place.out("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}}")).toBe(`${id} two`);
  await place.out("rm", "two");
  expect(await place.out("ps", "-aq")).toBe("");
});

test("exec runs beside it, with its own streams, status and environment", async () => {
  await waiting("beside", "-e", "SET=here");
  const ran = await place.docker(["exec", "beside", "sh", "-c", "echo $SET; echo bad >&2; exit 3"]);
  expect(ran).toEqual({ status: 3, out: "here\n", err: "bad\n" });
  expect((await place.docker(["exec", "-i", "beside", "cat"], "typed")).out).toBe("typed");
  const missing = await place.docker(["exec", "beside", "nothing"]);
  expect(missing.status).toBe(127);
  expect(missing.out + missing.err).toContain("executable file not found");
  await place.out("exec", "-d", "beside", "touch", "/tmp/made");
  expect(await place.out("exec", "-w", "/tmp", "-u", "1000", "beside", "sh", "-c", "id -u; pwd")).toBe(
    "1000\n/tmp",
  );
  await place.out("pause", "beside");
  expect((await place.docker(["exec", "beside", "true"])).err).toContain(
    "is paused, unpause the container before exec",
  );
  await place.out("unpause", "beside");
  await place.out("rm", "-f", "beside");
});

test("logs are followed, cut at their end, and told with their times", async () => {
  await place.out(
    "run",
    "-d",
    ...none,
    "--name",
    "log",
    "busy",
    "sh",
    "-c",
    "for i in 1 2 3 4 5; do echo $i; done; echo e >&2; while [ ! -f /go ]; do sleep 0.05; done; echo last",
  );
  expect(await place.out("logs", "--tail", "2", "log")).toBe("5");
  const followed = place.spawn("logs", "-f", "--tail", "1", "log");
  const all = place.spawn("logs", "-f", "log");
  await says(all.stdout, "5\n");
  await place.out("exec", "log", "touch", "/go");
  expect(await followed.stdout.text()).toBe("last\n");
  expect(await followed.exited).toBe(0);
  const times = await place.out("logs", "-t", "log");
  expect(times.split("\n")[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z 1$/);
  const [first = "", last = ""] = [times.split("\n")[0], times.split("\n").at(-1)].map(
    (line) => line?.split(" ")[0],
  );
  expect(await place.out("logs", "--until", first, "log")).toStartWith("1");
  expect(await place.out("logs", "--until", first, "log")).not.toContain("last");
  expect(await place.out("logs", "--since", last, "log")).toBe("last");
  await place.out("rm", "-f", "log");
});

test("top, stats, diff and export tell what it is", async () => {
  await waiting("told");
  expect((await place.out("top", "told")).split("\n")[1]).toContain("sleep 1000");
  expect(await place.out("top", "told", "-o", "pid,comm")).toMatch(/^PID\s+COMMAND\n/);
  expect(await place.out("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "told")).toMatch(
    /^told [12]$/,
  );
  await place.out("exec", "told", "sh", "-c", "mkdir /made; echo a > /made/file; rm /etc/group");
  expect((await place.out("diff", "told")).split("\n")).toEqual([
    "C /etc",
    "D /etc/group",
    "A /made",
    "A /made/file",
  ]);
  const { out } = await place.docker(["export", "told"]);
  expect(out).toContain("made/file");
  await place.out("rm", "-f", "told");
});

test("a list is filtered", async () => {
  await waiting("first", "--label", "tier=web", "--expose", "80");
  await place
    .out("run", "--name", "second", ...none, "--label", "tier=db", "busy", "sh", "-c", "exit 4")
    .catch(() => "");
  const names = async (...filters: string[]) =>
    (
      await place.out("ps", "-a", "--format", "{{.Names}}", ...filters.flatMap((each) => ["--filter", each]))
    ).split("\n");
  expect(await names("label=tier")).toEqual(["second", "first"]);
  expect(await names("label=tier=web")).toEqual(["first"]);
  expect(await names("exited=4")).toEqual(["second"]);
  expect(await names("status=running")).toEqual(["first"]);
  expect(await names("name=^/sec")).toEqual(["second"]);
  expect(await names("ancestor=busy", "before=second")).toEqual(["first"]);
  expect(await names("since=first")).toEqual(["second"]);
  expect(await names("expose=80")).toEqual(["first"]);
  expect(await names("network=none")).toEqual(["second", "first"]);
  expect(await names("health=none")).toEqual(["second", "first"]);
  expect(await place.out("ps", "-n", "1", "--format", "{{.Names}}")).toBe("second");
  expect(await place.out("ps", "-a", "--size", "--format", "{{.Names}} {{.Size}}")).toMatch(
    /second .*\(virtual /,
  );
  expect((await place.docker(["ps", "--filter", "nonsense=1"])).err).toContain("invalid filter 'nonsense'");
  await place.out("container", "prune", "-f");
  expect(await names("label=tier")).toEqual(["first"]);
  await place.out("rm", "-f", "first");
});

test.each([
  ["start", "No such container: nothing"],
  ["stop", "No such container: nothing"],
  ["kill", "No such container: nothing"],
  ["rm", "No such container: nothing"],
  ["logs", "No such container: nothing"],
  ["top", "No such container: nothing"],
  ["diff", "No such container: nothing"],
])("%s of one that is not there is said in docker's words", async (verb, words) => {
  expect((await place.docker([verb, "nothing"])).err).toContain(words);
});

test("what its state does not allow is refused with dockerd's status and words", async () => {
  const id = await waiting("state");
  const refusal = async (method: string, path: string, body?: unknown) => {
    const answer = await place.request(method, path, body);
    const text = await answer.text();
    return `${answer.status} ${text === "" ? "" : (JSON.parse(text) as { message: string }).message}`.trim();
  };
  expect(await refusal("POST", "/containers/state/start")).toBe("304");
  expect(await refusal("DELETE", "/containers/state")).toBe(
    '409 cannot remove container "state": container is running: stop the container before removing or force remove',
  );
  expect(await refusal("POST", "/containers/state/unpause")).toBe(`409 Container ${id} is not paused`);
  expect(await refusal("POST", "/containers/create?name=state", { Image: "busy", Cmd: ["true"] })).toBe(
    `409 Conflict. The container name "/state" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
  expect(await refusal("POST", "/containers/create", { Image: "nobody", Cmd: ["true"] })).toBe(
    "404 No such image: nobody:latest",
  );
  expect(await refusal("POST", "/containers/state/exec", { Cmd: [] })).toBe("400 No exec command specified");
  expect(await refusal("GET", "/containers/state/logs")).toBe(
    "400 Bad parameters: you must choose at least one stream",
  );
  expect(await refusal("GET", "/containers/state/archive?path=/none")).toBe(
    "404 Could not find the file /none in container state",
  );
  await place.out("kill", "state");
  await place.out("wait", "state");
  expect(await refusal("POST", "/containers/state/stop")).toBe("304");
  expect(await refusal("POST", "/containers/state/kill")).toBe(
    `409 cannot kill container: state: container ${id} is not running`,
  );
  expect(await refusal("POST", "/containers/state/pause")).toBe(`409 Container ${id} is not running`);
  expect(await refusal("POST", "/containers/state/exec", { Cmd: ["true"] })).toBe(
    `409 Container ${id} is not running`,
  );
  expect(await refusal("GET", "/containers/state/top")).toBe(`409 Container ${id} is not running`);
  await place.out("rm", "state");
});

test("wait sends its head at once, and tells the end or the removal", async () => {
  await place.out("create", "--name", "waited", ...none, "busy", "sh", "-c", "exit 9");
  const [next, removed] = await Promise.all(
    ["next-exit", "removed"].map((condition) =>
      place.request("POST", `/containers/waited/wait?condition=${condition}`),
    ),
  );
  expect([next?.status, removed?.status]).toEqual([200, 200]);
  await place.out("start", "waited");
  expect(await next?.json()).toEqual({ StatusCode: 9 });
  await place.out("rm", "waited");
  expect(await removed?.json()).toEqual({ StatusCode: 9 });
});
