/**
 * Services on this node: their names are answered on an address of the node's own, and what goes to their addresses is led to pods that can be reached from here. Both from the store alone, so that
 * they go on without the cloud. https://kubernetes.io/docs/concepts/services-networking/service/
 */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { ServiceProxy } from "../../../engine/networks/services.ts";
import { openForwarder } from "../../../engine/networks/resolver/forward.ts";
import { listen } from "../../../engine/networks/resolver/listen.ts";
import { answering } from "../../../engine/networks/resolver/respond.ts";
import { serversOf } from "../../../engine/networks/resolver/table.ts";
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import type { Meta } from "../meta/meta.ts";
import { makeBook, rulesOf, type ServiceBook } from "./book.ts";
import { decideName } from "./names.ts";

/** Keeps all objects of a kind in the store as the cloud has them, as long as it is not disposed of. */
export interface Subscriptions {
  subscribe(resource: ResourceId): Disposable;
}

export interface ServicesOptions {
  readonly node: string;
  readonly meta: Pick<Meta, "list" | "follow">;
  readonly proxy: ServiceProxy;
  readonly subscriptions: Subscriptions;
  /** On which names are answered; the node gets it on its loopback device. */
  readonly address: string;
  /** `cluster.local` */
  readonly domain: string;
  /** Whether an address is one of the networks of this node's pods. */
  readonly isOwn: (address: string) => boolean;
  /** Where this node itself serves what `kubernetes.default.svc` is in the cloud; undefined while it does not. */
  readonly api?: () => Endpoint | undefined;
  readonly resolvConf?: string;
  readonly clock: Clock;
  readonly log: (text: string) => void;
}

export interface Services extends AsyncDisposable {
  /** Service objects, for the variables of containers. */
  list(): readonly KubeObject[];
  /** When what is known now is in the kernel. */
  settled(): Promise<void>;
  /** What `api` says has changed. */
  changed(): void;
}

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

const types = ["service", "endpointslice"] as const;
const resources: readonly ResourceId[] = [
  { group: "", version: "v1", resource: "services" },
  { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" },
];
/** Changes that come together are put into the kernel together. */
const together = 25;
const retry = 5000;

export async function openServices(options: ServicesOptions): Promise<Services> {
  const { meta, proxy, address, clock, log } = options;
  const here = () => {
    const own = hostAddresses();
    return { node: options.node, isOwn: options.isOwn, isHost: (each: string) => own.has(each) };
  };
  let book: ServiceBook = new Map();
  let cancel: (() => void) | undefined;
  let isClosed = false;
  let applied: Promise<void> = Promise.resolve();
  const look = (): Promise<void> => {
    cancel?.();
    cancel = undefined;
    const now = here();
    book = makeBook(meta.list("service"), meta.list("endpointslice"), now);
    applied = proxy.set(rulesOf(book, now, options.api?.())).catch((error: unknown) => {
      log(`services are not led to their pods, it is tried again: ${SampanError.from(error).message}`);
      if (!isClosed) cancel ??= clock.after(retry, () => void look());
    });
    return applied;
  };
  const later = () => {
    cancel ??= clock.after(together, () => void look());
  };
  await using stack = new AsyncDisposableStack();
  stack.defer(() => {
    isClosed = true;
    cancel?.();
  });
  await proxy.address(address);
  let turn = 0;
  const names = { domain: options.domain, servers: () => hostServers(options.resolvConf, address) };
  const forwarder = openForwarder();
  stack.use(
    await listen(
      address,
      answering(forwarder, (question) => decideName(book, question, { ...names, turn: turn++ })),
    ),
  );
  stack.use(meta.follow(types, later));
  await look();
  for (const resource of resources) stack.use(options.subscriptions.subscribe(resource));
  const opened = stack.move();
  return {
    list: () => meta.list("service"),
    changed: later,
    settled: async () => {
      if (cancel) await look();
      await applied;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Those that this machine has now. */
function hostAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address)));
}

/** Read each time: networks of the field come and go. Our own address there would ask in circles. */
function hostServers(path = "/etc/resolv.conf", own: string): readonly string[] {
  try {
    return serversOf(readFileSync(path, "utf8")).filter((server) => server !== own);
  } catch {
    return [];
  }
}
