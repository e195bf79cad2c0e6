/** A container is made: its image is pulled when it is wanted, warnings are told, its id is written where it is wanted. */
import { open, rm } from "node:fs/promises";
import { SampanError } from "../../../base/errors.ts";
import { familiarName, normalName, parseReference } from "../../../spec/image/reference.ts";
import type { CreateBody } from "../../../spec/docker/create.ts";
import type { DaemonClient } from "../../client/daemon.ts";
import { given } from "../../flags/shared.ts";
import type { Io } from "../../io.ts";
import { showProgress } from "../../progress/progress.ts";
import { printable } from "../../text/identifier.ts";
import type { CreateFlags } from "./body.ts";

type MakeFlags = Pick<CreateFlags, "name" | "platform" | "pull" | "quiet" | "cidfile">;

/** Gives the new container's id. */
export async function makeContainer(
  daemon: DaemonClient,
  body: CreateBody,
  { flags, io }: { flags: MakeFlags; io: Io },
): Promise<string> {
  await using idFile = flags.cidfile === undefined ? undefined : await newFile(flags.cidfile);
  const image = body.Image ?? "";
  const create = () =>
    daemon.createContainer(body, {
      signal: io.signal,
      ...given("name", flags.name),
      ...given("platform", flags.platform),
    });
  if (flags.pull === "always") await pullImage(daemon, image, { flags, io });
  const { Id, Warnings } = await create().catch(async (error: unknown) => {
    if ((flags.pull ?? "missing") !== "missing" || !isMissingImage(error)) throw error;
    if (!flags.quiet) await io.err.write(`Unable to find image '${shown(image)}' locally\n`);
    await pullImage(daemon, image, { flags, io });
    return create();
  });
  for (const warning of Warnings ?? []) await io.err.write(`WARNING: ${printable(warning)}\n`);
  await idFile?.keep(Id);
  return Id;
}

function shown(image: string): string {
  try {
    return familiarName(normalName(parseReference(image)));
  } catch {
    return printable(image);
  }
}

function isMissingImage(error: unknown): boolean {
  const { code, message } = SampanError.from(error);
  return code === "not_found" && /no such image|image.*not found|there is no image/i.test(message);
}

async function pullImage(
  daemon: DaemonClient,
  image: string,
  { flags, io }: { flags: MakeFlags; io: Io },
): Promise<void> {
  await using progress = showProgress(io, { quiet: flags.quiet, to: io.err });
  await daemon.pull(image, {
    signal: io.signal,
    onStep: progress.onStep,
    ...given("platform", flags.platform),
  });
}

/** Made before the container, so that it cannot fail behind it; taken away again when there is no container. */
async function newFile(path: string): Promise<AsyncDisposable & { keep: (id: string) => Promise<void> }> {
  const file = await open(path, "wx").catch((error: Error & { code?: string }) => {
    throw new SampanError(
      error.code === "EEXIST" ? "already_exists" : "unavailable",
      error.code === "EEXIST"
        ? `cannot write --cidfile "${path}": it is there already; remove it, or see whether its container still runs`
        : `cannot write --cidfile "${path}": ${error.message}`,
      { cause: error },
    );
  });
  let kept = false;
  return {
    keep: async (id) => {
      await file.writeFile(id);
      kept = true;
    },
    [Symbol.asyncDispose]: async () => {
      await file.close();
      if (!kept) await rm(path, { force: true });
    },
  };
}
