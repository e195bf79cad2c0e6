/** The process of an exec: the container's own, with what was asked for instead. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { invalid } from "../../base/errors.ts";
import type { ExecBody } from "../../spec/docker/exec.ts";
import type { OciProcess } from "../../spec/oci/config.ts";
import { parseConfig } from "../../spec/oci/parse.ts";
import { capabilitySets, containerCapabilities } from "./capabilities.ts";
import type { ContainerInfo } from "./containers.ts";
import { containerFolder } from "./create.ts";
import type { LifeParts } from "./parts.ts";
import { mergedEnvironment } from "./process.ts";
import { readInside } from "./root-files.ts";
import { rootfsOf } from "./rootfs.ts";
import { resolveUser } from "./user.ts";

/** Errors: `invalid_argument` for a user, a folder or a word that cannot be. */
export function execProcess(engine: LifeParts, info: ContainerInfo, body: ExecBody): OciProcess {
  const base = bundleProcess(engine, info.id);
  if (body.Cmd.some((word) => word.includes("\0")))
    throw invalid(`cannot exec in container "${info.name}": a word of its command holds a NUL byte`);
  if (body.WorkingDir && !body.WorkingDir.startsWith("/"))
    throw invalid(
      `cannot exec in container "${info.name}": working directory "${body.WorkingDir}" is not absolute`,
    );
  const user = body.User ? userOf(engine, info, body.User) : undefined;
  const uid = user?.uid ?? base.user?.uid ?? 0;
  const env = [
    ...(base.env ?? []),
    ...(body.Tty ? ["TERM=xterm"] : []),
    ...(user && !hasOwnHome(info) ? [`HOME=${user.home}`] : []),
    ...(body.Env ?? []),
  ];
  return {
    ...base,
    terminal: body.Tty === true,
    args: [...body.Cmd],
    env: mergedEnvironment(env),
    ...(body.WorkingDir && { cwd: body.WorkingDir }),
    ...(user && { user: { uid, gid: user.gid, additionalGids: [...user.additionalGids] } }),
    capabilities: capabilitySets(namesOf(base, body), uid, base.capabilities?.ambient),
  };
}

function bundleProcess({ store }: LifeParts, id: string): OciProcess {
  const text = readFileSync(join(containerFolder(store.root, id), "config.json"), "utf8");
  const { consoleSize: _size, ...process } = parseConfig(text).process;
  return process;
}

/** By the files of the container as they are now, read as a stranger's. */
function userOf(engine: LifeParts, { id, extras }: ContainerInfo, text: string) {
  const rootfs = rootfsOf(engine, id);
  const policy = extras.supplementalGroupsPolicy;
  return resolveUser(text, readInside(rootfs, "etc/passwd"), readInside(rootfs, "etc/group"), {
    ...(policy && { policy }),
  });
}

function hasOwnHome({ body, imageConfig }: ContainerInfo): boolean {
  return [...(imageConfig.Env ?? []), ...(body.Env ?? [])].some((word) => word.startsWith("HOME="));
}

function namesOf(base: OciProcess, { Privileged }: ExecBody): readonly string[] {
  if (!Privileged) return base.capabilities?.bounding ?? [];
  const digits = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return containerCapabilities({ Privileged: true }, BigInt(`0x${digits ?? "0"}`));
}
