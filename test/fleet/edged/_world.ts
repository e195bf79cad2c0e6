/** Edged over a real engine, with a cloud and a store of the test's own. */
import { openMeans } from "../../../src/fleet/edge/edged/means.ts";
import { openEdged, type Edged, type EdgedOptions } from "../../../src/fleet/edge/edged/open.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { Pod, PodSpec, PodStatus } from "../../../src/spec/kubernetes/pod.ts";
import { image, World } from "../../pods/_world.ts";
import { FakeLink, FakeMeta, FakeProbes, fakeMeans } from "./fakes.ts";
import { join } from "node:path";

export { image, needs } from "../../pods/_world.ts";

export interface Opening extends Omit<EdgedOptions, "means"> {
  readonly means?: "fake" | "real";
}

export class EdgedWorld implements AsyncDisposable {
  readonly world: World;
  options: EdgedOptions = {};
  readonly link = new FakeLink();
  readonly meta = new FakeMeta();
  readonly hooks: string[] = [];
  readonly log: string[] = [];
  probes = new FakeProbes();
  edged!: Edged & AsyncDisposable;
  #controller = new AbortController();
  #isOpen = false;
  #uid = 0;

  private constructor(world: World) {
    this.world = world;
  }

  /** `real`: those of this program, in the place of fakes. */
  static async open({ means = "fake", ...options }: Opening = {}): Promise<EdgedWorld> {
    const opened = new EdgedWorld(await World.open());
    opened.options = { ...options, ...(means === "real" && { means: openMeans }) };
    await opened.start();
    return opened;
  }

  async start(): Promise<void> {
    const { engine } = this.world;
    this.#controller = new AbortController();
    this.probes = new FakeProbes();
    const resolve = (name: string) => engine.images.get(name === "busybox" ? image : name).id;
    this.edged = await openEdged(
      {
        node: "edge1",
        root: join(this.world.folder, "edge"),
        link: this.link,
        meta: this.meta,
        engine,
        clock: systemClock(),
        log: (text) => void this.log.push(text),
        signal: this.#controller.signal,
      },
      {
        ips: ["10.0.0.1"],
        manifests: join(this.world.folder, "manifests"),
        means: () => fakeMeans(resolve, this.probes, this.hooks),
        ...this.options,
      },
    );
    this.#isOpen = true;
  }

  /** Edged goes; what runs runs on. */
  async stop(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#controller.abort();
    await this.edged[Symbol.asyncDispose]();
  }

  workers() {
    return this.edged.pods();
  }

  status(uid: string | undefined): PodStatus | undefined {
    return this.workers().find(({ pod }) => pod.metadata.uid === uid)?.status;
  }

  pod(name: string, spec: Partial<PodSpec> | string, uid = `uid-${process.pid}-${this.#uid++}`): Pod {
    const whole =
      typeof spec === "string"
        ? { containers: [{ name: "main", image: "busybox", command: ["sh", "-c", spec] }] }
        : { containers: [], ...spec };
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", uid, creationTimestamp: new Date().toISOString() },
      spec: { nodeName: "edge1", terminationGracePeriodSeconds: 1, ...whole },
    };
  }

  want(pod: Pod): Pod {
    this.meta.put("pod", pod);
    return pod;
  }

  delete(pod: Pod, grace = 0): void {
    this.meta.put("pod", {
      ...pod,
      metadata: {
        ...pod.metadata,
        deletionTimestamp: new Date().toISOString(),
        deletionGracePeriodSeconds: grace,
      },
    });
  }

  /** What the cloud was told of a pod, from the first to the last. */
  all(name: string): PodStatus[] {
    return this.link
      .to(`default/podpatch/${name}`)
      .map(({ content }) => (JSON.parse(String(content)) as { status: PodStatus }).status);
  }

  told(name: string): PodStatus | undefined {
    return this.all(name).at(-1);
  }

  /** Resolves with the first such status that the cloud has been told. */
  async until(name: string, fits: (status: PodStatus) => boolean): Promise<PodStatus> {
    return await eventually(
      () => this.all(name).find(fits),
      () => `pod ${name}: ${JSON.stringify(this.told(name))}; ${this.log.join("; ")}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.world[Symbol.asyncDispose]();
  }
}

/** Looks again until it is so; what it was at last when it never is. */
export async function eventually<Result>(
  look: () => Result | undefined | Promise<Result | undefined>,
  last: () => string,
): Promise<Result> {
  const end = performance.now() + 50_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`it never came: ${last()}`);
    await Bun.sleep(5);
  }
}
