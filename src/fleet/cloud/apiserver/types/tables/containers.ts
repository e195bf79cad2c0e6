export const containers = `
Container -- One program of a pod.
  args                     [string]                   atomic -- Arguments; else those of the image.
  command                  [string]                   atomic -- The program; else that of the image.
  env                      [EnvVar]                   merge(name) map(name) -- Environment variables.
  envFrom                  [EnvFromSource]            atomic -- Environment variables from config maps and secrets.
  image                    string                     -- The image's reference.
  imagePullPolicy          Always|Never|IfNotPresent  -- Always for the tag latest, else IfNotPresent.
  lifecycle                Lifecycle                  -- What is run after the start and before the end.
  livenessProbe            Probe                      -- Restarts the container when it fails.
  name*                    string                     -- Unique in the pod.
  ports                    [ContainerPort]            merge(containerPort) map(containerPort,protocol) -- Ports that it listens on.
  readinessProbe           Probe                      -- Takes the pod out of services while it fails.
  resizePolicy             [ContainerResizePolicy]    atomic
  resources                ResourceRequirements       ={} -- Requests and limits.
  restartPolicy            string                     -- Always makes an init container a sidecar.
  restartPolicyRules       [ContainerRestartRule]     atomic
  securityContext          SecurityContext            -- User, privileges, capabilities.
  startupProbe             Probe                      -- Holds the other probes back until it succeeds.
  stdin                    bool                       -- Keeps the standard input open.
  stdinOnce                bool                       -- Closes the standard input after the first client.
  terminationMessagePath   string                     =/dev/termination-log -- Where a last message is read from.
  terminationMessagePolicy File|FallbackToLogsOnError =File
  tty                      bool                       -- Gives it a terminal.
  volumeDevices            [VolumeDevice]             merge(devicePath) map(devicePath) -- Block devices.
  volumeMounts             [VolumeMount]              merge(mountPath) map(mountPath) -- Where volumes appear.
  workingDir               string                     -- The directory that it starts in.

EnvVar -- An environment variable.
  name*     string       -- The variable.
  value     string       -- Its value; $(OTHER) is replaced.
  valueFrom EnvVarSource -- Where the value is taken from.

EnvVarSource
  configMapKeyRef  ConfigMapKeySelector  -- A key of a config map.
  fieldRef         ObjectFieldSelector   -- A field of the pod.
  fileKeyRef       FileKeySelector
  resourceFieldRef ResourceFieldSelector -- A request or limit of a container.
  secretKeyRef     SecretKeySelector     -- A key of a secret.

ConfigMapKeySelector atomic
  key*     string -- The key.
  name     string -- The config map.
  optional bool   -- It may be missing.

FileKeySelector atomic
  key*        string
  optional    bool
  path*       string
  volumeName* string

SecretKeySelector atomic
  key*     string -- The key.
  name     string -- The secret.
  optional bool   -- It may be missing.

EnvFromSource
  configMapRef ConfigMapEnvSource -- All keys of a config map.
  prefix       string             -- Stands before each name.
  secretRef    SecretEnvSource    -- All keys of a secret.

ConfigMapEnvSource
  name     string
  optional bool

SecretEnvSource
  name     string
  optional bool

Lifecycle
  postStart  LifecycleHandler -- Run after the start.
  preStop    LifecycleHandler -- Run before the end.
  stopSignal string           -- The signal that asks it to end.

LifecycleHandler
  exec      ExecAction    -- A command in the container.
  httpGet   HTTPGetAction -- A request to the container.
  sleep     SleepAction   -- A pause.
  tcpSocket TCPSocketAction

ExecAction
  command [string] atomic -- The command, without a shell.

HTTPGetAction
  host        string       -- The host; else the pod's address.
  httpHeaders [HTTPHeader] atomic -- Headers of the request.
  path        string       =/ -- The path of the request.
  port*       IntOrString  -- The port or its name.
  scheme      HTTP|HTTPS   =HTTP -- HTTP or HTTPS.

HTTPHeader
  name*  string
  value* string

SleepAction
  seconds* long

TCPSocketAction
  host  string      -- The host; else the pod's address.
  port* IntOrString -- The port or its name.

Probe
  exec                          ExecAction      -- A command that must end with 0.
  failureThreshold              int             =3 -- Failures in a row that count.
  grpc                          GRPCAction      -- The gRPC health service.
  httpGet                       HTTPGetAction   -- A request that must answer 200 to 399.
  initialDelaySeconds           int             -- Wait before the first.
  periodSeconds                 int             =10 -- Time between two.
  successThreshold              int             =1 -- Successes in a row that count.
  tcpSocket                     TCPSocketAction -- A port that must accept.
  terminationGracePeriodSeconds long            -- Time to end when it fails.
  timeoutSeconds                int             =1 -- Longest time of one.

GRPCAction
  port*   int    -- The port.
  service string ="" -- What is asked for.

ContainerPort -- A port of a container.
  containerPort* int          -- 1 to 65535.
  hostIP         string       -- The node's address that it is bound to.
  hostPort       int          -- The same port on the node.
  name           string       -- A name that services can use.
  protocol       TCP|UDP|SCTP =TCP

ContainerResizePolicy
  resourceName*  string
  restartPolicy* string

ResourceRequirements
  claims   [ResourceClaim] map(name)
  limits   {Quantity}      -- The most that may be used.
  requests {Quantity}      -- What is set aside; else the limits.

ResourceClaim
  name*   string
  request string

ContainerRestartRule
  action*   string
  exitCodes ContainerRestartRuleOnExitCodes

ContainerRestartRuleOnExitCodes
  operator* string
  values    [int]

SecurityContext
  allowPrivilegeEscalation bool                         -- Whether a process may gain more than its parent has.
  appArmorProfile          AppArmorProfile              -- The AppArmor profile.
  capabilities             Capabilities                 -- Capabilities more or fewer than the usual.
  privileged               bool                         -- Nearly all that root on the node may do.
  procMount                string                       -- Default hides parts of /proc, Unmasked does not.
  readOnlyRootFilesystem   bool                         -- The image's files cannot be changed.
  runAsGroup               long                         -- The group's number.
  runAsNonRoot             bool                         -- Refuses to start as root.
  runAsUser                long                         -- The user's number.
  seLinuxOptions           SELinuxOptions               -- The SELinux label.
  seccompProfile           SeccompProfile               -- Which system calls are let through.
  windowsOptions           WindowsSecurityContextOptions -- Settings of Windows.

AppArmorProfile
  localhostProfile string                       -- A profile of the node, with Localhost.
  type*            RuntimeDefault|Localhost|Unconfined -- Where the profile comes from.

Capabilities
  add  [string] atomic -- Capabilities more than the usual.
  drop [string] atomic -- Capabilities less.

SELinuxOptions
  level string
  role  string
  type  string
  user  string

SeccompProfile
  localhostProfile string                       -- A file on the node, with Localhost.
  type*            RuntimeDefault|Localhost|Unconfined -- Where the profile comes from.

WindowsSecurityContextOptions
  gmsaCredentialSpec     string
  gmsaCredentialSpecName string
  hostProcess            bool
  runAsUserName          string

VolumeDevice
  devicePath* string
  name*       string

VolumeMount -- Where a volume appears in a container.
  mountPath*        string -- The path in the container.
  mountPropagation  None|HostToContainer|Bidirectional
  name*             string -- One of the pod's volumes.
  readOnly          bool   -- No writes.
  recursiveReadOnly string
  subPath           string -- A path within the volume.
  subPathExpr       string -- The same, with $(VARIABLES).

EphemeralContainer -- A container added to a running pod.
  args                     [string]                   atomic
  command                  [string]                   atomic
  env                      [EnvVar]                   merge(name) map(name)
  envFrom                  [EnvFromSource]            atomic
  image                    string
  imagePullPolicy          Always|Never|IfNotPresent
  lifecycle                Lifecycle
  livenessProbe            Probe
  name*                    string
  ports                    [ContainerPort]            merge(containerPort) map(containerPort,protocol)
  readinessProbe           Probe
  resizePolicy             [ContainerResizePolicy]    atomic
  resources                ResourceRequirements       ={}
  restartPolicy            string
  restartPolicyRules       [ContainerRestartRule]     atomic
  securityContext          SecurityContext
  startupProbe             Probe
  stdin                    bool
  stdinOnce                bool
  targetContainerName      string                     -- Whose process namespace it joins.
  terminationMessagePath   string                     =/dev/termination-log
  terminationMessagePolicy File|FallbackToLogsOnError =File
  tty                      bool
  volumeDevices            [VolumeDevice]             merge(devicePath) map(devicePath)
  volumeMounts             [VolumeMount]              merge(mountPath) map(mountPath)
  workingDir               string
`;
