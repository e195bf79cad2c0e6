/** `sampan update`. */
import { any, define } from "../command.ts";
import { forEach } from "../each.ts";
import { printable } from "../text/identifier.ts";
import { createFlags } from "./create/flags.ts";
import { parseRestart } from "./create/health.ts";
import { resourcesOf } from "./create/resources.ts";

const { memory, cpus, restart } = createFlags;

export const command = define({
  summary: "Change the limits of one or more containers, also while they run",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    memory,
    cpus,
    restart,
    "memory-swap": createFlags["memory-swap"],
    "memory-reservation": createFlags["memory-reservation"],
    "kernel-memory": createFlags["kernel-memory"],
    "cpu-shares": createFlags["cpu-shares"],
    "cpu-period": createFlags["cpu-period"],
    "cpu-quota": createFlags["cpu-quota"],
    "cpu-rt-period": createFlags["cpu-rt-period"],
    "cpu-rt-runtime": createFlags["cpu-rt-runtime"],
    "cpuset-cpus": createFlags["cpuset-cpus"],
    "cpuset-mems": createFlags["cpuset-mems"],
    "pids-limit": createFlags["pids-limit"],
    "blkio-weight": createFlags["blkio-weight"],
  },
  words: { least: 1, most: any },
  examples: [
    ["update -m 512m --memory-swap 512m web", "A memory limit"],
    ["update --restart unless-stopped web db", "A restart policy"],
  ],
  run: async ({ flags, words, daemon: open, ...io }) => {
    const body = {
      ...resourcesOf(flags),
      ...(flags.restart === undefined ? {} : { RestartPolicy: parseRestart(flags.restart) }),
    };
    const daemon = await open();
    return forEach(io, words, {
      verb: async (container) => {
        const { Warnings } = await daemon.updateContainer(container, body);
        await io.out.write(`${container}\n`);
        for (const warning of Warnings ?? []) await io.err.write(`WARNING: ${printable(warning)}\n`);
      },
    });
  },
});
