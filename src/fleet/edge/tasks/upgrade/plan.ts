/**
 * What an upgrade asks for, checked before anything is done. Every text of it is data: an image's name, a digest, a version. Such texts once went through a shell as root (CVE-2026-62371);
 * here none of them is ever an argument of a program.
 */
import { invalid, SampanError } from "../../../../base/errors.ts";
import { isRecord } from "../../../link/json.ts";
import type { UpgradeJob } from "../../../link/kinds/jobs.ts";
import type { UpgradeRequest } from "../../../link/kinds/upgrade.ts";
import { parseReference } from "../../../../spec/image/reference.ts";

export interface UpgradePlan {
  /** Without the `v` that clouds put before it. */
  readonly version: string;
  /** With the digest where one is wanted. */
  readonly image: string;
  readonly checkItems: readonly string[];
  readonly isConfirmed: boolean;
  /** Milliseconds for its download. */
  readonly timeout: number;
}

const usualTime = 300;
const mostTime = 86_400;
const tools = ["", "keadm", "sampan"];
const digestForm = /^sha256:[0-9a-f]{64}$/;

/** @throws SampanError invalid_argument that names the field, unimplemented for a tool that is not ours. */
export function planOfJob(job: UpgradeJob): UpgradePlan {
  return plan({
    version: job.version,
    image: job.image ?? "",
    digest: digestOf(job.imageDigestGatter),
    tool: job.upgradeTool ?? "",
    checkItems: job.checkItems ?? [],
    isConfirmed: job.requireConfirmation !== true,
    timeout: job.timeoutSeconds || usualTime,
  });
}

/** Of clouds to 1.20. */
export function planOfRequest(request: UpgradeRequest): UpgradePlan {
  return plan({
    version: request.Version,
    image: request.Image,
    digest: wantedDigest(request.ImageDigest ?? ""),
    tool: request.UpgradeTool,
    checkItems: [],
    isConfirmed: request.RequireConfirmation !== true,
    timeout: usualTime,
  });
}

interface Given {
  readonly version: string;
  readonly image: string;
  readonly digest: string | undefined;
  readonly tool: string;
  readonly checkItems: readonly string[];
  readonly isConfirmed: boolean;
  /** Seconds. */
  readonly timeout: number;
}

function plan({ version, image, digest, tool, timeout, ...rest }: Given): UpgradePlan {
  if (!tools.includes(tool))
    throw new SampanError("unimplemented", `cannot upgrade by tool ${JSON.stringify(tool.slice(0, 64))}`);
  if (image === "")
    throw invalid("cannot upgrade: image is not given; wanted one that holds the new program");
  return {
    ...rest,
    version: plainVersion(version),
    image: imageOf(image, { version, digest }),
    timeout: Math.min(timeout, mostTime) * 1000,
  };
}

/** `v1.2.3` and `1.2.3` are the same. */
export function plainVersion(text: string): string {
  return text.replace(/^v(?=\d)/, "");
}

function imageOf(
  text: string,
  { version, digest }: { readonly version: string; readonly digest: string | undefined },
): string {
  const { digest: own } = parseReference(text);
  if (own !== undefined && digest !== undefined && own !== digest)
    throw invalid(`cannot upgrade: the image's own digest is ${own}, wanted ${digest}`);
  const isTagged = own !== undefined || /:[^/]*$/.test(text);
  const named = isTagged ? text : `${text}:${version}`;
  const whole = digest === undefined || own !== undefined ? named : `${named}@${digest}`;
  parseReference(whole);
  return whole;
}

/** `imageDigestGatter`, spelled so: a digest, or a registry that is to be asked for one. The latter says nothing that the pull does not find out. */
function digestOf(gatter: unknown): string | undefined {
  if (gatter === undefined || gatter === null) return undefined;
  if (!isRecord(gatter)) throw invalid("cannot upgrade: imageDigestGatter is no object");
  const { value, registryAPI } = gatter;
  if (registryAPI !== undefined && registryAPI !== null)
    throw new SampanError(
      "unimplemented",
      "cannot upgrade: imageDigestGatter.registryAPI is not supported; wanted the digest itself in imageDigestGatter.value",
    );
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw invalid("cannot upgrade: imageDigestGatter.value is no text");
  return wantedDigest(value);
}

function wantedDigest(text: string): string | undefined {
  if (text === "") return undefined;
  if (!digestForm.test(text))
    throw invalid(
      `cannot upgrade: ${JSON.stringify(text.slice(0, 80))} is no digest; wanted sha256: and 64 digits`,
    );
  return text;
}
