/** Network namespaces for the engine's networks, by plans for the launcher: engine/networks/door.ts is the contract, bin joins the two. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { errno } from "../../kernel/errno.ts";
import { CLONE, MS, O } from "../../kernel/linux.ts";
import { unmount } from "../../kernel/mounts.ts";
import { setLinkUp } from "../../kernel/netlink-link.ts";
import { NETLINK_NETFILTER } from "../../kernel/netlink-rules.ts";
import { launchBeside } from "./beside.ts";
import { op, type Operation, type Plan } from "./plan/operations.ts";
import { childNamespace, madeInside } from "./user-namespace.ts";

/** As engine/networks/door.ts has it; the runtime may not import the engine. */
interface LinkRequest {
  readonly message: Uint8Array;
  readonly device?: string;
  readonly indexAt?: number;
  readonly namespaceAt?: number;
  readonly tolerate?: readonly number[];
  readonly why: string;
}

type Step =
  | { readonly host: LinkRequest }
  | { readonly inside: LinkRequest }
  | { readonly rules: Pick<LinkRequest, "message" | "why"> }
  | { readonly sysctl: string; readonly value: string }
  | { readonly sysfs: string };

/** Slots of these plans. */
const at = { host: 0, namespace: 1, inside: 2, rules: 3 } as const;
const LOOPBACK = 1;

/** The engine's NamespaceDoor. */
export function namespaceDoor() {
  return {
    async make(path: string, steps: readonly Step[], user?: string): Promise<void> {
      mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
      writeFileSync(path, "", { flag: "a", mode: 0o444 });
      try {
        await launchBeside(user === undefined ? makePlan(path, steps) : userPlan(path, steps, user));
      } catch (error) {
        unmount(path);
        rmSync(path, { force: true });
        throw error;
      }
    },
    run: (path: string, steps: readonly Step[]) => execute(runPlan(path, steps)),
    async remove(path: string, steps: readonly Step[]): Promise<void> {
      if (steps.length > 0) await execute(hostPlan(steps));
      // The kernel takes what is in the namespace away by itself, later.
      unmount(path);
      rmSync(path, { force: true });
    },
    host: (steps: readonly Step[]) => execute(hostPlan(steps)),
  };
}

async function execute(parent: readonly Operation[]): Promise<void> {
  await launchBeside({ parent, middle: [], init: [] });
}

const openHost = op("netlink_open", { out: at.host }, "the host's network");

const own = "/proc/self/ns/net";

function makePlan(path: string, steps: readonly Step[]): Plan {
  const why = `network namespace "${path}"`;
  const parent = [
    openHost,
    op("unshare", { flags: CLONE.NEWNET }, why),
    op("open", { path: own, flags: O.RDONLY | O.CLOEXEC, out: at.namespace }, why),
    ...filled(path, steps, why),
  ];
  return { parent, middle: [], init: [] };
}

/** One that a user namespace owns; what is in it is made by the host's root nevertheless. */
function userPlan(path: string, steps: readonly Step[], user: string): Plan {
  const why = `network namespace "${path}"`;
  const meanwhile = [childNamespace("net", at.namespace, why)];
  const { parent, init } = madeInside({ user, flags: CLONE.NEWNET, meanwhile, why });
  const enter = op("setns", { slot: at.namespace, type: CLONE.NEWNET }, why);
  return { parent: [openHost, ...parent, enter, ...filled(path, steps, why)], middle: [], init };
}

function filled(path: string, steps: readonly Step[], why: string): Operation[] {
  return [
    op("mount", { source: own, target: path, flags: MS.BIND }, why),
    op("netlink_open", { out: at.inside }, why),
    ...operationsOf([{ inside: { message: setLinkUp(LOOPBACK), why: "the loopback device" } }, ...steps]),
  ];
}

function runPlan(path: string, steps: readonly Step[]): Operation[] {
  const why = `network namespace "${path}"`;
  return [
    openHost,
    op("open", { path, flags: O.RDONLY | O.CLOEXEC, out: at.namespace }, why),
    op("setns", { slot: at.namespace, type: CLONE.NEWNET }, why),
    op("netlink_open", { out: at.inside }, why),
    ...operationsOf(steps),
  ];
}

const hostPlan = (steps: readonly Step[]): Operation[] => [openHost, ...operationsOf(steps)];

function operationsOf(steps: readonly Step[]): Operation[] {
  return steps.flatMap((step) => {
    if ("rules" in step)
      return [
        op("netlink_open", { protocol: NETLINK_NETFILTER, out: at.rules }, step.rules.why),
        netlink(at.rules, step.rules),
      ];
    if ("sysctl" in step)
      return op("write", { path: `/proc/sys/${step.sysctl}`, data: step.value }, `sysctl ${step.sysctl}`, {
        errnos: [errno.ENOENT],
      });
    if ("sysfs" in step) {
      const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
      return op("mount", { source: "sysfs", target: step.sysfs, type: "sysfs", flags }, "sysfs");
    }
    return "host" in step ? netlink(at.host, step.host) : netlink(at.inside, step.inside);
  });
}

function netlink(slot: number, request: LinkRequest): Operation {
  return op(
    "netlink",
    {
      slot,
      // The launcher writes into it.
      message: request.message,
      ...(request.namespaceAt !== undefined && { fdAt: request.namespaceAt, fd: at.namespace }),
      ...(request.device !== undefined && { device: request.device, indexAt: request.indexAt ?? 20 }),
    },
    request.why,
    request.tolerate && { errnos: request.tolerate },
  );
}
