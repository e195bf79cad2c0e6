/** Whose certificate lets in whom: decided by names alone. */
import { expect, test } from "bun:test";
import { admit, identityOf, refuseIdentity } from "../../../src/fleet/cloud/hub/admit.ts";

const subjects: readonly (readonly [subject: string, identity: ReturnType<typeof identityOf>])[] = [
  ["O=system:nodes\nCN=system:node:e1", { node: "e1" }],
  ["CN=system:node:e1.example\nO=system:nodes", { node: "e1.example" }],
  ["C=CN\nO=system:nodes\nL=Hangzhou\nST=Zhejiang\nCN=system:node:e1", { node: "e1" }],
  ["O=kubeEdge\nCN=kubeedge.io", "legacy"],
  ["O=KubeEdge\nCN=kubeedge.io", "legacy"],
  ["", undefined],
  ["CN=KubeEdge", undefined],
  ["O=KubeEdge\nCN=KubeEdge", undefined],
  ["CN=kubeedge.io", undefined],
  ["O=others\nCN=kubeedge.io", undefined],
  ["CN=system:node:e1", undefined],
  ["O=system:masters\nCN=system:node:e1", undefined],
  ["O=system:nodes\nCN=e1", undefined],
  ["O=system:nodes\nCN=system:node:", undefined],
  ["O=system:nodes\nCN=system:node:E1", undefined],
  ["O=system:nodes\nCN=system:node:../e1", undefined],
  ["O=system:nodes\nCN=system:node:e1\nCN=system:node:e2", undefined],
  ["O=system:nodes\nCN=kubeedge.io\nCN=system:node:e1", undefined],
];

test.each(subjects.map(([subject, identity]) => ({ subject, identity })))(
  "the identity of $subject",
  ({ subject, identity }) => {
    expect(identityOf(subject)).toEqual(identity);
  },
);

test("a certificate is good for its node; one that names none for any, where that is allowed", () => {
  expect(refuseIdentity({ node: "e1" }, "e1", false)).toBeUndefined();
  expect(refuseIdentity({ node: "e1" }, "e2", true)?.status).toBe(403);
  expect(refuseIdentity("legacy", "e1", false)?.status).toBe(403);
  expect(refuseIdentity("legacy", "e1", true)).toBeUndefined();
  expect(refuseIdentity(undefined, "e1", true)?.status).toBe(403);
});

const subject = "O=system:nodes\nCN=system:node:e1";

test.each([
  { why: "its own name", headers: { node_id: "e1" }, answer: { node: "e1" } },
  { why: "the usual use", headers: { node_id: "e1", connectionuse: "msg" }, answer: { node: "e1" } },
  { why: "another use", headers: { node_id: "e1", connectionuse: "str" }, answer: 400 },
  { why: "no name", headers: {}, answer: 400 },
  { why: "two names", headers: { node_id: "e1, e2" }, answer: 400 },
  { why: "a list of names", headers: { node_id: ["e1", "e1"] }, answer: 400 },
  { why: "a path", headers: { node_id: "../e1" }, answer: 400 },
  { why: "an empty name", headers: { node_id: "" }, answer: 400 },
  { why: "capitals", headers: { node_id: "E1" }, answer: 400 },
  { why: "a long name", headers: { node_id: "e".repeat(254) }, answer: 400 },
  { why: "another's name", headers: { node_id: "e2" }, answer: 403 },
])("an edge that comes with $why", ({ headers, answer }) => {
  const admission = admit({ headers, subject }, false);
  expect("status" in admission ? admission.status : admission).toEqual(answer);
});

test("without a good certificate nobody comes in, and is told what is wrong with it", () => {
  const admission = admit(
    { headers: { node_id: "e1" }, subject: undefined, fault: "CERT_HAS_EXPIRED" },
    true,
  );
  expect(admission).toEqual({ status: 401, reason: expect.stringContaining("CERT_HAS_EXPIRED") });
});
