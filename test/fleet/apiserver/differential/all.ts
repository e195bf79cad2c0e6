/** All scenarios. Which of them a server answers otherwise, and why that is right, stands beside the row. */
import { access } from "./access.ts";
import { bodies } from "./bodies.ts";
import { discovery } from "./discovery.ts";
import { kinds } from "./kinds.ts";
import { patches } from "./patches.ts";
import type { Scenario } from "./_row.ts";
import { verbs } from "./verbs.ts";
import { watches } from "./watches.ts";

export const scenarios: readonly Scenario[] = [
  ...verbs,
  ...bodies,
  ...patches,
  ...watches,
  ...discovery,
  ...access,
  ...kinds,
];
