// Requests of the daemon in the guest, by the executable as the Bun that it is. Each line of /run/requests is one: [number, method, path, body];
// a body that begins with @ is a file. Each answer is a line: number, status, base64.
import { createReadStream, openSync } from "node:fs";
import { createInterface } from "node:readline";

async function answer([number, method, path, body]) {
  const isFile = body?.startsWith("@");
  const response = await fetch(`http://daemon${path}`, {
    method,
    unix: "/run/sampan/sampan.sock",
    keepalive: false,
    ...(body && {
      body: isFile ? Bun.file(body.slice(1)) : body,
      headers: { "content-type": isFile ? "application/x-tar" : "application/json" },
    }),
  });
  return `${number} ${response.status} ${Buffer.from(await response.bytes()).toString("base64")}\n`;
}

// For writing too: it never ends.
const input = createReadStream("", { fd: openSync("/run/requests", "r+") });
process.stdout.write("ready\n");
for await (const line of createInterface({ input })) {
  const request = JSON.parse(line);
  answer(request).then(
    (text) => process.stdout.write(text),
    (error) => process.stdout.write(`${request[0]} 0 ${Buffer.from(String(error)).toString("base64")}\n`),
  );
}
