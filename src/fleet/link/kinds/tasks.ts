/**
 * Work on the nodes of a fleet: upgrades, images fetched ahead, changes of the configuration. Three generations: one message that upgrades (to 1.15), a task for each state (1.16 to 1.20),
 * a job of which the edge runs all actions (since 1.21). Texts of these messages once went through a shell as root (CVE-2026-62371, CVE-2026-62182): each field takes what it means and no more.
 */
import { invalid } from "../../../base/errors.ts";
import {
  anything,
  flag,
  integer,
  line,
  list,
  map,
  natural,
  needed,
  nullable,
  object,
  oneOf,
  open,
  optional,
  refused,
  isRecord,
  text,
  time,
  word,
  zero,
  type Codec,
} from "../codec.ts";
import { isName, isNodeName } from "../resources.ts";
import { contentOf, kind } from "./kind.ts";
import { objectName } from "./kube.ts";

const release = line({ most: 64, like: /^[A-Za-z0-9][\w.+-]*$/, wanted: "a version" });
const image = line({ most: 512, like: /^[A-Za-z0-9][\w.\-/:@]*$/, wanted: "an image" });
const tool = line({ most: 64, like: /^[\w.-]*$/, wanted: "a tool" });
const nodeName = line({ most: 253, like: /^[a-z0-9.-]*$/, wanted: "a node's name" });

export interface UpgradeRequest {
  readonly UpgradeID: string;
  readonly HistoryID: string;
  readonly Version: string;
  /** "" is keadm. */
  readonly UpgradeTool: string;
  /** With a tag: the package of installation. */
  readonly Image: string;
  /** Since 1.16. */
  readonly ImageDigest?: string;
  readonly RequireConfirmation?: boolean;
}

const upgrade = object<UpgradeRequest>({
  UpgradeID: needed(objectName),
  HistoryID: zero(line({ most: 128, like: /^[\w-]*$/, wanted: "an id" }), ""),
  Version: needed(release),
  UpgradeTool: zero(tool, ""),
  Image: needed(image),
  ImageDigest: optional(line({ most: 256, like: /^[\w:.+-]*$/, wanted: "a digest" })),
  RequireConfirmation: optional(flag),
});

/** To 1.15; not acknowledged. */
export const upgradeRequest = kind<UpgradeRequest>("upgrade", {
  way: "down",
  on: { group: "nodeupgradejobcontroller", operation: "upgrade" },
  content: upgrade,
});

export const upgradeResults = [
  "upgrade_success",
  "upgrade_failed_rollback_success",
  "upgrade_failed_rollback_failed",
] as const;

export interface UpgradeReport {
  readonly UpgradeID: string;
  readonly HistoryID: string;
  readonly NodeName: string;
  readonly FromVersion: string;
  readonly ToVersion: string;
  readonly Status: (typeof upgradeResults)[number];
  readonly Reason: string;
}

const blankRelease = line({ most: 64, like: /^[\w.+-]*$/, wanted: "a version" });

/** The body of POST /nodeupgrade. */
export const upgradeReport = contentOf(
  "report of an upgrade",
  object<UpgradeReport>({
    UpgradeID: needed(objectName),
    HistoryID: zero(word, ""),
    NodeName: needed(nodeName),
    FromVersion: zero(blankRelease, ""),
    ToVersion: zero(blankRelease, ""),
    Status: needed(oneOf(...upgradeResults)),
    Reason: zero(text, ""),
  }),
);

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
  Secret: zero(line({ most: 512, like: /^[\w./-]*$/, wanted: "the name of a secret" }), ""),
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

export interface UpgradeJob {
  readonly version: string;
  readonly upgradeTool?: string;
  readonly timeoutSeconds?: number;
  readonly nodeNames?: readonly string[];
  readonly labelSelector?: unknown;
  readonly image?: string;
  readonly concurrency?: number;
  readonly checkItems?: readonly string[];
  readonly failureTolerate?: string;
  readonly requireConfirmation?: boolean;
  /** Spelled so on the wire. */
  readonly imageDigestGatter?: unknown;
}

const nodes = optional(list(nodeName));
const failures = optional(line({ most: 32, like: /^[\d.%]*$/, wanted: "a share" }));
const concurrency = optional(integer(0, 2 ** 31 - 1));
const timeout = optional(integer(0, 2 ** 32 - 1));

const upgradeJobSpec = open<UpgradeJob>({
  version: needed(release),
  upgradeTool: optional(tool),
  timeoutSeconds: timeout,
  nodeNames: nodes,
  labelSelector: optional(anything),
  image: optional(line({ most: 512, like: /^(?:[A-Za-z0-9][\w.\-/:@]*)?$/, wanted: "an image" })),
  concurrency,
  checkItems: optional(words),
  failureTolerate: failures,
  requireConfirmation: optional(flag),
  imageDigestGatter: optional(anything),
});

