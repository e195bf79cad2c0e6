/** What stands in the payloads of the topics of mqtt-topics.ts: between an edge and its devices and applications. All are JSON texts. */
import { integer, inText, map, needed, nullable, object, text, word, zero } from "../codec.ts";
import { contentOf } from "./kind.ts";
import {
  attributes,
  base,
  property,
  stateMessage,
  twin,
  twinMessage,
  twins,
  type Attribute,
  type BaseMessage,
  type Twin,
  type TwinMessage,
} from "./twin.ts";

/** A topic's payload that asks: `{"event_id":"x","timestamp":…}`. */
export const getRequest = contentOf("question of a device", inText(object<BaseMessage>(base)));
export const twinUpdate = contentOf("update of a twin by a device", inText(twinMessage));
/** Also of `get`: the whole twin. */
export const twinResult = contentOf("result of an update", inText(twinMessage));

export interface ErrorResult extends BaseMessage {
  readonly code: number;
  readonly reason: string;
}

export const twinError = contentOf(
  "refusal of an update",
  inText(object<ErrorResult>({ ...base, code: needed(integer(100, 999)), reason: zero(text, "") })),
);

export interface DocumentMessage extends BaseMessage {
  readonly twin: Readonly<Record<string, { readonly last: Twin | null; readonly current: Twin | null }>>;
}

export const twinDocument = contentOf(
  "document of a twin",
  inText(
    object<DocumentMessage>({
      ...base,
      twin: zero(
        map(
          object<{ last: Twin | null; current: Twin | null }>({
            last: nullable(twin),
            current: nullable(twin),
          }),
          property,
        ),
        {},
      ),
    }),
  ),
);

export interface DeltaMessage extends TwinMessage {
  /** The values that are wanted and not yet reached, by property. */
  readonly delta: Readonly<Record<string, string>>;
}

export const twinDelta = contentOf(
  "delta of a twin",
  inText(object<DeltaMessage>({ ...base, twin: zero(twins, {}), delta: zero(map(text, property), {}) })),
);

/** What a device says of its state. */
export interface StateUpdate {
  readonly event_id: string;
  readonly state: string;
}

export const stateUpdate = contentOf(
  "state by a device",
  inText(object<StateUpdate>({ event_id: zero(word, ""), state: needed(word) })),
);
export const stateResult = contentOf("result of a state", inText(stateMessage));

export interface AttributesMessage extends BaseMessage {
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export const attributesUpdated = contentOf(
  "attributes of a device",
  inText(object<AttributesMessage>({ ...base, attributes: zero(attributes, {}) })),
);
