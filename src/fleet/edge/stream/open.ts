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

/** Milliseconds between tries. */
const times = { first: 1_000, longest: 30_000 } as const;
/** Milliseconds. The link to the cloud knows within seconds when it is gone, and has the tunnel probed: the tunnel's own probes may be rare, which is what an idle node costs. */
const probes = {
  ours: { ping: 50_000, silence: 120_000 },
  others: { ping: 5_000, silence: 15_000 },
  /** Before the first sign: cloudcore reads nothing of a tunnel until it has written to the node's object, which it tries every 20 s for a minute. */
  beginning: 70_000,
  /** For an answer once the link fell. */
  doubt: 10_000,
} as const;

/** Returns at once; the tunnel comes up when the cloud is there. */
export function openEdgeStream(
  context: Pick<EdgeContext, "node" | "clock" | "log" | "signal"> & Partial<Pick<EdgeContext, "link">>,
  options: EdgeStreamOptions,
): EdgeStream {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const state: State = { connected: false, wake: () => {}, doubt: () => {} };
  // When the link to the cloud is there again so is the way of the tunnel, most probably; when it falls the tunnel may be dead as well.
  const following = context.link?.onChange((connected) => {
    if (connected) state.wake();
    else state.doubt();
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
  /** Tries at once. */
  wake: () => void;
  /** Asks whether the cloud is still there. */
  doubt: () => void;
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
  let heard = false;
  const onSign = () => {
    heard = true;
    seen = clock.now();
  };
  const { pipe, ours }: Dialled = await dial({ address, node, internalIp, tls: tls(), onSign, signal });
  state.connected = true;
  const stop = () => pipe.terminate();
  signal.addEventListener("abort", stop, { once: true });
  const { ping, silence } = ours ? probes.ours : probes.others;
  let cancel = () => {};
  const probe = () => {
    const patience = heard ? silence : Math.max(silence, probes.beginning);
    if (clock.now() - seen > patience) return pipe.terminate();
    pipe.ping();
    cancel();
    cancel = clock.after(ping, probe);
  };
  state.doubt = () => {
    const asked = clock.now();
    pipe.ping();
    cancel();
    cancel = clock.after(probes.doubt, () => (seen < asked ? pipe.terminate() : probe()));
  };
  seen = clock.now();
  heard = false;
  probe();
  try {
    await new TunnelSession({ pipe, kubelet, ours, log, signal }).run();
  } finally {
    state.doubt = () => {};
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
