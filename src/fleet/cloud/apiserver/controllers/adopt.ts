/** Which of the objects that a selector matches belong to an owner, and how those come to it that nobody owns. Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/ */
import type { KubeClient, KubeObject, ResourceId } from "../../../../spec/kubernetes/kube.ts";
import { place, unlessGone } from "./controller.ts";
import type { LabelSelector } from "./kinds.ts";
import { controllerOf, controllerReference, isDeleting } from "./references.ts";
import { selects } from "./selectors.ts";

export interface Claims<Kind extends KubeObject> {
  readonly owned: readonly Kind[];
  /** Matching and without a controller. */
  readonly adopt: readonly Kind[];
  /** Owned, and no longer matching. */
  readonly release: readonly Kind[];
}

/** Sorts objects of the owner's namespace. */
export function claims<Kind extends KubeObject>(
  owner: KubeObject,
  selector: LabelSelector | undefined,
  objects: readonly Kind[],
): Claims<Kind> {
  const owned: Kind[] = [];
  const adopt: Kind[] = [];
  const release: Kind[] = [];
  for (const object of objects) {
    const controller = controllerOf(object);
    const matches = selects(selector, object.metadata.labels);
    if (controller?.uid === owner.metadata.uid) {
      if (matches) owned.push(object);
      else if (!isDeleting(owner)) release.push(object);
    } else if (!controller && matches && !isDeleting(object) && !isDeleting(owner)) adopt.push(object);
  }
  return { owned, adopt, release };
}

/** Writes the adoptions and releases. A look at the owner follows, since its informer tells of each. */
export async function writeClaims(
  client: KubeClient,
  resource: ResourceId,
  owner: KubeObject,
  { adopt, release, signal }: Claims<KubeObject> & { readonly signal: AbortSignal },
): Promise<void> {
  for (const object of adopt) {
    const references = [...(object.metadata.ownerReferences ?? []), controllerReference(owner)];
    await write(object, references);
  }
  for (const object of release) {
    const references = object.metadata.ownerReferences ?? [];
    await write(
      object,
      references.filter(({ uid }) => uid !== owner.metadata.uid),
    );
  }

  async function write(object: KubeObject, ownerReferences: readonly unknown[]): Promise<void> {
    const { uid, resourceVersion } = object.metadata;
    const patch = { metadata: { uid, resourceVersion, ownerReferences } };
    await unlessGone(
      client.patch(resource, place(object), patch, { type: "application/merge-patch+json", signal }),
    );
  }
}
