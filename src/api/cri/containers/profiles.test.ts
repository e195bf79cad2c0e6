import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  LinuxContainerSecurityContextSchema,
  type LinuxContainerSecurityContext,
  SecurityProfile_ProfileType as Kind,
} from "../../../wire/cri/cri_pb.ts";
import { appArmorWords, seccompWords } from "./profiles.ts";

type Init = Exclude<
  MessageInitShape<typeof LinuxContainerSecurityContextSchema>,
  LinuxContainerSecurityContext
>;
const context = (init: Init) => create(LinuxContainerSecurityContextSchema, init);
const seccomp = (init: Init) => seccompWords(context(init), (path) => `text of ${path}`)[0];
const appArmor = (init: Init) => appArmorWords(context(init))[0];

test("a filter is what the newer field says, else the older one, else none", () => {
  expect(seccompWords(undefined)).toEqual(["seccomp=unconfined"]);
  expect(seccomp({})).toBe("seccomp=unconfined");
  expect(seccomp({ seccomp: { profileType: Kind.RuntimeDefault } })).toBe("seccomp=builtin");
  expect(seccomp({ seccomp: { profileType: Kind.Unconfined }, seccompProfilePath: "runtime/default" })).toBe(
    "seccomp=unconfined",
  );
  expect(seccomp({ seccomp: { profileType: Kind.Localhost, localhostRef: "/p.json" } })).toBe(
    "seccomp=text of /p.json",
  );
  for (const path of ["runtime/default", "docker/default"])
    expect(seccomp({ seccompProfilePath: path })).toBe("seccomp=builtin");
  expect(seccomp({ seccompProfilePath: "localhost//p.json" })).toBe("seccomp=text of /p.json");
  expect(seccomp({ seccompProfilePath: "unconfined" })).toBe("seccomp=unconfined");
  expect(() => seccomp({ seccompProfilePath: "p.json" })).toThrow("p.json");
  expect(() => seccomp({ seccomp: { profileType: Kind.Localhost, localhostRef: "p.json" } })).toThrow(
    "absolute",
  );
  expect(seccomp({ privileged: true, seccomp: { profileType: Kind.RuntimeDefault } })).toBe(
    "seccomp=unconfined",
  );
});

test("AppArmor's profile is named, or the engine's own, or none", () => {
  expect(appArmor({})).toBeUndefined();
  expect(appArmor({ apparmor: { profileType: Kind.RuntimeDefault } })).toBeUndefined();
  expect(appArmor({ apparmor: { profileType: Kind.Unconfined } })).toBe("apparmor=unconfined");
  expect(appArmor({ apparmor: { profileType: Kind.Localhost, localhostRef: "mine" } })).toBe("apparmor=mine");
  expect(appArmor({ apparmorProfile: "localhost/mine" })).toBe("apparmor=mine");
  expect(appArmor({ apparmorProfile: "runtime/default" })).toBeUndefined();
  expect(() => appArmor({ apparmor: { profileType: Kind.Localhost } })).toThrow("without a name");
});

test("no name of a profile means that there is none", () => {
  for (const localhostRef of ["unconfined", "localhost/unconfined", ":root:unconfined", "mine//&unconfined"])
    expect(() => appArmor({ apparmor: { profileType: Kind.Localhost, localhostRef } })).toThrow(
      "none of the",
    );
  expect(() => appArmor({ apparmorProfile: "localhost/unconfined" })).toThrow("none of the");
  expect(appArmor({ apparmorProfile: "localhost/runc-unconfined-ish" })).toBe("apparmor=runc-unconfined-ish");
});

test("a profile is a file of some size, and there", () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-profile-"));
  const read = (localhostRef: string) =>
    seccompWords(context({ seccomp: { profileType: Kind.Localhost, localhostRef } }));
  try {
    const path = join(folder, "p.json");
    writeFileSync(path, "{}");
    expect(read(path)).toEqual(["seccomp={}"]);
    writeFileSync(path, "x".repeat((1 << 20) + 1));
    expect(() => read(path)).toThrow("at most");
    expect(() => read(folder)).toThrow("wanted a file");
    expect(() => read(join(folder, "none"))).toThrow("none");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
