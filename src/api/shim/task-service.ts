/** containerd's Task service, versions 2 and 3, which have the same messages: each call is one of the task's. */
import { EmptySchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { statSync } from "node:fs";
import { invalid, SampanError } from "../../base/errors.ts";
import { parseDocument } from "../../spec/oci/parse.ts";
import { validateResources } from "../../spec/oci/validate.ts";
import { ProcessDetailsSchema } from "../../wire/containerd/runc_pb.ts";
import * as messages from "../../wire/containerd/task_pb.ts";
import { type Services, unary } from "../../wire/ttrpc/server.ts";
import { ociJson, packed } from "./any.ts";
import { places } from "./bundle.ts";
import type { Publisher } from "./events.ts";
import { checkOptions, shimOptions } from "./options.ts";
import { Task, type TaskHost } from "./task.ts";

export interface TaskServiceParts extends TaskHost {
  readonly publisher: Publisher;
  readonly tasks: Map<string, Task>;
  /** containerd needs this shim no longer. */
  readonly shutdown: () => void;
}

const nothing = {};
const names = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/;

function checkName(name: string, what: string): void {
  if (!names.test(name)) throw invalid(`cannot use ${what} "${name}": wanted letters, digits and _ - .`);
}

export function taskServices(parts: TaskServiceParts): Services {
  const methods = taskMethods(parts);
  return { "containerd.task.v2.Task": methods, "containerd.task.v3.Task": methods };
}

function taskMethods({ tasks, publisher, shutdown, ...host }: TaskServiceParts): Services[string] {
  const creating = new Set<string>();
  const find = (id: string): Task => {
    const task = tasks.get(id);
    if (task) return task;
    throw new SampanError("not_found", `container "${id}" was not created here`);
  };

  const create = async (
    request: messages.CreateTaskRequest,
    signal: AbortSignal,
  ): Promise<{ pid: number }> => {
    const { id, bundle, rootfs, terminal, stdin, stdout, stderr, checkpoint } = request;
    checkName(id, "container id");
    if (checkpoint !== "") throw noCheckpoints("restore");
    if (!bundle.startsWith("/") || !statSync(bundle, { throwIfNoEntry: false })?.isDirectory())
      throw invalid(`cannot create container "${id}": bundle "${bundle}" is no folder`);
    if (tasks.has(id) || creating.has(id))
      throw new SampanError("already_exists", `cannot create container "${id}": it is there already`);
    checkOptions(request.options);
    const options = shimOptions(request.options);
    const io = { terminal, stdin, stdout, stderr };
    creating.add(id);
    try {
      const task = await Task.create({ ...host, publisher }, { id, bundle, rootfs, options, ...io }, signal);
      tasks.set(id, task);
      const { pid } = task.init.record;
      const mounts = rootfs.map(({ type, source, target, options }) => ({ type, source, target, options }));
      publisher.publish("/tasks/create", { containerId: id, bundle, rootfs: mounts, io, checkpoint, pid });
      return { pid };
    } finally {
      creating.delete(id);
    }
  };

  const { Status } = messages;
  const statusOf = async (task: Task, execId: string): Promise<messages.Status> => {
    const { record, exit } = task.process(execId);
    if (exit) return Status.STOPPED;
    if (execId !== "") return record.pid > 0 ? Status.RUNNING : Status.CREATED;
    const state = await task.runtime.state(task.id);
    const known = {
      created: Status.CREATED,
      running: Status.RUNNING,
      paused: Status.PAUSED,
      // Its monitor has not yet said how it ended: until then nobody can be told.
      stopped: Status.RUNNING,
    } as const;
    return state ? known[state.status] : Status.UNKNOWN;
  };

  return {
    State: unary(messages.StateRequestSchema, messages.StateResponseSchema, async ({ id, execId }) => {
      const task = find(id);
      const { record, exit } = task.process(execId);
      const { pid, terminal, stdin, stdout, stderr } = record;
      const status = await statusOf(task, execId);
      const end = exit && { exitStatus: exit.code, exitedAt: timestampFromMs(exit.at) };
      return {
        id: record.id,
        bundle: task.bundle,
        pid,
        status,
        terminal,
        stdin,
        stdout,
        stderr,
        execId,
        ...end,
      };
    }),
    Create: unary(messages.CreateTaskRequestSchema, messages.CreateTaskResponseSchema, create),
    Start: unary(
      messages.StartRequestSchema,
      messages.StartResponseSchema,
      async ({ id, execId }, signal) => {
        const task = find(id);
        return { pid: execId === "" ? await task.start() : await task.startExec(execId, signal) };
      },
    ),
    Delete: unary(
      messages.DeleteRequestSchema,
      messages.DeleteResponseSchema,
      async ({ id, execId }, signal) => {
        const task = find(id);
        const { pid, exit } = execId === "" ? await task.delete(signal) : task.deleteExec(execId);
        if (execId === "") tasks.delete(id);
        return { pid, exitStatus: exit.code, exitedAt: timestampFromMs(exit.at) };
      },
    ),
    Pids: unary(messages.PidsRequestSchema, messages.PidsResponseSchema, async ({ id }) => {
      const task = find(id);
      const byPid = new Map([...task.execs.values()].map(({ record }) => [record.pid, record.id]));
      const pids = await task.runtime.processes(id);
      return {
        processes: pids.map((pid) => {
          const execId = byPid.get(pid);
          return { pid, ...(execId !== undefined && { info: packed(ProcessDetailsSchema, { execId }) }) };
        }),
      };
    }),
    Pause: unary(messages.PauseRequestSchema, EmptySchema, async ({ id }) => {
      await find(id).runtime.pause(id);
      publisher.publish("/tasks/paused", { containerId: id });
      return nothing;
    }),
    Resume: unary(messages.ResumeRequestSchema, EmptySchema, async ({ id }) => {
      await find(id).runtime.resume(id);
      publisher.publish("/tasks/resumed", { containerId: id });
      return nothing;
    }),
    Checkpoint: unary(messages.CheckpointTaskRequestSchema, EmptySchema, ({ id }) => {
      find(id);
      return Promise.reject(noCheckpoints("checkpoint"));
    }),
    Kill: unary(messages.KillRequestSchema, EmptySchema, async ({ id, execId, signal, all }) => {
      await find(id).kill(execId, signal, all);
      return nothing;
    }),
    Exec: unary(messages.ExecProcessRequestSchema, EmptySchema, async (request) => {
      const { id, execId, spec } = request;
      checkName(execId, "process id");
      find(id).add(execId, request, ociJson(spec, "Process"));
      return await Promise.resolve(nothing);
    }),
    ResizePty: unary(
      messages.ResizePtyRequestSchema,
      EmptySchema,
      async ({ id, execId, width: columns, height: rows }) => {
        await find(id).process(execId).resize({ rows, columns });
        return nothing;
      },
    ),
    CloseIO: unary(messages.CloseIORequestSchema, EmptySchema, async ({ id, execId, stdin }) => {
      const process = find(id).process(execId);
      if (stdin) process.closeInput();
      return await Promise.resolve(nothing);
    }),
    Update: unary(messages.UpdateTaskRequestSchema, EmptySchema, async ({ id, resources }) => {
      const text = ociJson(resources, "LinuxResources");
      await find(id).runtime.update(id, validateResources(parseDocument(text, "resources")));
      return nothing;
    }),
    Wait: unary(messages.WaitRequestSchema, messages.WaitResponseSchema, async ({ id, execId }, signal) => {
      const { code, at } = await find(id).process(execId).wait(signal);
      return { exitStatus: code, exitedAt: timestampFromMs(at) };
    }),
    Stats: unary(messages.StatsRequestSchema, messages.StatsResponseSchema, async ({ id }) => {
      const { bundle } = find(id);
      const { metricsOf } = await import("./metrics.ts");
      return { stats: metricsOf(places.runtime(bundle), id) };
    }),
    Connect: unary(messages.ConnectRequestSchema, messages.ConnectResponseSchema, async ({ id }) => {
      const taskPid = tasks.get(id)?.init.record.pid ?? 0;
      return await Promise.resolve({ shimPid: process.pid, taskPid });
    }),
    Shutdown: unary(messages.ShutdownRequestSchema, EmptySchema, async () => {
      if (tasks.size === 0 && creating.size === 0) shutdown();
      return await Promise.resolve(nothing);
    }),
  };
}

function noCheckpoints(verb: string): SampanError {
  return new SampanError(
    "unimplemented",
    `cannot ${verb} a container: that is CRIU's work, which this shim does not call`,
  );
}
