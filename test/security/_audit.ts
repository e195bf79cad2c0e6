/** What init finds about itself, for each verb that makes a process: create and start, run, run -d, exec, exec -d. */
import type { OciConfig, OciProcess } from "../../src/spec/oci/config.ts";
import type { Bundle, CallOptions, Done } from "./_bundle.ts";

export interface Audit {
  /** Open descriptors and what they lead to. */
  readonly fds: ReadonlyMap<number, string>;
  readonly cwd: string;
  /** /proc/self/status by its names. */
  readonly status: Readonly<Record<string, string>>;
  /** Standard output of the probe as it is, for what a test adds. */
  readonly text: string;
}

/** Reads what `probe audit` prints. */
export function auditOf({ status, stdout, stderr }: Done): Audit {
  if (status !== 0) throw new Error(`the probe was not run: ${stderr}`);
  const fds = new Map<number, string>();
  const fields: Record<string, string> = {};
  for (const line of stdout.split("\n").filter(Boolean)) {
    const [name = "", value = ""] = line.split("\t", 2);
    const space = value.indexOf(" ");
    if (name === "fd") fds.set(Number(value.slice(0, space)), value.slice(space + 1));
    else fields[name] = value;
  }
  return { fds, cwd: fields["cwd"] ?? "", status: fields, text: stdout };
}

export const verbs = ["run", "run -d", "create and start", "exec", "exec -d"] as const;
export type Verb = (typeof verbs)[number];

export interface AuditOptions extends CallOptions {
  /** Changes of the process that is looked at. */
  readonly process?: Partial<OciProcess>;
  readonly config?: Partial<OciConfig>;
  /** Further flags of the verb. */
  readonly flags?: readonly string[];
}

/** Runs the probe by a verb; `exec` joins a container that does nothing. */
export async function auditBy(bundle: Bundle, verb: Verb, options: AuditOptions = {}): Promise<Audit> {
  const { flags = [], ...call } = options;
  const probe: OciProcess = { ...bundle.config.process, args: ["probe", "audit"], ...options.process };
  const config = { ...bundle.config, ...options.config };
  if (verb === "exec" || verb === "exec -d") {
    const id = await bundle.start(["sleep", "1000"], options.config);
    const file = `${bundle.dir}/process.json`;
    await Bun.write(file, JSON.stringify(probe));
    const words = ["exec", ...(verb === "exec -d" ? ["-d"] : []), ...flags, "--process", file, id];
    return auditOf(await bundle.drain(words, call));
  }
  bundle.write({ ...config, process: probe });
  const id = bundle.newId();
  if (verb === "create and start")
    return auditOf(await bundle.drain(["create", ...flags, id], { ...call, afterwards: ["start", id] }));
  const words = ["run", ...(verb === "run -d" ? ["-d"] : []), ...flags, id];
  return auditOf(await bundle.drain(words, call));
}
