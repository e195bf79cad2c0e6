/** A plan as readable lines and as JSON: every operation in the order in which each process executes it. Pure. */
import {
  operations,
  stages,
  type Operation,
  type OperationShape,
  type Plan,
  type Stage,
} from "../operations.ts";
import { groupOf, type Group } from "./groups.ts";
import { sentence, toleranceText } from "./sentences.ts";
import { Slots } from "./slots.ts";

export interface ExplainedOperation {
  readonly stage: Stage;
  /** Its place in the stage's list; failures name it. */
  readonly index: number;
  readonly group: Group;
  readonly operation: Operation["name"];
  /** As the launcher gets them, with the defaults of those that were left out; bytes as base64. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** The field of config.json that asks for it, or the part of the runtime that does. */
  readonly why: string;
  /** Names as strace has them; `?` behind one: only in some cases. */
  readonly systemCalls: readonly string[];
  readonly tolerate?: Operation["tolerate"];
  readonly text: string;
}

/** As they come to be. */
const order = ["monitor", ...stages.filter((stage) => stage !== "monitor")] as const;

export function explainPlan(plan: Plan): ExplainedOperation[] {
  const explained: ExplainedOperation[] = [];
  const starts: Partial<Record<Stage, Slots>> = {};
  for (const stage of order) {
    const slots = starts[stage] ?? new Slots();
    let group: Group = stage === "parent" || stage === "monitor" ? stage : "namespaces";
    (plan[stage] ?? []).forEach((operation, index) => {
      group = groupOf(stage, operation, group);
      explained.push(explainOne(operation, { stage, index, group, slots }));
      slots.after(operation);
      if (operation.name === "clone")
        starts[stages[Number(operation.args["stage"])] ?? "init"] = slots.copy();
    });
  }
  return explained;
}

interface Place {
  readonly stage: Stage;
  readonly index: number;
  readonly group: Group;
  readonly slots: Slots;
}

function explainOne(operation: Operation, { stage, index, group, slots }: Place): ExplainedOperation {
  return {
    stage,
    index,
    group,
    operation: operation.name,
    arguments: argumentsOf(operation),
    why: operation.why,
    systemCalls: callsOf(operation),
    ...(operation.tolerate && { tolerate: { ...operation.tolerate, skip: operation.tolerate.skip ?? 0 } }),
    text: `${sentence(operation, slots)}${toleranceText(operation)}`,
  };
}

/** What the table leaves open, where the arguments tell. */
function callsOf({ name, args }: Operation): readonly string[] {
  const { calls } = operations[name];
  // Without a path it goes to the descriptor in `dir`, which stays open.
  if (name === "write") return args["path"] ? ["openat2", "write", "close"] : ["write"];
  // Only where root could not enter it before.
  if (name === "chdir" && args["late"]) return ["chdir?"];
  return calls;
}

function argumentsOf(operation: Operation): Record<string, unknown> {
  const { ints, texts }: OperationShape = operations[operation.name];
  const all: Record<string, unknown> = {};
  for (const [name, fallback] of Object.entries(ints)) all[name] = plain(operation.args[name] ?? fallback);
  for (const [name, fallback] of Object.entries(texts)) all[name] = plain(operation.args[name] ?? fallback);
  return all;
}

/** Numbers above 2^53 as text, since JSON's readers round them. */
function plain(value: Operation["args"][string]): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value;
}

const titles: Readonly<Record<Stage, string>> = {
  monitor: "the process that carries the container, on the host",
  parent: "the launcher, on the host",
  middle: "the process between, which enters what only a child is in",
  init: "the container's first process",
};

/** One line an operation, with a headline where the process or the group changes. */
export function explanationText(explained: readonly ExplainedOperation[]): string {
  const lines: string[] = [];
  let [stage, group] = ["", ""];
  for (const each of explained) {
    if (each.stage !== stage)
      lines.push(`${lines.length === 0 ? "" : "\n"}# ${each.stage}: ${titles[each.stage]}`);
    if (each.group !== each.stage && (each.group !== group || each.stage !== stage))
      lines.push(`\n${each.group}`);
    [stage, group] = [each.stage, each.group];
    lines.push(`  ${String(each.index).padStart(3)}  ${oneLine(each.text)}  [${each.why}]`);
  }
  return `${lines.join("\n")}\n`;
}

/** A newline in a name or value must not begin a line of its own. */
function oneLine(text: string): string {
  return text.replaceAll("\n", "\\n");
}
