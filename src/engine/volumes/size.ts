/** A limit for a volume's size, where the file system has project quotas. */
import { closeSync, constants, openSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { hasProjectQuota, limitFolder, projectUsage, setLimit } from "../../kernel/project-quota.ts";
import type { Store } from "../store/store.ts";

/** Others' projects on the same file system have lower numbers as a rule. */
const firstProject = 1_400_000_000;

/** Of an empty folder. Gives the project. Errors: `failed_precondition` where there are no quotas. */
export function limitSize({ db, root }: Store, folder: string, size: number): number {
  return withFolder(folder, (fd) => {
    if (!hasProjectQuota(fd))
      throw new SampanError(
        "failed_precondition",
        `its size cannot be limited: the file system of ${root} has no project quotas, wanted ext4 or XFS mounted with prjquota (a tmpfs of limited size: type=tmpfs, device=tmpfs, o=size=…)`,
      );
    const query = "SELECT max(project) AS last FROM volumes";
    const { last } = db.query<{ last: number | null }, []>(query).get() ?? {};
    let project = Math.max(firstProject, last ?? 0) + 1;
    while (projectUsage(fd, project) > 0) project++;
    limitFolder(fd, project, size);
    return project;
  });
}

export function unlimit(folder: string, project: number): void {
  withFolder(folder, (fd) => setLimit(fd, project, 0));
}

function withFolder<T>(folder: string, act: (fd: number) => T): T {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return act(fd);
  } finally {
    closeSync(fd);
  }
}
