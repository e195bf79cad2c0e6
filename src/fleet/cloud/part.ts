/** What every controller of the cloud half is given, and what it is. bin puts them together; none imports another but by its contract. */
import type { Clock } from "../../base/clock.ts";
import type { KubeClient } from "../../spec/kubernetes/kube.ts";
import type { Hub } from "./hub/hub.ts";
import type { Informers } from "./informer/informers.ts";

export interface CloudContext {
  /** The embedded API in this process, or a real cluster over HTTP. */
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly hub: Hub;
  readonly clock: Clock;
  /** One line for a person: what is wrong where. */
  readonly log: (text: string) => void;
  /** Everything that waits ends with it. */
  readonly signal: AbortSignal;
}

/** Resolves when it works; ends what it began when it is disposed of. */
export type CloudPart = (context: CloudContext) => Promise<AsyncDisposable>;
