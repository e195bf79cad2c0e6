/**
 * Upgrades of single nodes, to 1.15. Texts of such messages once went through a shell as root (CVE-2026-62371, CVE-2026-62182): each field takes what it means and no more,
 * here and in tasks.ts and jobs.ts.
 */
import { flag, line, needed, object, oneOf, optional, text, word, zero } from "../codec.ts";
import { image, nodeName, release, tool } from "./_task.ts";
import { contentOf, kind } from "./kind.ts";
import { objectName } from "./kube.ts";

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

/** The work of an upgrade; in a task too. */
export const upgrade = object<UpgradeRequest>({
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
