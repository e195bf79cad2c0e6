export const networking = `
NetworkPolicy -- Which traffic pods may have.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       NetworkPolicySpec

NetworkPolicySpec
  egress      [NetworkPolicyEgressRule]  atomic
  ingress     [NetworkPolicyIngressRule] atomic
  podSelector LabelSelector
  policyTypes [string]                   atomic

NetworkPolicyEgressRule
  ports [NetworkPolicyPort] atomic
  to    [NetworkPolicyPeer] atomic

NetworkPolicyPort
  endPort  int
  port     IntOrString
  protocol TCP|UDP|SCTP =TCP

NetworkPolicyPeer
  ipBlock           IPBlock
  namespaceSelector LabelSelector
  podSelector       LabelSelector

IPBlock
  cidr*  string
  except [string] atomic

NetworkPolicyIngressRule
  from  [NetworkPolicyPeer] atomic
  ports [NetworkPolicyPort] atomic
`;
