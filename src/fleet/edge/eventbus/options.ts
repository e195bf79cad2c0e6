/** What an administrator says of the broker of an edge. */

export interface BrokerTls {
  readonly host: string;
  readonly port: number;
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
  /** With it only clients that have a certificate of this authority are let in. */
  readonly ca?: string;
}

/** Bounds on each client, and on all together. None of them is a secret: a well-behaved client meets none. */
export interface BrokerLimits {
  readonly clients: number;
  /** Bytes of one packet, and of what a will says. */
  readonly packet: number;
  readonly will: number;
  /** Characters of a topic or filter, and levels. */
  readonly topic: number;
  readonly levels: number;
  readonly clientId: number;
  readonly subscriptions: number;
  /** Retained messages, and bytes of them. */
  readonly retained: number;
  readonly retainedBytes: number;
  /** Clients that want to find their subscriptions and messages again, and messages that wait for each of them while it is away. */
  readonly sessions: number;
  readonly queued: number;
  /** Bytes that wait for a client that reads slowly: from the first on it gets no more QoS 0, at the second it is disconnected. */
  readonly slow: number;
  readonly stuck: number;
  /** Messages a second of one client, which is not read for a while when it sends more; and how many at once. */
  readonly rate: number;
  readonly burst: number;
  /** The same for what goes to the cloud. */
  readonly uploadRate: number;
  readonly uploadBurst: number;
}

export const brokerLimits: BrokerLimits = {
  clients: 1000,
  packet: 1 << 20,
  will: 64 << 10,
  topic: 1024,
  levels: 32,
  clientId: 256,
  subscriptions: 200,
  retained: 10_000,
  retainedBytes: 16 << 20,
  sessions: 1000,
  queued: 1000,
  slow: 1 << 20,
  stuck: 4 << 20,
  rate: 10_000,
  burst: 20_000,
  uploadRate: 100,
  uploadBurst: 500,
};

export interface InternalBroker {
  /** 127.0.0.1. */
  readonly host?: string;
  /** 1884; 0 for any that is free. */
  readonly port?: number;
  readonly tls?: BrokerTls;
  /** A file of users and their rights (users.ts). Without it all who reach the port may do all. */
  readonly users?: string;
  readonly limits?: Partial<BrokerLimits>;
}

export interface ExternalBroker {
  /** `mqtt://127.0.0.1:1883`, `mqtts://…`. */
  readonly url?: string;
  readonly username?: string;
  readonly password?: string;
  /** PEM texts, for `mqtts:`. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export type BrokerMode = "internal" | "external" | "both";

export interface EventBusOptions {
  /** internal. */
  readonly mode?: BrokerMode;
  readonly internal?: InternalBroker;
  readonly external?: ExternalBroker;
  /** Of what this node publishes; 1. */
  readonly qos?: 0 | 1 | 2;
}
