/** The helper process: does one thing at a time for the engine that started it, and ends with it. Its requests and answers: _frames.ts. */
import { SampanError } from "../../base/errors.ts";
import * as fs from "../../kernel/fs.ts";
import { O } from "../../kernel/linux.ts";
import { done } from "./_failure.ts";
import { frame, FrameReader, type FromWorker, type ToWorker } from "./_frames.ts";
import { Job } from "./_job.ts";
import { removeTree } from "./remove.ts";
import type { Unpacked, UnpackRequest } from "./unpack.ts";

/** Runs until its input ends; the exit status. */
export async function unpackWorker(): Promise<number> {
  fs.dieWithParent();
  process.umask(0);
  // A terminal's ^C comes to the whole group: who started this decides what it means, and ends this process by its input's end.
  process.on("SIGINT", () => {});
  const reader = new FrameReader<ToWorker>();
  const worker = new Worker();
  for await (const bytes of process.stdin)
    for (const message of reader.take(bytes as Buffer)) worker.take(message);
  return 0;
}

class Worker {
  #job: Job | undefined;

  take(message: ToWorker): void {
    switch (message.verb) {
      case "unpack":
        return void this.#answer(() => this.#unpack(message.request));
      case "sync":
        return void this.#answer(async () => sync(message.path));
      case "remove":
        return void this.#answer(async () => removeTree(message.path));
      // What comes for a job that has failed meanwhile finds none.
      case "available":
        return this.#job?.available(message.size);
      case "end":
        return this.#job?.end();
      case "restart":
        return this.#job?.restart();
    }
  }

  async #unpack(request: UnpackRequest): Promise<Unpacked> {
    this.#job = new Job(request, () => say({ answer: "restarted" }));
    try {
      return await this.#job.run();
    } finally {
      this.#job = undefined;
    }
  }

  async #answer(work: () => Promise<Unpacked | void>): Promise<void> {
    try {
      const unpacked = await work();
      say(unpacked ? { answer: "done", unpacked } : { answer: "done" });
    } catch (error) {
      const { code, message } = SampanError.from(error);
      say({ answer: "failed", code, message });
    }
  }
}

function say(message: FromWorker): void {
  process.stdout.write(frame(message));
}

function sync(path: string): void {
  const fd = done(fs.openAt(fs.at.FDCWD, fs.byteString(path), O.RDONLY | O.DIRECTORY), `open "${path}"`);
  try {
    done(fs.syncFileSystem(fd), `sync the file system of "${path}"`);
  } finally {
    fs.close(fd);
  }
}
