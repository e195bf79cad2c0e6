export const services = `
Service -- One address for several pods.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       ServiceSpec   -- What is wanted.
  status     ServiceStatus -- What a load balancer was given.

ServiceSpec
  allocateLoadBalancerNodePorts bool
  clusterIP                     string                       -- The address; None for none.
  clusterIPs                    [string]                     atomic -- The address again, one of each family.
  externalIPs                   [string]                     atomic -- Addresses from outside that lead to it.
  externalName                  string                       -- A name in DNS that stands for it.
  externalTrafficPolicy         Cluster|Local                -- Whether traffic from outside stays on the node that it came to.
  healthCheckNodePort           int                          -- Where a load balancer asks.
  internalTrafficPolicy         Cluster|Local                -- Whether traffic from inside stays on its node.
  ipFamilies                    [string]                     atomic -- IPv4, IPv6.
  ipFamilyPolicy                SingleStack|PreferDualStack|RequireDualStack -- One family or two.
  loadBalancerClass             string                       -- Who makes the load balancer.
  loadBalancerIP                string                       -- The address that is wanted of it.
  loadBalancerSourceRanges      [string]                     atomic
  ports                         [ServicePort]                merge(port) map(port,protocol) -- What it listens on.
  publishNotReadyAddresses      bool                         -- Pods that are not ready count too.
  selector                      {string}                     mapatomic -- Labels of the pods behind it.
  sessionAffinity               ClientIP|None                =None -- Whether a client stays with one pod.
  sessionAffinityConfig         SessionAffinityConfig        -- How long a client stays.
  trafficDistribution           string                       -- Which of the pods are preferred.
  type                          ClusterIP|NodePort|LoadBalancer|ExternalName =ClusterIP -- How it is reached.

ServicePort
  appProtocol string       -- What is spoken, as http.
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
  conditions   [Condition]        merge(type) map(type) -- What holds of it now.
  loadBalancer LoadBalancerStatus -- Addresses of the load balancer.

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
  subsets    [EndpointSubset] atomic -- Addresses with the same ports.

EndpointSubset
  addresses         [EndpointAddress] atomic -- Those that are ready.
  notReadyAddresses [EndpointAddress] atomic -- Those that are not.
  ports             [EndpointPort]    atomic -- Their ports.

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
