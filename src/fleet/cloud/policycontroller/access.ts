/** What a ServiceAccountAccess says: policy.kubeedge.io/v1alpha1. */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { subjectsOfAccount, type Grant, type Roles } from "./roles.ts";

/** The bindings that count for a service account, with the rules of their roles, in the order of their names. */
export function accessSpec(account: KubeObject, roles: Roles): object {
  const { namespace = "", name = "", uid = "" } = account.metadata;
  const grants = [...roles.grants(subjectsOfAccount(namespace, name))].toSorted((a, b) =>
    placeOf(a) < placeOf(b) ? -1 : 1,
  );
  const ofNamespaces = grants.filter(({ namespace: of }) => of !== undefined);
  const ofCluster = grants.filter(({ namespace: of }) => of === undefined);
  return {
    serviceAccount: { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } },
    serviceAccountUid: uid,
    ...(ofNamespaces.length > 0
      ? {
          accessRoleBinding: ofNamespaces.map((grant) => ({
            roleBinding: bindingOf(grant, "RoleBinding"),
            rules: grant.rules,
          })),
        }
      : {}),
    ...(ofCluster.length > 0
      ? {
          accessClusterRoleBinding: ofCluster.map((grant) => ({
            clusterRoleBinding: bindingOf(grant, "ClusterRoleBinding"),
            rules: grant.rules,
          })),
        }
      : {}),
  };
}

function placeOf({ namespace = "", binding }: Grant): string {
  return `${namespace}/${binding.metadata.name}`;
}

function bindingOf({ binding, namespace }: Grant, kind: string): object {
  const { subjects, roleRef, metadata } = binding;
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind,
    metadata: { name: metadata.name, ...(namespace === undefined ? {} : { namespace }) },
    ...(subjects === undefined ? {} : { subjects }),
    roleRef,
  };
}
