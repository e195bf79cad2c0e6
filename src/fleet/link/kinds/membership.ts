/** Which devices an edge has. */
import {
  inText,
  list,
  needed,
  nullable,
  object,
  optional,
  word,
  zero,
  oneOf,
  text,
  inObject,
} from "../codec.ts";
import { contentOf, kind } from "./kind.ts";
import { attributes, base, twins, type Attribute, type BaseMessage, type Twins } from "./twin.ts";

export interface Member {
  /** `d1`, since 1.16.2 `default/d1`. */
  readonly id?: string;
  readonly name?: string;
  readonly description?: string;
  readonly state?: string;
  readonly last_online?: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly twin?: Twins;
}

const members = list(
  object<Member>({
    id: optional(word),
    name: optional(word),
    description: optional(text),
    state: optional(word),
    last_online: optional(word),
    attributes: optional(attributes),
    twin: optional(twins),
  }),
);

export interface MembershipUpdate extends BaseMessage {
  readonly added_devices: readonly Member[] | null;
  readonly removed_devices: readonly Member[] | null;
}

const update = object<MembershipUpdate>({
  ...base,
  added_devices: nullable(members),
  removed_devices: nullable(members),
});

/** Not acknowledged. */
export const membershipUpdate = kind<MembershipUpdate>("devices of a node", {
  way: "down",
  on: { group: "twin", operation: "update", resource: "membership" },
  content: inObject(update),
});

/** The same for local applications, at `$hw/events/node/<node>/membership/updated`. */
export const membershipUpdated = contentOf("devices of this node", inText(update));

export interface MembershipQuery {
  readonly event_type: "group_membership_event";
  readonly event_id: string;
  /** The node. */
  readonly group_id: string;
  readonly operation: string;
  readonly timestamp: number;
}

/** No KubeEdge cloud answers it. */
export const membershipQuery = kind<MembershipQuery>("query of devices", {
  way: "up",
  on: { source: "twin", operation: "get", resource: "membership/detail" },
  content: inText(
    object<MembershipQuery>({
      event_type: needed(oneOf("group_membership_event")),
      event_id: base.event_id,
      group_id: needed(word),
      operation: needed(word),
      timestamp: base.timestamp,
    }),
  ),
});

/** The operation by which an edge of ours asks a cloud of ours for what it has of each device: its state, and of its twin the versions of this edge without the values. */
export const membershipVersions = "versions";

export interface MembershipResult extends BaseMessage {
  readonly devices: readonly Member[] | null;
}

const result = object<MembershipResult>({ ...base, devices: nullable(members) });

export const membershipDetail = kind<MembershipResult>("all devices of a node", {
  way: "down",
  on: { group: "twin", resource: "membership/detail" },
  content: inObject(result),
});

export const membershipResult = contentOf("result of a query of devices", inText(result));
export const membershipGet = contentOf(
  "question for devices",
  inText(object<{ readonly event_id: string }>({ event_id: zero(word, "") })),
);
