/** One daemon under load: `bun test/daemon/load.ts [--execs 10000] [--containers 500] [--lanes 8]`. Tells times and memory; fails when something is left. */
import { readFileSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { parseArgs } from "node:util";
import { busyboxArchive } from "../clients/_image.ts";
import { apiOf, type Api } from "./_api.ts";
import { ask, makePlace, type Place } from "./_daemon.ts";
import { monitorsBelow } from "./_leavings.ts";

const { values } = parseArgs({
  options: {
    execs: { type: "string", default: "10000" },
    containers: { type: "string", default: "500" },
    lanes: { type: "string", default: "8" },
  },
});
const lanes = Number(values.lanes);
const image = "busybox:load";
const resting = { Image: image, Cmd: ["sleep", "100000"], HostConfig: { NetworkMode: "none" } };

/** Resident memory in KiB, threads and open files of a process. */
function figures(pid: number): string {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? "?";
  const open = readdirSync(`/proc/${pid}/fd`).length;
  return `rss ${field("VmRSS")} KiB, threads ${field("Threads")}, open files ${open}`;
}

/** `count` calls, `lanes` at a time. */
async function inLanes(count: number, call: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function timed(what: string, work: () => Promise<unknown>): Promise<void> {
  const began = performance.now();
  await work();
  console.log(`${what}: ${Math.round(performance.now() - began)} ms`);
}

/** Attaches as a client does, hears one line, goes. */
function attachOnce({ socket }: Place, id: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    let heard = "";
    connection.setTimeout(30_000, () => connection.destroy(new Error("attach: nothing heard in 30 s")));
    connection.on("error", reject);
    connection.on("close", () => reject(new Error(`attach: closed after ${JSON.stringify(heard)}`)));
    connection.on("data", (bytes) => {
      heard += bytes.toString("latin1");
      if (!heard.includes("tick")) return;
      resolve();
      connection.destroy();
    });
    connection.write(
      `POST /containers/${id}/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: daemon\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    );
  });
}

async function execs(place: Place, api: Api, pid: number): Promise<void> {
  const count = Number(values.execs);
  if (count === 0) return;
  const id = await api.create("execs", {
    ...resting,
    Cmd: ["sh", "-c", "while :; do echo tick; sleep 0.05; done"],
    HostConfig: { NetworkMode: "none", LogConfig: { Type: "none" } },
  });
  await api.post(`/containers/${id}/start`);
  const step = Math.max(1, Math.floor(count / 10));
  const began = performance.now();
  let done = 0;
  console.log(`before execs: ${figures(pid)}`);
  await inLanes(count, async (index) => {
    if (index % 10 === 9) await attachOnce(place, id);
    else if ((await api.exec(id, ["echo", `${index}`])) !== `${index}\n`) throw new Error(`exec ${index}`);
    if (++done % step === 0)
      console.log(`${done} in ${Math.round((performance.now() - began) / 1000)} s: ${figures(pid)}`);
  });
  await api.delete(`/containers/${id}?force=1`);
}

async function many(api: Api, pid: number): Promise<void> {
  const count = Number(values.containers);
  if (count === 0) return;
  const ids: string[] = [];
  await timed(`create ${count}`, () =>
    inLanes(count, async (index) => void ids.push(await api.create(`many${index}`, resting))),
  );
  await timed(`start ${count}`, () => inLanes(count, (index) => api.post(`/containers/${ids[index]}/start`)));
  console.log(`all run: ${figures(pid)}`);
  await timed("list", async () => {
    const listed = await api.get<readonly object[]>("/containers/json");
    if (listed.length !== count) throw new Error(`${listed.length} of ${count} run`);
  });
  await timed(`stats of ${count}`, () =>
    inLanes(count, (index) => api.get(`/containers/${ids[index]}/stats?stream=0&one-shot=1`)),
  );
  await timed(`stop ${count}`, () =>
    inLanes(count, (index) => api.post(`/containers/${ids[index]}/stop?t=0`)),
  );
  await timed(`remove ${count}`, () => inLanes(count, (index) => api.delete(`/containers/${ids[index]}`)));
}

await using place = makePlace();
const daemon = await place.start({ flags: ["--bridge=none"] });
const api = apiOf(place.socket);
const loaded = await ask(place, "/images/load", {
  method: "POST",
  body: await busyboxArchive(image),
});
if (!loaded.ok) throw new Error(await loaded.text());
await loaded.text();
await execs(place, api, daemon.pid);
await many(api, daemon.pid);
console.log(`at the end: ${figures(daemon.pid)}`);
const left = await api.audit();
const monitors = monitorsBelow(place.folder);
console.log(`left: ${JSON.stringify({ left, monitors })}`);
process.exitCode = left.length + monitors.length > 0 ? 1 : 0;
console.log(daemon.said().split("\n").slice(-10).join("\n"));
