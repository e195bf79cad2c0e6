/** Jobs of a fleet since 1.21: an edge gets the spec of the whole job and runs all its actions: upgrades, images fetched ahead, changes of the configuration. */
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
  object,
  open,
  optional,
  text,
  time,
  word,
  zero,
} from "../codec.ts";
import { refused } from "../json.ts";
import { isName, isNodeName } from "../resources.ts";
import { image, nodeName, release, secretName, tool } from "./_task.ts";
import { kind } from "./kind.ts";

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
  checkItems: optional(list(word, 1000)),
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
      checkItems: optional(list(word, 1000)),
      failureTolerate: failures,
      concurrency,
      timeoutSeconds: timeout,
      imageSecrets: optional(secretName),
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

const taskResource = new RegExp(
  `^(?:operations\\.kubeedge\\.io/v1alpha2/(${jobKinds.join("|")})|upgrade)/([^/]+)/node/([^/]+)$`,
);

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
