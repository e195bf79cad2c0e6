export const services = `
Service -- One address for several pods.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       ServiceSpec
  status     ServiceStatus

ServiceSpec
  allocateLoadBalancerNodePorts bool
  clusterIP                     string                       -- The address; None for none.
  clusterIPs                    [string]                     atomic -- The address again, one of each family.
  externalIPs                   [string]                     atomic -- Addresses from outside that lead to it.
  externalName                  string                       -- A name in DNS that stands for it.
  externalTrafficPolicy         Cluster|Local
  healthCheckNodePort           int
  internalTrafficPolicy         Cluster|Local
  ipFamilies                    [string]                     atomic
  ipFamilyPolicy                SingleStack|PreferDualStack|RequireDualStack
  loadBalancerClass             string
  loadBalancerIP                string
  loadBalancerSourceRanges      [string]                     atomic
  ports                         [ServicePort]                merge(port) map(port,protocol) -- What it listens on.
  publishNotReadyAddresses      bool                         -- Pods that are not ready count too.
  selector                      {string}                     mapatomic -- Labels of the pods behind it.
  sessionAffinity               ClientIP|None                =None -- Whether a client stays with one pod.
  sessionAffinityConfig         SessionAffinityConfig
  trafficDistribution           string
  type                          ClusterIP|NodePort|LoadBalancer|ExternalName =ClusterIP -- How it is reached.

ServicePort
  appProtocol string
  name        string       -- Unique; needed where there are several.
  nodePort    int          -- The port on every node.
  port*       int          -- The port of the service.
  protocol    TCP|UDP|SCTP =TCP
  targetPort  IntOrString  -- The pods' port or its name; else the same.

SessionAffinityConfig
  clientIP ClientIPConfig

ClientIPConfig
  timeoutSeconds int

ServiceStatus
  conditions   [Condition] merge(type) map(type)
  loadBalancer LoadBalancerStatus

LoadBalancerStatus
  ingress [LoadBalancerIngress] atomic

LoadBalancerIngress
  hostname string
  ip       string
  ipMode   string
  ports    [PortStatus] atomic

PortStatus
  error    string
  port     int
  protocol string

Endpoints -- The addresses behind a service.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  subsets    [EndpointSubset] atomic

EndpointSubset
  addresses         [EndpointAddress] atomic
  notReadyAddresses [EndpointAddress] atomic
  ports             [EndpointPort]    atomic

EndpointAddress atomic
  hostname  string
  ip*       string
  nodeName  string
  targetRef ObjectReference

EndpointPort atomic
  appProtocol string
  name        string
  port*       int
  protocol    TCP|UDP|SCTP =TCP
`;
