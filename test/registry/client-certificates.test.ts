import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { needing } from "../needs.ts";
import { codeOf, image, open, plainSettings } from "./_client.ts";
import { makeCertificates } from "./certificates.ts";
import { servingImage, startMock } from "./mock.ts";

const { test } = needing({ programs: ["openssl"] });

test("a registry that wants a certificate of its clients gets the one that is set", async () => {
  using certificates = makeCertificates();
  const pem = {
    cert: readFileSync(certificates.certificate, "utf8"),
    key: readFileSync(certificates.key, "utf8"),
  };
  using mock = await startMock(servingImage(image), {
    tls: { ...pem, ca: certificates.pem, requestCert: true, rejectUnauthorized: true },
  });
  const settings = { ...plainSettings, http: false, ca: certificates.authority };
  const own = { clientCertificate: certificates.certificate, clientKey: certificates.key };
  expect(
    await codeOf(
      open({ [mock.host]: { ...settings, ...own } })
        .pulling(mock.host)
        .manifest("1"),
    ),
  ).toBe("none");
  expect(
    await codeOf(
      open({ [mock.host]: settings })
        .pulling(mock.host)
        .manifest("1"),
    ),
  ).toBe("unavailable");
});
