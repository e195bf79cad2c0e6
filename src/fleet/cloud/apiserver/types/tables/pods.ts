export const pods = `
Pod -- Containers that run together on one node, with one network address.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       PodSpec   -- What is wanted.
  status     PodStatus -- What the node reports.

PodSpec
  activeDeadlineSeconds         long                         -- Ends the pod this long after its start.
  affinity                      Affinity                     -- Rules of placement: nodes, and beside or apart from other pods.
  automountServiceAccountToken  bool                         -- Whether a token of the service account is mounted.
  containers*                   [Container]                  merge(name) map(name) -- The programs; at least one.
  dnsConfig                     PodDNSConfig                 -- Resolver settings on top of dnsPolicy.
  dnsPolicy                     ClusterFirstWithHostNet|ClusterFirst|Default|None =ClusterFirst -- Where names are resolved.
  enableServiceLinks            bool                         -- Whether services appear as environment variables.
  ephemeralContainers           [EphemeralContainer]         merge(name) map(name) -- Containers added later, for debugging.
  hostAliases                   [HostAlias]                  merge(ip) map(ip) -- Lines for /etc/hosts.
  hostIPC                       bool                         -- Use the node's IPC namespace.
  hostNetwork                   bool                         -- Use the node's network.
  hostPID                       bool                         -- Use the node's process namespace.
  hostUsers                     bool                         -- False gives the pod a user namespace.
  hostname                      string                       -- The pod's host name; else its name.
  hostnameOverride              string                       -- The host name whatever else is said.
  imagePullSecrets              [LocalObjectReference]       merge(name) map(name) -- Secrets with credentials of registries.
  initContainers                [Container]                  merge(name) map(name) -- Run one after the other, before the containers.
  nodeName                      string                       -- The node; set by the scheduler.
  nodeSelector                  {string}                     mapatomic -- Labels that the node must have.
  os                            PodOS                        -- The operating system that the pod is made for.
  overhead                      {Quantity}                   -- Resources that the runtime itself takes.
  preemptionPolicy              PreemptLowerPriority|Never   -- Whether pods of lower priority may be put off.
  priority                      int                          -- Taken from priorityClassName.
  priorityClassName             string                       -- The class that gives the priority.
  readinessGates                [PodReadinessGate]           atomic -- More conditions that readiness needs.
  resourceClaims                [PodResourceClaim]           merge(name):merge,retainKeys map(name) -- Devices that are claimed for the pod.
  resources                     ResourceRequirements         -- Resources of the pod as a whole.
  restartPolicy                 Always|OnFailure|Never       =Always -- What happens when a container ends.
  runtimeClassName              string                       -- The runtime class that runs the pod.
  schedulerName                 string                       =default-scheduler -- Who picks the node.
  schedulingGates               [PodSchedulingGate]          merge(name) map(name) -- While there are any, no node is looked for.
  securityContext               PodSecurityContext           ={} -- Users, groups and kernel settings of all containers.
  serviceAccount                string                       -- The older name of serviceAccountName.
  serviceAccountName            string                       -- Who the pod is to the API.
  setHostnameAsFQDN             bool                         -- The host name is the whole name.
  shareProcessNamespace         bool                         -- One process namespace for all containers.
  subdomain                     string                       -- The part of the full host name after the host name.
  terminationGracePeriodSeconds long                         =30 -- Time between the request to end and the kill.
  tolerations                   [Toleration]                 atomic -- Taints that the pod puts up with.
  topologySpreadConstraints     [TopologySpreadConstraint]   merge(topologyKey) map(topologyKey,whenUnsatisfiable) -- How pods are spread over parts of the cluster.
  volumes                       [Volume]                     merge(name):merge,retainKeys map(name) -- What the containers can mount.

PodDNSConfig
  nameservers [string]             atomic -- Addresses of resolvers.
  options     [PodDNSConfigOption] atomic -- Options of resolv.conf.
  searches    [string]             atomic -- Domains that are tried.

PodDNSConfigOption
  name  string -- The option.
  value string -- Its value.

HostAlias
  hostnames [string] atomic
  ip*       string

PodOS
  name* string

PodReadinessGate
  conditionType* string

PodResourceClaim
  name*                     string
  resourceClaimName         string
  resourceClaimTemplateName string

PodSchedulingGate
  name* string

PodSecurityContext
  appArmorProfile          AppArmorProfile              -- The AppArmor profile of all containers.
  fsGroup                  long                         -- Group that volumes belong to.
  fsGroupChangePolicy      OnRootMismatch|Always        -- Whether the owner of all files is changed at each mount.
  runAsGroup               long                         -- The group's number.
  runAsNonRoot             bool                         -- Refuses to start as root.
  runAsUser                long                         -- The user's number.
  seLinuxChangePolicy      string
  seLinuxOptions           SELinuxOptions               -- The SELinux label of all containers.
  seccompProfile           SeccompProfile               -- Which system calls are let through.
  supplementalGroups       [long]                       atomic -- Further groups of all processes.
  supplementalGroupsPolicy Merge|Strict
  sysctls                  [Sysctl]                     atomic -- Kernel settings of the pod's namespaces.
  windowsOptions           WindowsSecurityContextOptions -- Settings of Windows.

Sysctl
  name*  string
  value* string

PodTemplateSpec -- The pods that are made.
  metadata ObjectMeta -- Labels and annotations of the pods.
  spec     PodSpec    -- What is wanted of each pod.

Binding -- Puts a pod onto a node.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  target*    ObjectReference -- The node.
`;
