/** Joins a container to a network or takes it out, also while it runs: then its files that name servers and addresses follow. */
import { SampanError } from "../../base/errors.ts";
import type { EndpointSettings } from "../../spec/docker/create.ts";
import { hostnameOf } from "./bundle.ts";
import type { ContainerInfo } from "./containers.ts";
import { containerFolder } from "./create.ts";
import { renewEtcFiles, type EtcFiles } from "./etc.ts";
import { etcOf } from "./live-bundle.ts";
import { linked, type Linked } from "./links.ts";
import type { LifeParts } from "./parts.ts";
import { networkMode } from "./sandbox.ts";
import { isJoined } from "./spec/namespaces.ts";

/** Errors: `invalid_argument` for one that has another container's network; those of Networks.connect. */
export async function connectContainer(
  engine: LifeParts,
  network: string,
  { reference, asked }: { readonly reference: string; readonly asked: EndpointSettings },
): Promise<void> {
  await changed(engine, reference, (info) => {
    if (isJoined(networkMode(info)))
      throw new SampanError(
        "invalid_argument",
        `cannot connect container "${info.name}" to network "${network}": container sharing network namespace with another container or host cannot be connected to any other network`,
      );
    const { id, name, body } = info;
    return engine.networks.connect(network, { id, name, hostname: hostnameOf(id, body) }, asked);
  });
}

/** Errors: those of Networks.disconnect. */
export async function disconnectContainer(
  engine: LifeParts,
  network: string,
  { reference, force }: { readonly reference: string; readonly force: boolean },
): Promise<void> {
  await changed(engine, reference, ({ id }) => engine.networks.disconnect(network, id, { force }));
}

async function changed(
  engine: LifeParts,
  reference: string,
  change: (info: ContainerInfo) => Promise<unknown>,
): Promise<void> {
  const { id } = engine.containers.get(reference);
  await engine.tasks.exclusive(id, async () => {
    const info = engine.containers.get(id);
    const before = etcFiles(engine, info);
    await change(info);
    const after = etcFiles(engine, info);
    if (before && after) renewEtcFiles(containerFolder(engine.store.root, id), before, after);
  });
}

/** Undefined while it does not run: they are written at its start. */
function etcFiles(engine: LifeParts, info: ContainerInfo): EtcFiles | undefined {
  const { id, body } = info;
  const sandbox = engine.networks.sandbox(id);
  if (!sandbox) return undefined;
  const etc = etcOf(engine, { path: sandbox.path, sandbox });
  return { body, hostname: hostnameOf(id, body), ...etc, links: linksNow(engine, info) };
}

/** One that it is linked to may have ended: then the file says something else, and stays. */
function linksNow(engine: LifeParts, info: ContainerInfo): Linked["hosts"] {
  try {
    return linked(engine, info).hosts;
  } catch (error) {
    if (["failed_precondition", "not_found"].includes(SampanError.from(error).code)) return [];
    throw error;
  }
}
