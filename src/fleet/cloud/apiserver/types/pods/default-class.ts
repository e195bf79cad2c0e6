/** Which priority class is the one for pods that name none. */
import type { Remembered } from "../fields/remembered.ts";

export const globalDefault: Remembered = {
  of: "scheduling.k8s.io/priorityclasses",
  at: { resource: "defaults/priorityclasses", name: "global" },
  isMeant: (object) => object.globalDefault === true,
};
