/** What an isolation costs, seen through Docker's API: a container of the image runs our probe (launcher/probe.c) and is timed, weighed and asked. */
import { pack as newPack } from "tar-stream";
import { SampanError } from "../../base/errors.ts";
import type { CreateBody } from "../../spec/docker/create.ts";
import type { DaemonClient } from "../client/daemon.ts";
import { Frames } from "../client/http/frames.ts";
import { memoryUsed } from "./_stats-row.ts";

export interface Asked {
  readonly image: string;
  /** Empty: the probe itself is timed and weighed. */
  readonly command: readonly string[];
  readonly runtime: string;
  readonly runs: number;
  readonly probe: Uint8Array;
  readonly signal: AbortSignal;
}

export interface Measured {
  /** Milliseconds from the order to start until the first byte of output, or the end; the median. */
  readonly start: number;
  /** Bytes at that moment, without the page cache that can be dropped; undefined for what had ended. */
  readonly memory: number | undefined;
  /** Nanoseconds of one that does nothing. */
  readonly systemCall: number;
  /** Nanoseconds of opening and closing a folder. */
  readonly open: number;
  /** As the program in the container sees it. */
  readonly kernel: { readonly release: string; readonly version: string };
}

const probePlace = ".sampan-probe";
/** Milliseconds that one container may take. */
const patience = 60_000;

/** Each container is removed, also after a failure. */
export async function measure(daemon: DaemonClient, asked: Asked): Promise<Measured> {
  const timed: Told[] = [];
  for (let run = 0; run < asked.runs; run++) timed.push(await runOnce(daemon, asked, asked.command));
  const told = asked.command.length > 0 ? await runOnce(daemon, asked, []) : timed.at(-1);
  const said = new Map(
    told?.text.split("\n").map((line) => {
      const [name = "", ...rest] = line.split(" ");
      return [name, rest.join(" ")] as const;
    }),
  );
  const nanoseconds = (name: string) => Number(said.get(name)) / 1000;
  return {
    start: median(timed.map(({ start }) => start)),
    memory: timed.findLast(({ memory }) => memory !== undefined)?.memory,
    systemCall: nanoseconds("syscall"),
    open: nanoseconds("open"),
    kernel: { release: said.get("release") ?? "", version: said.get("version") ?? "" },
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? upper) + upper) / 2;
}

interface Told {
  readonly start: number;
  readonly memory: number | undefined;
  readonly text: string;
}

async function runOnce(daemon: DaemonClient, asked: Asked, command: readonly string[]): Promise<Told> {
  const isProbe = command.length === 0;
  const late = AbortSignal.timeout(patience);
  const signal = AbortSignal.any([asked.signal, late]);
  const { Id } = await daemon.createContainer(bodyOf(asked, command), { signal });
  try {
    if (isProbe) await daemon.copyTo(Id, "/", { archive: archiveOf(asked.probe), keepOwner: false, signal });
    const { stream } = await daemon.attachContainer(Id, { stdin: false, stdout: true, stderr: true, signal });
    using undo = new DisposableStack();
    undo.defer(() => stream.destroy());
    const began = performance.now();
    await daemon.startContainer(Id);
    const told = await listen({ daemon, id: Id, stream, began, isProbe, signal });
    await daemon.removeContainer(Id, { force: true, volumes: true });
    return told;
  } catch (error) {
    // What went wrong first is what is told.
    await daemon.removeContainer(Id, { force: true, volumes: true }).catch(() => undefined);
    if (!late.aborted || asked.signal.aborted) throw error;
    throw new SampanError("deadline_exceeded", `it said nothing for ${patience / 1000} s`, { cause: error });
  }
}

function bodyOf({ image, runtime }: Asked, command: readonly string[]): CreateBody {
  return {
    Image: image,
    ...(command.length === 0 ? { Entrypoint: [`/${probePlace}`], Cmd: ["probe"] } : { Cmd: [...command] }),
    AttachStdout: true,
    AttachStderr: true,
    Healthcheck: { Test: ["NONE"] },
    HostConfig: { Runtime: runtime, NetworkMode: "none" },
  };
}

function archiveOf(probe: Uint8Array): AsyncIterable<Uint8Array> {
  const pack = newPack();
  pack.entry({ name: probePlace, mode: 0o555 }, Buffer.from(probe));
  pack.finalize();
  return pack as unknown as AsyncIterable<Uint8Array>;
}

interface Listening {
  readonly daemon: DaemonClient;
  readonly id: string;
  readonly stream: AsyncIterable<Uint8Array>;
  readonly began: number;
  readonly isProbe: boolean;
  readonly signal: AbortSignal;
}

/** The probe until it waits, another program until its first byte or its end. */
async function listen({ daemon, id, stream, began, isProbe, signal }: Listening): Promise<Told> {
  const frames = new Frames();
  let start: number | undefined;
  let text = "";
  for await (const bytes of stream) {
    for (const part of frames.feed(bytes)) {
      start ??= performance.now() - began;
      if (isProbe) text += Buffer.from(part.bytes).toString("latin1");
    }
    if (start !== undefined && (!isProbe || /^waits/m.test(text))) break;
  }
  if (isProbe && !/^waits/m.test(text)) throw await endOf(daemon, id, text);
  start ??= performance.now() - began;
  return { start, memory: await memoryOf(daemon, id, signal), text };
}

async function endOf(daemon: DaemonClient, id: string, text: string): Promise<SampanError> {
  const { State } = await daemon.inspectContainer(id);
  const said = text.trim() === "" ? "" : `: ${text.trim().slice(0, 200)}`;
  return new SampanError("unknown", `the probe ended with ${State.ExitCode}${said}`);
}

async function memoryOf(daemon: DaemonClient, id: string, signal: AbortSignal): Promise<number | undefined> {
  for await (const sample of daemon.stats(id, { stream: false, signal })) {
    const used = memoryUsed(sample);
    return used > 0 ? used : undefined;
  }
  return undefined;
}
