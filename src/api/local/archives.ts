/** Calls about archives, and those that make and compare images. */
import type { Engine } from "../../engine/engine.ts";
import { mustUnpack } from "../../engine/images/may-unpack.ts";
import type { ImageDiff } from "../../spec/docker/images.ts";
import type { LongCall } from "../../spec/docker/progress.ts";
import { parsePlatform } from "../../spec/image/platform.ts";
import { familiarName } from "../../spec/image/reference.ts";
import { longOptions } from "./_steps.ts";

type Write = (bytes: Uint8Array) => Promise<void>;

async function writeAll(pieces: AsyncIterable<Uint8Array>, write: Write): Promise<void> {
  for await (const piece of pieces) await write(piece);
}

export function archiveCalls(engine: Engine) {
  return {
    async save(
      references: readonly string[],
      {
        write,
        format,
        platform,
        ...long
      }: LongCall & { format: "docker" | "oci"; platform?: string; write: Write },
    ): Promise<void> {
      const { save } = await import("../../engine/images/save.ts");
      const options = {
        format,
        ...longOptions(long, "push"),
        ...(platform === undefined ? {} : { platform }),
      };
      await writeAll(save(engine, references, options), write);
    },

    async load(
      archive: AsyncIterable<Uint8Array>,
      { platform, ...long }: LongCall & { platform?: string },
    ): Promise<readonly string[]> {
      mustUnpack("load images");
      const { load } = await import("../../engine/images/load.ts");
      const options = { ...longOptions(long), ...(platform === undefined ? {} : { platform }) };
      return (await load(engine, archive, options)).map(familiarName);
    },

    async importArchive(
      archive: AsyncIterable<Uint8Array>,
      options: LongCall & {
        reference?: string;
        changes: readonly string[];
        message?: string;
        platform?: string;
      },
    ): Promise<string> {
      mustUnpack("import an image");
      const { importArchive } = await import("../../engine/images/import.ts");
      const { reference, changes, message, platform } = options;
      return importArchive(engine, archive, {
        reference,
        changes,
        message,
        platform,
        ...longOptions(options),
      });
    },

    async exportContainer(container: string, { write, signal }: LongCall & { write: Write }): Promise<void> {
      const { exportContainer } = await import("../../engine/containers/export.ts");
      await writeAll(exportContainer(engine, container, signal), write);
    },

    async commit(
      container: string,
      options: LongCall & {
        reference?: string;
        author?: string;
        message?: string;
        changes: readonly string[];
      },
    ): Promise<string> {
      const { commit } = await import("../../engine/images/commit.ts");
      const { reference, author, message, changes } = options;
      return commit(engine, container, { reference, author, message, changes, ...longOptions(options) });
    },

    /** Of images that were loaded for keeping only, the layers are unpacked first. */
    async diffImages(a: string, b: string, options: LongCall & { platform?: string }): Promise<ImageDiff> {
      const { ensureUnpacked } = await import("../../engine/images/ensure.ts");
      const { diffImages } = await import("../../engine/images/diff.ts");
      const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
      for (const reference of [a, b])
        await ensureUnpacked(engine, engine.images.get(reference, platform), longOptions(options));
      return diffImages(engine, a, b, { platform, signal: options.signal });
    },
  };
}
