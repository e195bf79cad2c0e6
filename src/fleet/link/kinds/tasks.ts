/** Tasks of a node, 1.16 to 1.20: the cloud leads each node from state to state. */
import {
  list,
  natural,
  needed,
  nullable,
  object,
  oneOf,
  text,
  time,
  word,
  zero,
  type Codec,
} from "../codec.ts";
import { isRecord } from "../json.ts";
import { image, nodeName, secretName } from "./_task.ts";
import { kind } from "./kind.ts";
import { objectName } from "./kube.ts";
import { upgrade, type UpgradeRequest } from "./upgrade.ts";

export interface PrePullRequest {
  readonly Images: readonly string[] | null;
  readonly NodeName: string;
  /** `<namespace>/<name>` of a secret. */
  readonly Secret: string;
  readonly RetryTimes: number;
  readonly CheckItems: readonly string[] | null;
}

const words = list(word, 1000);

const prePull = object<PrePullRequest>({
  Images: nullable(list(image, 1000)),
  NodeName: zero(nodeName, ""),
  Secret: zero(secretName, ""),
  RetryTimes: zero(natural, 0),
  CheckItems: nullable(words),
});

export type TaskRequest =
  | {
      readonly TaskID: string;
      readonly Type: "upgrade";
      readonly State: string;
      readonly Item: UpgradeRequest;
    }
  | {
      readonly TaskID: string;
      readonly Type: "prepull";
      readonly State: string;
      readonly Item: PrePullRequest;
    };

const common = { TaskID: needed(objectName), State: zero(word, "") };
const upgradeTask = object<Extract<TaskRequest, { Type: "upgrade" }>>({
  TaskID: common.TaskID,
  Type: needed(oneOf("upgrade")),
  State: common.State,
  Item: needed(upgrade),
});
const prePullTask = object<Extract<TaskRequest, { Type: "prepull" }>>({
  TaskID: common.TaskID,
  Type: needed(oneOf("prepull")),
  State: common.State,
  Item: needed(prePull),
});

const task: Codec<TaskRequest> = {
  read: (value, at) => {
    const type = oneOf("upgrade", "prepull").read(isRecord(value) ? value["Type"] : undefined, `${at}.Type`);
    return type === "upgrade" ? upgradeTask.read(value, at) : prePullTask.read(value, at);
  },
  write: (value) => (value.Type === "upgrade" ? upgradeTask.write(value) : prePullTask.write(value)),
};

/** 1.16 to 1.20. */
export const taskRequest = kind<TaskRequest>("task", {
  way: "down",
  on: { group: "taskmanager", operation: ["upgrade", "prepull"] },
  content: task,
});

export interface TaskReport {
  readonly NodeName: string;
  readonly State: string;
  readonly Event: string;
  readonly Action: string;
  readonly Reason: string;
  readonly Time: string;
  readonly ExternalMessage: string;
}

const report = object<TaskReport>({
  NodeName: needed(nodeName),
  State: zero(word, ""),
  Event: zero(word, ""),
  Action: zero(word, ""),
  Reason: zero(text, ""),
  Time: zero(time, ""),
  ExternalMessage: zero(text, ""),
});

/** 1.16 to 1.20, as a message or as the body of POST /task/<type>/name/<id>/node/<node>/status. */
export const taskReport = kind<TaskReport>("report of a task", {
  way: "up",
  on: { operation: ["upgrade", "prepull"] },
  content: report,
});
