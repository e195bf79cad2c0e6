/** Limits for a folder: project quotas of ext4 and XFS. ioctl_xfs_fsgetxattr(2), quotactl(2), linux/quota.h, linux/dqblk_xfs.h. */
import { ptr } from "bun:ffi";
import { systemError } from "./errno.ts";
import { lastErrno, openLibc } from "./libc.ts";

const i64 = "i64";
const load = () =>
  openLibc({
    ioctl: { args: ["i32", i64, "ptr"], returns: "i32" },
    syscall: { args: [i64, i64, i64, i64, "ptr"], returns: i64 },
  });
let library: ReturnType<typeof load> | undefined;
const libc = () => (library ??= load());

const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
/** What is made below is of the same project. */
const FS_XFLAG_PROJINHERIT = 0x200;
/** Since Linux 5.14, the same number everywhere. */
const quotactlFd = 443;
const PRJQUOTA = 2;
const Q_GETQUOTA = 0x800007;
const Q_SETQUOTA = 0x800008;
const Q_XGETQSTAT = 0x5805;
const FS_QUOTA_PDQ_ENFD = 1 << 5;
const QIF_BLIMITS = 1;

function quotactl(fd: number, command: number, id: number, bytes: Uint8Array): number {
  const result = Number(libc().syscall(quotactlFd, fd, ((command << 8) | PRJQUOTA) >>> 0, id, ptr(bytes)));
  return result < 0 ? lastErrno() : 0;
}

/** Whether the file system of this folder holds projects to their limits. */
export function hasProjectQuota(folder: number): boolean {
  const state = new Uint8Array(256);
  if (quotactl(folder, Q_XGETQSTAT, 0, state) !== 0) return false;
  return (new DataView(state.buffer).getUint16(2, true) & FS_QUOTA_PDQ_ENFD) !== 0;
}

/** Bytes that a project has on the file system of this folder. */
export function projectUsage(folder: number, project: number): number {
  const quota = new Uint8Array(72);
  if (quotactl(folder, Q_GETQUOTA, project, quota) !== 0) return 0;
  return Number(new DataView(quota.buffer).getBigUint64(16, true));
}

/** An empty folder, and all that is made in it, is of this project, which gets at most so many bytes, in whole KiB. */
export function limitFolder(folder: number, project: number, bytes: number): void {
  const attributes = new Uint8Array(28);
  if (libc().ioctl(folder, FS_IOC_FSGETXATTR, ptr(attributes)) < 0)
    throw systemError("read the project of a folder", lastErrno());
  const view = new DataView(attributes.buffer);
  view.setUint32(0, view.getUint32(0, true) | FS_XFLAG_PROJINHERIT, true);
  view.setUint32(12, project, true);
  if (libc().ioctl(folder, FS_IOC_FSSETXATTR, ptr(attributes)) < 0)
    throw systemError("set the project of a folder", lastErrno());
  setLimit(folder, project, bytes);
}

/** 0 bytes: no limit any more. */
export function setLimit(folder: number, project: number, bytes: number): void {
  const quota = new Uint8Array(72);
  const limits = new DataView(quota.buffer);
  const blocks = BigInt(Math.ceil(bytes / 1024));
  limits.setBigUint64(0, blocks, true);
  limits.setBigUint64(8, blocks, true);
  limits.setUint32(64, QIF_BLIMITS, true);
  const failed = quotactl(folder, Q_SETQUOTA, project, quota);
  if (failed !== 0) throw systemError("set the quota of a project", failed);
}