export interface PrePullTemplate {
  readonly images: readonly string[];
  readonly nodeNames?: readonly string[];
  readonly labelSelector?: unknown;
  readonly checkItems?: readonly string[];
  readonly failureTolerate?: string;
  readonly concurrency?: number;
  readonly timeoutSeconds?: number;
  readonly imageSecrets?: string;
  readonly retryTimes?: number;
}

export interface PrePullJob {
  readonly imagePrePullTemplate: PrePullTemplate;
}

const prePullJobSpec = open<PrePullJob>({
  imagePrePullTemplate: needed(
    open<PrePullTemplate>({
      images: needed(list(image, 1000)),
      nodeNames: nodes,
      labelSelector: optional(anything),
      checkItems: optional(words),
      failureTolerate: failures,
      concurrency,
      timeoutSeconds: timeout,
      imageSecrets: optional(line({ most: 512, like: /^[\w./-]*$/, wanted: "the name of a secret" })),
      retryTimes: optional(natural),
    }),
  ),
});

export interface ConfigJob {
  /** By place in the configuration: `modules.edgeHub.heartbeat`. */
  readonly updateFields: Readonly<Record<string, string>>;
  readonly nodeNames?: readonly string[];
  readonly labelSelector?: unknown;
}

const configJobSpec = open<ConfigJob>({
  updateFields: needed(
    map(
      line({ most: 4096 }),
      line({ most: 256, like: /^[\w.[\]-]+$/, wanted: "a place in the configuration" }),
    ),
  ),
  nodeNames: nodes,
  labelSelector: optional(anything),
});

const jobOf = (what: string) => new RegExp(`^operations\\.kubeedge\\.io/v1alpha2/${what}/`);

/** Since 1.21 the spec of the job goes to each node; the operation is its first action. */
export const upgradeJob = kind<UpgradeJob>("job of upgrades", {
  way: "down",
  on: { group: "taskmanager", resource: jobOf("nodeupgradejob") },
  content: upgradeJobSpec,
});

export const prePullJob = kind<PrePullJob>("job of images", {
  way: "down",
  on: { group: "taskmanager", resource: jobOf("imageprepulljob") },
  content: prePullJobSpec,
});

export const configJob = kind<ConfigJob>("job of configuration", {
  way: "down",
  on: { group: "taskmanager", resource: jobOf("configupdatejob") },
  content: configJobSpec,
});

export interface ActionReport {
  readonly action: string;
  readonly succ: boolean;
  /** RFC 3339. */
  readonly finishTime: string;
  readonly reason: string;
  /** Of an upgrade `from,to`; of images a list of `{"image","status","reason"}` as JSON. */
  readonly extend: string;
}

/** After each action of a job; not acknowledged. */
export const actionReport = kind<ActionReport>("report of an action", {
  way: "up",
  on: { operation: "UpdateNodeActionStatus" },
  content: object<ActionReport>({
    action: needed(word),
    succ: zero(flag, false),
    finishTime: zero(time, ""),
    reason: zero(text, ""),
    extend: zero(text, ""),
  }),
});

export const jobKinds = ["nodeupgradejob", "imageprepulljob", "configupdatejob"] as const;

export type TaskResource =
  /** `upgrade/<job>/node/<node>` */
  | { readonly kind: "upgrade"; readonly job: string; readonly node: string }
  /** `operations.kubeedge.io/v1alpha2/<kind>/<job>/node/<node>` */
  | { readonly kind: (typeof jobKinds)[number]; readonly job: string; readonly node: string };

const taskResource = /^(?:operations\.kubeedge\.io\/v1alpha2\/([a-z]+)|upgrade)\/([^/]+)\/node\/([^/]+)$/;

/** @throws SampanError invalid_argument */
export function parseTaskResource(given: string): TaskResource {
  const [whole, named = "upgrade", job = "", node = ""] = taskResource.exec(given) ?? [];
  const what = (["upgrade", ...jobKinds] as const).find((each) => each === named);
  if (whole === undefined || what === undefined || !isName(job) || !isNodeName(node))
    throw refused("route.resource", given, "the address of a task");
  return { kind: what, job, node };
}

export function formatTaskResource({ kind: what, job, node }: TaskResource): string {
  if (!isName(job) || !isNodeName(node)) throw invalid("cannot address the task: a name is none");
  const head = what === "upgrade" ? what : `operations.kubeedge.io/v1alpha2/${what}`;
  return `${head}/${job}/node/${node}`;
}
