import type { OciConfig, OciProcess, OciResources } from "./config.ts";
import type { Fault, ShapeOf } from "./_shape.ts";
import { invalid } from "../../base/errors.ts";
import { hooksShape } from "./_hooks.ts";
import { findLinuxFault, linuxShape, namespacesOf } from "./_linux.ts";
import { findMountFault, mountShape, rootShape } from "./_mounts.ts";
import { findNamespaceFault } from "./_namespaces.ts";
import { findProcessFault, processShape } from "./_process.ts";
import { findResourcesFault, resourcesShape } from "./_resources.ts";
import { findSeccompFault, isNoFilter } from "./_seccomp.ts";
import { findFault, isObject, text, textMap } from "./_shape.ts";
import { parseConfig } from "./parse.ts";

/**
 * Any version 1 is taken: within a major version the specification is compatible both ways, and runc looks at no
 * version at all. Pre-releases like 1.0.2-dev are common.
 */
const version =
  /^1\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;

const configShape: ShapeOf<OciConfig> = {
  is: "object",
  fields: {
    ociVersion: { is: "text", like: version, wanted: "a version 1.x.y" },
    root: rootShape,
    mounts: { is: "list", of: mountShape },
    process: processShape,
    hostname: text,
    domainname: text,
    hooks: hooksShape,
    annotations: textMap,
    linux: linuxShape,
  },
  needs: ["ociVersion", "root", "process"],
};

/**
 * The text of a config.json, parsed and checked in full.
 * @throws SampanError invalid_argument that names the field and the value.
 */
export function loadConfig(source: string): OciConfig {
  const config = validateConfig(parseConfig(source));
  checkRules(config);
  return config;
}

/**
 * Checks types, ranges and closed sets of names, field by field. Unknown properties are passed over. Properties that
 * are null, and names that may be empty and are, are removed from `value`: they count as left out.
 * @throws SampanError invalid_argument that names the field and the value.
 */
export function validateConfig(value: unknown): OciConfig {
  if (isObject(value) && isObject(value["linux"]) && isNoFilter(value["linux"]["seccomp"])) {
    delete value["linux"]["seccomp"];
  }
  refuse("config.json", findFault(value, configShape));
  return value as OciConfig;
}

/**
 * Checks the rules between fields that need no look at the host: config.md and config-linux.md, and what runc refuses.
 * @throws SampanError invalid_argument that names the field and the value.
 */
export function checkRules(config: OciConfig): void {
  refuse("config.json", findRuleFault(config));
}

function findRuleFault(config: OciConfig): Fault | undefined {
  const { linux = {}, process } = config;
  const namespaces = namespacesOf(config);
  if (!(namespaces instanceof Map)) return namespaces;
  return (
    within(".process", findProcessFault(process)) ??
    within(".linux", findLinuxFault(linux)) ??
    within(".linux.resources", findResourcesFault(linux.resources ?? {})) ??
    within(".linux.seccomp", linux.seccomp && findSeccompFault(linux.seccomp)) ??
    findMountFault(config) ??
    findNamespaceFault(config, namespaces)
  );
}

/**
 * A process document on its own, as `exec --process` reads it: shape and rules.
 * @throws SampanError invalid_argument that names the field and the value.
 */
export function validateProcess(value: unknown): OciProcess {
  refuse("process.json", findFault(value, processShape) ?? findProcessFault(value as OciProcess));
  return value as OciProcess;
}

/**
 * A resources document on its own, as `update --resources` reads it: shape and rules.
 * @throws SampanError invalid_argument that names the field and the value.
 */
export function validateResources(value: unknown): OciResources {
  refuse("resources", findFault(value, resourcesShape) ?? findResourcesFault(value as OciResources));
  return value as OciResources;
}

function within(at: string, fault: Fault | undefined): Fault | undefined {
  return fault && { at: at + fault.at, is: fault.is };
}

function refuse(document: string, fault: Fault | undefined): void {
  if (fault === undefined) return;
  const place = fault.at === "" ? "the document" : fault.at.replace(/^\./, "");
  throw invalid(`cannot use ${document}: ${place}: ${fault.is}`);
}
