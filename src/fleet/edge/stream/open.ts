/** EdgeStream: keeps the tunnel to the cloud by which logs, exec, attach, port-forward and figures of this node are asked for. */
import { pause } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { EdgeContext } from "../part.ts";
import type { Kubelet } from "../kubelet/kubelet.ts";
import { dial, type Dialled, type TunnelTls } from "./dial.ts";
import { TunnelSession } from "./session.ts";

export interface EdgeStreamOptions {
  /** `wss://cloud.example.com:10004`; one after the other is tried. */
  readonly addresses: readonly string[];
  /** Asked at each try: certificates are renewed. */
  readonly tls: () => TunnelTls;
  readonly internalIp: string;
  readonly kubelet: Kubelet;
  /** 0 to 1; for tests. */
  readonly random?: () => number;
}

export interface EdgeStream extends AsyncDisposable {
  readonly connected: boolean;
}

/** Milliseconds. */
const times = { ping: 5_000, silence: 15_000, first: 1_000, longest: 30_000 } as const;

/** Returns at once; the tunnel comes up when the cloud is there. */
export function openEdgeStream(
  context: Pick<EdgeContext, "node" | "clock" | "log" | "signal"> & Partial<Pick<EdgeContext, "link">>,
  options: EdgeStreamOptions,
): EdgeStream {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const state = { connected: false, wake: () => {} };
  // The link to the cloud is there again: so is the tunnel, most probably.
  const following = context.link?.onChange((connected) => {
    if (connected) state.wake();
  });
  const running = keep({ ...context, signal }, options, state);
  return {
    get connected() {
      return state.connected;
    },
    [Symbol.asyncDispose]: async () => {
      following?.[Symbol.dispose]();
      stop.abort();
      await running;
    },
  };
}

type Context = Pick<EdgeContext, "node" | "clock" | "log" | "signal">;

interface State {
  connected: boolean;
  wake: () => void;
}

async function keep(context: Context, options: EdgeStreamOptions, state: State): Promise<void> {
  const { signal, log, clock } = context;
  const random = options.random ?? Math.random;
  let pauseTime: number = times.first;
  let told = "";
  for (let attempt = 0; !signal.aborted; attempt++) {
    const began = clock.now();
    const address = options.addresses[attempt % options.addresses.length];
    if (address === undefined) return;
    try {
      await once(context, options, { address, state });
      told = "";
    } catch (error) {
      const words = `the tunnel to ${address}: ${SampanError.from(error).message}`;
      // Told once, not with every try.
      if (!signal.aborted && words !== told) log(words);
      told = words;
    }
    state.connected = false;
    if (clock.now() - began > times.longest) pauseTime = times.first;
    await rest(context, state, pauseTime * (0.5 + random()));
    pauseTime = Math.min(pauseTime * 2, times.longest);
  }
}

/** One connection, from dialling to its end. */
async function once(
  { node, clock, log, signal }: Context,
  { tls, internalIp, kubelet }: EdgeStreamOptions,
  { address, state }: { readonly address: string; readonly state: State },
): Promise<void> {
  let seen = clock.now();
  const onSign = () => void (seen = clock.now());
  const { pipe, ours }: Dialled = await dial({ address, node, internalIp, tls: tls(), onSign, signal });
  state.connected = true;
  const stop = () => pipe.terminate();
  signal.addEventListener("abort", stop, { once: true });
  let cancel = () => {};
  const probe = () => {
    if (clock.now() - seen > times.silence) return pipe.terminate();
    pipe.ping();
    cancel = clock.after(times.ping, probe);
  };
  seen = clock.now();
  probe();
  try {
    await new TunnelSession({ pipe, kubelet, ours, log, signal }).run();
  } finally {
    cancel();
    signal.removeEventListener("abort", stop);
    pipe.terminate();
  }
}

async function rest({ clock, signal }: Context, state: State, milliseconds: number): Promise<void> {
  const woken = new AbortController();
  state.wake = () => woken.abort();
  await pause(clock, milliseconds, AbortSignal.any([signal, woken.signal]));
  state.wake = () => {};
}
