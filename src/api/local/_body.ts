/** What the command line asks, as Docker's create body. */
import type { RunRequest } from "../../spec/docker/containers.ts";
import type { CreateBody } from "../../spec/docker/create.ts";

export function createOf(request: RunRequest): { readonly body: CreateBody; readonly name?: string } {
  const { name, user, workdir, entrypoint, hostname, memory, cpus, pidsLimit, userns, runtime } = request;
  return {
    ...(name !== undefined && { name }),
    body: {
      Image: request.image,
      Env: request.env,
      Tty: request.terminal,
      OpenStdin: request.interactive,
      Labels: request.labels,
      ...(request.command.length > 0 && { Cmd: request.command }),
      ...(user !== undefined && { User: user }),
      ...(workdir !== undefined && { WorkingDir: workdir }),
      ...(entrypoint !== undefined && { Entrypoint: entrypoint }),
      ...(hostname !== undefined && { Hostname: hostname }),
      HostConfig: {
        Binds: request.volumes,
        NetworkMode: request.network,
        AutoRemove: request.remove,
        Privileged: request.privileged,
        ReadonlyRootfs: request.readonly,
        CapAdd: request.capAdd,
        CapDrop: request.capDrop,
        ...(memory !== undefined && { Memory: memory }),
        ...(cpus !== undefined && { NanoCpus: Math.round(cpus * 1e9) }),
        ...(pidsLimit !== undefined && { PidsLimit: pidsLimit }),
        ...(userns !== undefined && { UsernsMode: userns }),
        ...(runtime !== undefined && { Runtime: runtime }),
      },
    },
  };
}
