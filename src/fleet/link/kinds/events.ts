/** Events of pods, and requests of certificates for an edge's own server: since 1.18 and 1.19. */
import { anything, line, needed, object, open, optional, text, word } from "../codec.ts";
import { kind } from "./kind.ts";
import { common, namedObject, type Kube, type KubeObject } from "./kube.ts";

/** core/v1 Event. */
export interface Event extends Kube {
  readonly involvedObject?: unknown;
  readonly reason?: string;
  readonly message?: string;
  readonly type?: string;
}

const event = open<Event>({
  ...common,
  involvedObject: optional(anything),
  reason: optional(line({ most: 1024 })),
  message: optional(text),
  type: optional(word),
});

/** Not answered. */
export const eventChange = kind<Event>("event", {
  way: "up",
  on: { group: "meta", operation: ["insert", "update"], type: "event" },
  content: event,
});

export interface EventPatch {
  readonly event: Event;
  /** A strategic merge patch, as JSON. */
  readonly patchData: string;
}

export const eventPatch = kind<EventPatch>("patch of an event", {
  way: "up",
  on: { group: "meta", operation: "patch", type: "event" },
  content: object<EventPatch>({ event: needed(event), patchData: needed(text) }),
});

export const certificateRequest = kind<KubeObject>("request of a certificate", {
  way: "up",
  on: { group: "meta", operation: "insert", type: "certificatesigningrequest" },
  content: namedObject,
});

/** The request itself, or null: its name stands in the resource. */
export const certificateQuery = kind<KubeObject | null>("query of a certificate", {
  way: "up",
  on: { group: "meta", operation: "query", type: "certificatesigningrequest" },
  content: {
    read: (value, at) => (value === null || value === undefined ? null : namedObject.read(value, at)),
    write: (value) => value,
  },
});
