/** process.oomScoreAdj: written by the parent, since lowering it wants rights over the host (proc(5), CAP_SYS_RESOURCE). */
import { errno } from "../../../../kernel/errno.ts";
import { slot } from "../operations.ts";
import type { Builder } from "./context.ts";

/** With `clamp` (settings.ts) a caller without those rights gets a container with the caller's own score. */
export function writeOomScore(builder: Builder, score: number, clamp: boolean | undefined): void {
  const args = { dir: slot.childProc, path: "oom_score_adj", data: String(score) };
  const tolerate = clamp === true ? { errnos: [errno.EACCES, errno.EPERM] } : undefined;
  builder.add(builder.parent, "write", args, "process.oomScoreAdj", tolerate);
}
