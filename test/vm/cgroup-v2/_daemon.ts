/** `sampan daemon` in the guest, and Docker's API of it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { GuestCommand } from "../command.ts";
import { driversFor } from "../drivers.ts";
import { programFiles, type GuestFile } from "../image.ts";
import type { VirtualMachine } from "../machine.ts";
import { executable, guestFolder, kernelModules } from "../place.ts";
import { sampan } from "../runtime-files.ts";

/** What networks ask of the kernel: devices, rules with maps, addresses and translation. */
const drivers = [
  "bridge",
  "veth",
  "nf_tables",
  "nft_chain_nat",
  "nft_nat",
  "nft_masq",
  "nft_ct",
  "nft_fib_inet",
  "nf_conntrack_netlink",
] as const;

const client = "/usr/lib/client.js";
/** Not before it is asked for: where there is no kernel, tests are skipped. */
const modulesWith = (more: readonly string[]) => driversFor([...drivers, ...more], kernelModules);

/** @param more drivers besides those of networks. */
export function daemonFiles(more: readonly string[] = []): GuestFile[] {
  return [
    ...programFiles(executable, sampan),
    ...programFiles("/usr/sbin/nft"),
    ...modulesWith(more).map(({ name, path }) => ({ path: `/drivers/${name}.ko`, from: path })),
    { path: client, text: readFileSync(join(guestFolder, "client.js"), "utf8"), mode: 0o644 },
    { path: "/etc/resolv.conf", text: "nameserver 127.0.0.1\n", mode: 0o644 },
  ];
}

/** @param more as it was given for the files. */
export async function loadDrivers(vm: VirtualMachine, more: readonly string[] = []): Promise<void> {
  const words = modulesWith(more)
    .map(({ name }) => `/drivers/${name}.ko`)
    .join(" ");
  const { exitCode, stderr } = await vm.shell(
    `for each in ${words}; do insmod "$each" || exit 1; done; sysctl -w net.ipv4.ip_forward=1`,
  );
  if (exitCode !== 0) throw new Error(`cannot load the drivers of networks: ${stderr}`);
}

/** Resolves when it is ready. */
export async function startDaemon(vm: VirtualMachine, more: readonly string[] = []): Promise<GuestCommand> {
  const folders = "--data-root /var/lib/sampan --run-root /run/sampan --config /dev/null";
  const words = [folders, ...more].join(" ");
  const command = vm.start(["sh", "-c", `exec ${sampan} daemon ${words} 2>&1`]);
  await command.printed(/ info ready /, 60);
  return command;
}

export interface GuestApi {
  request(method: string, path: string, body?: object | string): Promise<Uint8Array>;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: object | string): Promise<T>;
  delete(path: string): Promise<void>;
  /** Creates and starts it. */
  run(name: string, body: object): Promise<string>;
  exec(id: string, command: readonly string[]): Promise<string>;
  logs(id: string): Promise<string>;
}

/** One process in the guest asks for all: a start of it costs more than an answer. */
export async function apiIn(vm: VirtualMachine): Promise<GuestApi> {
  await vm.run(["mkfifo", "/run/requests"]);
  const relay = vm.start([sampan, client], { environment: { BUN_BE_BUN: "1" } });
  await relay.printed(/^ready$/m, 60);
  let last = 0;
  const request: GuestApi["request"] = async (method, path, body) => {
    const number = ++last;
    const text = typeof body === "object" ? JSON.stringify(body) : body;
    const line = `${JSON.stringify([number, method, path, text])}\n`;
    await vm.shell("cat >/run/requests", { input: line });
    const [, status = "", encoded = ""] = await relay.printed(
      new RegExp(`^${number} (\\d+) (.*)\n`, "m"),
      60,
    );
    const bytes = Buffer.from(encoded, "base64");
    if (/^2|^304/.test(status)) return bytes;
    throw new Error(`${method} ${path}: ${status} ${bytes.toString()}`);
  };
  const json = async <T>(method: string, path: string, body?: object | string): Promise<T> => {
    const text = Buffer.from(await request(method, path, body)).toString();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  };
  return {
    request,
    get: (path) => json("GET", path),
    post: (path, body) => json("POST", path, body),
    delete: async (path) => void (await request("DELETE", path)),
    async run(name, body) {
      const { Id } = await json<{ Id: string }>("POST", `/containers/create?name=${name}`, body);
      await request("POST", `/containers/${Id}/start`);
      return Id;
    },
    async exec(id, command) {
      const asked = { Cmd: command, AttachStdout: true, AttachStderr: true };
      const { Id } = await json<{ Id: string }>("POST", `/containers/${id}/exec`, asked);
      return textOf(await request("POST", `/exec/${Id}/start`, { Detach: false, Tty: false }));
    },
    logs: async (id) => textOf(await request("GET", `/containers/${id}/logs?stdout=1&stderr=1`)),
  };
}

/** Docker's frames: stream, three zeros, length, bytes. */
function textOf(frames: Uint8Array): string {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  let text = "";
  for (let at = 0; at + 8 <= frames.length; at += 8 + view.getUint32(at + 4))
    text += Buffer.from(frames.subarray(at + 8, at + 8 + view.getUint32(at + 4))).toString();
  return text;
}
