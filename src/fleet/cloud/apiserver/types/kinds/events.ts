/** Events, in the forms of both groups. */
import type { KindRow } from "../builtin.ts";
import { eventForm, eventStrategy, eventTable, newEventStrategy } from "../cluster/events.ts";

export const eventKinds: readonly KindRow[] = [
  { package: "core", kind: "Event", shortNames: ["ev"], strategy: eventStrategy, table: eventTable },
  {
    package: "events",
    kind: "Event",
    shortNames: ["ev"],
    strategy: newEventStrategy,
    table: eventTable,
    form: eventForm,
  },
];
