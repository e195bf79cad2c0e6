/** The edge: all of its parts, in the order in which each finds those that it needs. */
import { dirname } from "node:path";
import { mkdirSync, readFileSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import { SampanError } from "../../base/errors.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import { openDmi } from "./dmi/open.ts";
import { openEventBus } from "./eventbus/open.ts";
import type { EventBusOptions } from "./eventbus/options.ts";
import { openLink, type LinkTimes } from "./hub/open.ts";
import { parseAddress, formatAddress } from "./hub/address.ts";
import { certificateAddresses, keysFolder } from "./join/join.ts";
import { cloudTime } from "./join/https.ts";
import { openKeys } from "./join/keys.ts";
import { keepCertificate } from "./join/renewal.ts";
import { openMetaServer, type MetaServerOptions } from "./metaserver/open.ts";
import { openMeta } from "./meta/open.ts";
import type { EdgeContext } from "./part.ts";
import { openServiceBus, type ServiceBusOptions } from "./servicebus/open.ts";
import { openTwins } from "./twin/open.ts";

export interface EdgeOptions {
  readonly node: string;
  /** `<host>:<port>` of 10000. */
  readonly clouds: readonly string[];
  /** On the same hosts, where certificates are signed. */
  readonly certificatePort: number;
  /** Data of the edge: 0700. */
  readonly root: string;
  readonly engine: LiveEngine;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
  readonly times?: Partial<LinkTimes>;
  /** A file with a token, for when the certificate has ended and the cloud does not renew it. */
  readonly tokenFile?: string;
  readonly eventbus?: EventBusOptions;
  readonly servicebus?: ServiceBusOptions;
  readonly metaserver?: MetaServerOptions;
  /** The socket where mappers register. */
  readonly dmiSocket: string;
}

export interface Edge extends AsyncDisposable {
  readonly context: EdgeContext;
}

/** Resolves when all parts work; the link may stand later. Errors: those of the store, and of what pods cannot do without. */
export async function openEdge(options: EdgeOptions): Promise<Edge> {
  await using stack = new AsyncDisposableStack();
  const { node, root, engine, clock, log, signal } = options;
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const keys = openKeys(keysFolder(root));
  const base = { node, keys, clock, log, signal };

  const link = stack.use(
    await openLink({
      ...base,
      addresses: options.clouds,
      dials: false,
      cloudTime: (address, asked) => cloudTime(timeAddress(address, options.certificatePort), asked),
      ...(options.times ? { times: options.times } : {}),
    }),
  );
  const meta = stack.use(await openMeta({ root, link, clock, log, signal }));
  const context: EdgeContext = { node, root, link, meta, engine, clock, log, signal };
  const spare = optional(stack, log);

  const bus = stack.use(await openEventBus(context, options.eventbus));
  const twins = stack.use(await openTwins(context, bus));
  await spare("ServiceBus", () => openServiceBus(context, options.servicebus));
  await spare("DMI", () => {
    mkdirSync(dirname(options.dmiSocket), { recursive: true, mode: 0o711 });
    return openDmi({ path: options.dmiSocket, folder: `${root}/dmi`, twins, log, signal });
  });

  await spare("MetaServer", () => openMetaServer({ ...context, meta }, options.metaserver));

  const addresses = certificateAddresses(options.clouds, options.certificatePort);
  stack.use(keepCertificate({ ...base, addresses, token: () => readToken(options.tokenFile) }));
  // All who take messages have said so.
  link.start();
  const parts = stack.move();
  return { context, [Symbol.asyncDispose]: () => parts.disposeAsync() };
}

/** What pods can do without: that its port is taken is told, and keeps nothing else from working. */
function optional(stack: AsyncDisposableStack, log: (text: string) => void) {
  return async <T extends AsyncDisposable>(name: string, open: () => Promise<T>): Promise<T | undefined> => {
    try {
      return stack.use(await open());
    } catch (error) {
      log(`${name} is not there: ${SampanError.from(error).message}`);
      return undefined;
    }
  };
}

function timeAddress(cloud: string, port: number): string {
  return formatAddress({ host: parseAddress(cloud, port).host, port });
}

function readToken(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
