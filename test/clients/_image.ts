/** busybox as an archive of Docker's, which `docker load` and POST /images/load read: a link for each command, two users, and nothing else. */
import { makeImage } from "../images/image.ts";
import { tar } from "../images/tar.ts";

const passwd = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n";

export async function busyboxArchive(name: string, Cmd: readonly string[] = ["sh"]): Promise<Uint8Array> {
  const busybox = Bun.which("busybox") ?? "/bin/busybox";
  const list = Bun.spawnSync([busybox, "--list"]).stdout.toString().trim().split("\n");
  const folders = ["bin/", "etc/", "root/", "home/", "home/user/", "var/"];
  const image = makeImage({
    format: "docker",
    layers: [
      [
        ...folders.map((folder) => ({ name: folder, type: "directory" as const, mode: 0o755 })),
        { name: "tmp/", type: "directory", mode: 0o1777 },
        { name: "bin/busybox", content: await Bun.file(busybox).bytes(), mode: 0o755 },
        ...list
          .filter((applet) => applet !== "busybox")
          .map((applet) => ({ name: `bin/${applet}`, type: "symlink" as const, target: "busybox" })),
        { name: "etc/passwd", content: passwd, mode: 0o644 },
        { name: "etc/group", content: "root:x:0:\nuser:x:1000:\n", mode: 0o644 },
      ],
    ],
    config: { Cmd: [...Cmd], Env: ["PATH=/bin"] },
  });
  const layers = image.layers.map(({ descriptor, bytes }) => ({
    file: `${descriptor.digest.slice(7)}.tar`,
    bytes,
  }));
  const manifest = [{ Config: "config.json", RepoTags: [name], Layers: layers.map(({ file }) => file) }];
  return tar([
    { name: "manifest.json", content: JSON.stringify(manifest) },
    { name: "config.json", content: image.config.bytes },
    ...layers.map(({ file, bytes }) => ({ name: file, content: bytes })),
  ]);
}
