/** A registry as a process, for a daemon in a network namespace of its own: prints its host and serves until its standard input ends. */
import { mockRegistry } from "../pull/mock-registry.ts";
import { makeImage } from "../images/image.ts";

const image = makeImage({
  layers: ["a", "b", "c"].map((name) => [
    { name: `${name}/`, type: "directory" as const },
    ...Array.from({ length: 20 }, (_, i) => ({ name: `${name}/${i}`, content: `${name}${i}`.repeat(5000) })),
  ]),
});

await using registry = mockRegistry({ image });
console.log(registry.host);
for await (const _ of Bun.stdin.stream());
