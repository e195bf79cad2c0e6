import { join } from "node:path";

/** The administrator's kubeconfig, written by the server itself. */
export function adminPath(root: string): string {
  return join(root, "admin.kubeconfig");
}
