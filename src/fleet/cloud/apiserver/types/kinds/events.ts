/** Events, in the forms of both groups. */
import type { KindRow } from "../builtin.ts";

export const eventKinds: readonly KindRow[] = [{ package: "core", kind: "Event", shortNames: ["ev"] }];
