/** What every part of the edge is given. bin puts them together; none imports another but by its contract. */
import type { Clock } from "../../base/clock.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import type { CloudLink } from "./hub/hub.ts";
import type { Meta } from "./meta/meta.ts";

export interface EdgeContext {
  /** This node's name. */
  readonly node: string;
  /** Data of the edge: `/var/lib/sampan/edge`, 0700. Each part has a folder of its own in it. */
  readonly root: string;
  readonly link: CloudLink;
  readonly meta: Meta;
  readonly engine: LiveEngine;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}
