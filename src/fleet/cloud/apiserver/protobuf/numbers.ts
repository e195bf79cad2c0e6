/**
 * The numbers of fields in Kubernetes' protobuf messages, by package as in types/: a line for each message, its fields from number 1 on, `17:name` where numbers are left out.
 * `name?`: a zero counts (the field is a pointer, or always given); `name~`: a time with microseconds; `+VolumeSource`: a message whose fields stand beside the others in JSON.
 * Source: the protobuf tags of k8s.io/api and k8s.io/apimachinery v0.35 (https://github.com/kubernetes/api).
 */
export const numbers = {
  meta: `
ObjectMeta name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds? labels annotations ownerReferences finalizers 17:managedFields
ManagedFieldsEntry manager operation apiVersion time 6:fieldsType fieldsV1 subresource
OwnerReference kind? 3:name? uid? apiVersion? controller? blockOwnerDeletion?
ListMeta selfLink resourceVersion continue remainingItemCount?
LabelSelector matchLabels matchExpressions
Condition type? status? observedGeneration lastTransitionTime reason? message?
DeleteOptions gracePeriodSeconds? preconditions orphanDependents? propagationPolicy? dryRun ignoreStoreReadErrorWithClusterBreakingPotential?
Preconditions uid? resourceVersion?
Status metadata status message reason details code
StatusDetails name group kind causes retryAfterSeconds uid
StatusCause reason message field
FieldSelectorRequirement key? operator? values
LabelSelectorRequirement key? operator? values
`,
  core: `
ObjectReference kind namespace name uid apiVersion resourceVersion fieldPath
LocalObjectReference name
TypedLocalObjectReference apiGroup? kind? name?
TypedObjectReference apiGroup? kind? name? namespace?
SecretReference name namespace
Volume name? +VolumeSource
VolumeSource hostPath emptyDir gcePersistentDisk awsElasticBlockStore gitRepo secret nfs iscsi glusterfs persistentVolumeClaim rbd flexVolume cinder cephfs flocker downwardAPI fc azureFile configMap vsphereVolume quobyte azureDisk photonPersistentDisk portworxVolume scaleIO projected storageos csi ephemeral image
AWSElasticBlockStoreVolumeSource volumeID? fsType partition readOnly
AzureDiskVolumeSource diskName? diskURI? cachingMode? fsType? readOnly? kind?
AzureFileVolumeSource secretName? shareName? readOnly
CephFSVolumeSource monitors path user secretFile secretRef readOnly
CinderVolumeSource volumeID? fsType readOnly secretRef
ConfigMapVolumeSource +LocalObjectReference items defaultMode? optional?
KeyToPath key? path? mode?
CSIVolumeSource driver? readOnly? fsType? volumeAttributes nodePublishSecretRef
DownwardAPIVolumeSource items defaultMode?
DownwardAPIVolumeFile path? fieldRef resourceFieldRef mode?
ObjectFieldSelector apiVersion fieldPath?
ResourceFieldSelector containerName resource? divisor
EmptyDirVolumeSource medium sizeLimit
EphemeralVolumeSource volumeClaimTemplate
PersistentVolumeClaimTemplate metadata spec
PersistentVolumeClaimSpec accessModes resources volumeName selector storageClassName? volumeMode? dataSource dataSourceRef volumeAttributesClassName?
VolumeResourceRequirements limits requests
FCVolumeSource targetWWNs lun? fsType readOnly wwids
FlexVolumeSource driver? fsType secretRef readOnly options
FlockerVolumeSource datasetName datasetUUID
GCEPersistentDiskVolumeSource pdName? fsType partition readOnly
GitRepoVolumeSource repository? revision directory
GlusterfsVolumeSource endpoints? path? readOnly
HostPathVolumeSource path? type?
ImageVolumeSource reference pullPolicy
ISCSIVolumeSource targetPortal? iqn? lun? iscsiInterface fsType readOnly portals chapAuthDiscovery 10:secretRef chapAuthSession initiatorName?
NFSVolumeSource server? path? readOnly
PersistentVolumeClaimVolumeSource claimName? readOnly
PhotonPersistentDiskVolumeSource pdID? fsType
PortworxVolumeSource volumeID? fsType readOnly
ProjectedVolumeSource sources defaultMode?
VolumeProjection secret downwardAPI configMap serviceAccountToken clusterTrustBundle podCertificate
ClusterTrustBundleProjection name? signerName? labelSelector path? optional?
ConfigMapProjection +LocalObjectReference items 4:optional?
DownwardAPIProjection items
PodCertificateProjection signerName keyType maxExpirationSeconds? credentialBundlePath keyPath certificateChainPath userAnnotations
SecretProjection +LocalObjectReference items 4:optional?
ServiceAccountTokenProjection audience expirationSeconds? path?
QuobyteVolumeSource registry? volume? readOnly user group tenant
RBDVolumeSource monitors image? fsType pool user keyring secretRef readOnly
ScaleIOVolumeSource gateway? system? secretRef sslEnabled protectionDomain storagePool storageMode volumeName fsType readOnly
SecretVolumeSource secretName items defaultMode? optional?
StorageOSVolumeSource volumeName volumeNamespace fsType readOnly secretRef
VsphereVirtualDiskVolumeSource volumePath? fsType storagePolicyName storagePolicyID
Affinity nodeAffinity podAffinity podAntiAffinity
NodeAffinity requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution
PreferredSchedulingTerm weight? preference
NodeSelectorTerm matchExpressions matchFields
NodeSelectorRequirement key? operator? values
PodAffinity requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution
WeightedPodAffinityTerm weight? podAffinityTerm
PodAffinityTerm labelSelector namespaces topologyKey? namespaceSelector matchLabelKeys mismatchLabelKeys
PodAntiAffinity requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution
Toleration key operator value effect tolerationSeconds?
Taint key? value effect? timeAdded
TopologySpreadConstraint maxSkew? topologyKey? whenUnsatisfiable? labelSelector minDomains? nodeAffinityPolicy? nodeTaintsPolicy? matchLabelKeys
NodeSelector nodeSelectorTerms
Container name? image command args workingDir ports env resources volumeMounts livenessProbe readinessProbe lifecycle terminationMessagePath imagePullPolicy securityContext stdin stdinOnce tty envFrom terminationMessagePolicy volumeDevices startupProbe resizePolicy restartPolicy? restartPolicyRules
EnvVar name? value valueFrom
EnvVarSource fieldRef resourceFieldRef configMapKeyRef secretKeyRef fileKeyRef
ConfigMapKeySelector +LocalObjectReference key? optional?
FileKeySelector volumeName? path? key? optional?
SecretKeySelector +LocalObjectReference key? optional?
EnvFromSource prefix configMapRef secretRef
ConfigMapEnvSource +LocalObjectReference optional?
SecretEnvSource +LocalObjectReference optional?
Lifecycle postStart preStop stopSignal?
LifecycleHandler exec httpGet tcpSocket sleep
ExecAction command
HTTPGetAction path port host scheme httpHeaders
HTTPHeader name? value?
SleepAction seconds?
TCPSocketAction port host
Probe +ProbeHandler initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold terminationGracePeriodSeconds?
ProbeHandler exec httpGet tcpSocket grpc
GRPCAction port? service?
ContainerPort name hostPort containerPort? protocol hostIP
ContainerResizePolicy resourceName? restartPolicy?
ResourceRequirements limits requests claims
ResourceClaim name? request
ContainerRestartRule action exitCodes
ContainerRestartRuleOnExitCodes operator values
SecurityContext capabilities privileged? seLinuxOptions runAsUser? runAsNonRoot? readOnlyRootFilesystem? allowPrivilegeEscalation? runAsGroup? procMount? windowsOptions seccompProfile appArmorProfile
AppArmorProfile type? localhostProfile?
Capabilities add drop
SELinuxOptions user role type level
SeccompProfile type? localhostProfile?
WindowsSecurityContextOptions gmsaCredentialSpecName? gmsaCredentialSpec? runAsUserName? hostProcess?
VolumeDevice name? devicePath?
VolumeMount name? readOnly mountPath? subPath mountPropagation? subPathExpr recursiveReadOnly?
EphemeralContainer +EphemeralContainerCommon targetContainerName
EphemeralContainerCommon name? image command args workingDir ports env resources volumeMounts livenessProbe readinessProbe lifecycle terminationMessagePath imagePullPolicy securityContext stdin stdinOnce tty envFrom terminationMessagePolicy volumeDevices startupProbe resizePolicy restartPolicy? restartPolicyRules
Pod metadata spec status
PodSpec volumes containers restartPolicy terminationGracePeriodSeconds? activeDeadlineSeconds? dnsPolicy nodeSelector serviceAccountName serviceAccount nodeName hostNetwork hostPID hostIPC securityContext imagePullSecrets hostname subdomain affinity schedulerName initContainers automountServiceAccountToken? tolerations hostAliases priorityClassName priority? dnsConfig shareProcessNamespace? readinessGates runtimeClassName? enableServiceLinks? preemptionPolicy? overhead topologySpreadConstraints ephemeralContainers setHostnameAsFQDN? os hostUsers? schedulingGates resourceClaims resources hostnameOverride? workloadRef
PodDNSConfig nameservers searches options
PodDNSConfigOption name value?
HostAlias ip? hostnames
PodOS name?
PodReadinessGate conditionType?
PodResourceClaim name? 3:resourceClaimName? resourceClaimTemplateName?
PodSchedulingGate name?
PodSecurityContext seLinuxOptions runAsUser? runAsNonRoot? supplementalGroups fsGroup? runAsGroup? sysctls windowsOptions fsGroupChangePolicy? seccompProfile appArmorProfile supplementalGroupsPolicy? seLinuxChangePolicy?
Sysctl name? value?
PodTemplateSpec metadata spec
Binding metadata target
PodStatus phase conditions message reason hostIP podIP startTime containerStatuses qosClass initContainerStatuses nominatedNodeName podIPs ephemeralContainerStatuses resize resourceClaimStatuses hostIPs observedGeneration extendedResourceClaimStatus allocatedResources resources
PodCondition type? status? lastProbeTime lastTransitionTime reason message observedGeneration
ContainerStatus name? state lastState ready? restartCount? image? imageID? containerID started? allocatedResources resources volumeMounts user allocatedResourcesStatus stopSignal?
ResourceStatus name? resources
ResourceHealth resourceID? health
ContainerState waiting running terminated
ContainerStateRunning startedAt
ContainerStateTerminated exitCode? signal reason message startedAt finishedAt containerID
ContainerStateWaiting reason message
ContainerUser linux
LinuxContainerUser uid? gid? supplementalGroups
VolumeMountStatus name? mountPath? readOnly recursiveReadOnly?
PodExtendedResourceClaimStatus requestMappings resourceClaimName?
ContainerExtendedResourceRequest containerName? resourceName? requestName?
HostIP ip?
PodIP ip?
PodResourceClaimStatus name? resourceClaimName?
Node metadata spec status
NodeSpec podCIDR externalID providerID unschedulable taints configSource podCIDRs
NodeConfigSource 2:configMap
ConfigMapNodeConfigSource namespace? name? uid resourceVersion kubeletConfigKey?
NodeStatus capacity allocatable phase conditions addresses daemonEndpoints nodeInfo images volumesInUse volumesAttached config runtimeHandlers features declaredFeatures
NodeAddress type? address?
NodeCondition type? status? lastHeartbeatTime lastTransitionTime reason message
NodeConfigStatus assigned active lastKnownGood error
NodeDaemonEndpoints kubeletEndpoint
DaemonEndpoint Port?
NodeFeatures supplementalGroupsPolicy?
ContainerImage names sizeBytes
NodeSystemInfo machineID? systemUUID? bootID? kernelVersion? osImage? containerRuntimeVersion? kubeletVersion? kubeProxyVersion? operatingSystem? architecture? swap
NodeSwapStatus capacity?
NodeRuntimeHandler name? features
NodeRuntimeHandlerFeatures recursiveReadOnlyMounts? userNamespaces?
AttachedVolume name? devicePath?
Namespace metadata spec status
NamespaceSpec finalizers
NamespaceStatus phase conditions
NamespaceCondition type? status? 4:lastTransitionTime reason message
ConfigMap metadata data binaryData immutable?
Secret metadata data type stringData immutable?
ServiceAccount metadata secrets imagePullSecrets automountServiceAccountToken?
Service metadata spec status
ServiceSpec ports selector clusterIP type externalIPs 7:sessionAffinity loadBalancerIP loadBalancerSourceRanges externalName externalTrafficPolicy healthCheckNodePort publishNotReadyAddresses sessionAffinityConfig 17:ipFamilyPolicy? clusterIPs ipFamilies allocateLoadBalancerNodePorts? loadBalancerClass? internalTrafficPolicy? trafficDistribution?
ServicePort name protocol port? targetPort nodePort appProtocol?
SessionAffinityConfig clientIP
ClientIPConfig timeoutSeconds?
ServiceStatus loadBalancer conditions
LoadBalancerStatus ingress
LoadBalancerIngress ip hostname ipMode? ports
PortStatus port? protocol? error?
Endpoints metadata subsets
EndpointSubset addresses notReadyAddresses ports
EndpointAddress ip? targetRef hostname nodeName?
EndpointPort name port? protocol appProtocol?
PersistentVolume metadata spec status
PersistentVolumeSpec capacity +PersistentVolumeSource accessModes claimRef persistentVolumeReclaimPolicy storageClassName mountOptions volumeMode? nodeAffinity volumeAttributesClassName?
PersistentVolumeSource gcePersistentDisk awsElasticBlockStore hostPath glusterfs nfs rbd iscsi cinder cephfs fc flocker flexVolume azureFile vsphereVolume quobyte azureDisk photonPersistentDisk portworxVolume scaleIO local storageos csi
AzureFilePersistentVolumeSource secretName? shareName? readOnly secretNamespace?
CephFSPersistentVolumeSource monitors path user secretFile secretRef readOnly
CinderPersistentVolumeSource volumeID? fsType readOnly secretRef
CSIPersistentVolumeSource driver? volumeHandle? readOnly fsType volumeAttributes controllerPublishSecretRef nodeStageSecretRef nodePublishSecretRef controllerExpandSecretRef nodeExpandSecretRef
FlexPersistentVolumeSource driver? fsType secretRef readOnly options
GlusterfsPersistentVolumeSource endpoints? path? readOnly endpointsNamespace?
ISCSIPersistentVolumeSource targetPortal? iqn? lun? iscsiInterface fsType readOnly portals chapAuthDiscovery 10:secretRef chapAuthSession initiatorName?
LocalVolumeSource path? fsType?
VolumeNodeAffinity required
RBDPersistentVolumeSource monitors image? fsType pool user keyring secretRef readOnly
ScaleIOPersistentVolumeSource gateway? system? secretRef sslEnabled protectionDomain storagePool storageMode volumeName fsType readOnly
StorageOSPersistentVolumeSource volumeName volumeNamespace fsType readOnly secretRef
PersistentVolumeStatus phase message reason lastPhaseTransitionTime
PersistentVolumeClaim metadata spec status
PersistentVolumeClaimStatus phase accessModes capacity conditions allocatedResources 7:allocatedResourceStatuses currentVolumeAttributesClassName? modifyVolumeStatus
PersistentVolumeClaimCondition type? status? lastProbeTime lastTransitionTime reason message
ModifyVolumeStatus targetVolumeAttributesClassName status?
Event metadata involvedObject reason message source firstTimestamp lastTimestamp count type eventTime~ series action related reportingComponent? reportingInstance?
EventSeries count lastObservedTime~
EventSource component host
`,
  apps: `
Deployment metadata spec status
DeploymentSpec replicas? selector template strategy minReadySeconds revisionHistoryLimit? paused 9:progressDeadlineSeconds?
DeploymentStrategy type rollingUpdate
RollingUpdateDeployment maxUnavailable maxSurge
DeploymentStatus observedGeneration replicas updatedReplicas availableReplicas unavailableReplicas conditions readyReplicas collisionCount? terminatingReplicas?
DeploymentCondition type? status? 4:reason message lastUpdateTime lastTransitionTime
ReplicaSet metadata spec status
ReplicaSetSpec replicas? selector template minReadySeconds
ReplicaSetStatus replicas? fullyLabeledReplicas observedGeneration readyReplicas availableReplicas conditions terminatingReplicas?
ReplicaSetCondition type? status? lastTransitionTime reason message
DaemonSet metadata spec status
DaemonSetSpec selector template updateStrategy minReadySeconds 6:revisionHistoryLimit?
DaemonSetUpdateStrategy type rollingUpdate
RollingUpdateDaemonSet maxUnavailable maxSurge
DaemonSetStatus currentNumberScheduled? numberMisscheduled? desiredNumberScheduled? numberReady? observedGeneration updatedNumberScheduled numberAvailable numberUnavailable collisionCount? conditions
DaemonSetCondition type? status? lastTransitionTime reason message
ControllerRevision metadata data revision?
`,
  batch: `
Job metadata spec status
JobSpec parallelism? completions? activeDeadlineSeconds? selector manualSelector? template backoffLimit? ttlSecondsAfterFinished? completionMode? suspend? podFailurePolicy backoffLimitPerIndex? maxFailedIndexes? podReplacementPolicy? managedBy? successPolicy
PodFailurePolicy rules
PodFailurePolicyRule action? onExitCodes onPodConditions
PodFailurePolicyOnExitCodesRequirement containerName? operator? values
PodFailurePolicyOnPodConditionsPattern type? status?
SuccessPolicy rules
SuccessPolicyRule succeededIndexes? succeededCount?
JobStatus conditions startTime completionTime active succeeded failed completedIndexes uncountedTerminatedPods ready? failedIndexes? terminating?
JobCondition type? status? lastProbeTime lastTransitionTime reason message
UncountedTerminatedPods succeeded failed
`,
  discovery: `
EndpointSlice metadata endpoints ports addressType?
Endpoint addresses conditions hostname? targetRef deprecatedTopology nodeName? zone? hints
EndpointConditions ready? serving? terminating?
EndpointHints forZones forNodes
ForNode name?
ForZone name?
EndpointPort name? protocol? port? appProtocol?
`,
  events: `
Event metadata eventTime~ series reportingController reportingInstance action reason regarding related note type deprecatedSource deprecatedFirstTimestamp deprecatedLastTimestamp deprecatedCount
EventSeries count? lastObservedTime~
`,
  coordination: `
Lease metadata spec
LeaseSpec holderIdentity? leaseDurationSeconds? acquireTime~ renewTime~ leaseTransitions? strategy? preferredHolder?
`,
  node: `
RuntimeClass metadata handler? overhead scheduling
Overhead podFixed
Scheduling nodeSelector tolerations
`,
  scheduling: `
PriorityClass metadata value? globalDefault description preemptionPolicy?
`,
  storage: `
StorageClass metadata provisioner? parameters reclaimPolicy? mountOptions allowVolumeExpansion? volumeBindingMode? allowedTopologies
`,
  certificates: `
CertificateSigningRequest metadata spec status
CertificateSigningRequestSpec request username uid groups usages extra signerName? expirationSeconds?
CertificateSigningRequestStatus conditions certificate
CertificateSigningRequestCondition type? reason message lastUpdateTime lastTransitionTime status?
`,
  rbac: `
Role metadata rules
PolicyRule verbs apiGroups resources resourceNames nonResourceURLs
ClusterRole metadata rules aggregationRule
AggregationRule clusterRoleSelectors
RoleBinding metadata subjects roleRef
RoleRef apiGroup? kind? name?
Subject kind? apiGroup name? namespace
ClusterRoleBinding metadata subjects roleRef
`,
  authentication: `
TokenReview metadata spec status
TokenReviewSpec token audiences
TokenReviewStatus authenticated user error audiences
UserInfo username uid groups extra
TokenRequest metadata spec status
TokenRequestSpec audiences 3:boundObjectRef expirationSeconds?
BoundObjectReference kind apiVersion name uid
TokenRequestStatus token? expirationTimestamp
SelfSubjectReview metadata status
SelfSubjectReviewStatus userInfo
`,
  authorization: `
SelfSubjectAccessReview metadata spec status
SelfSubjectAccessReviewSpec resourceAttributes nonResourceAttributes
NonResourceAttributes path verb
ResourceAttributes namespace verb group version resource subresource name fieldSelector labelSelector
FieldSelectorAttributes rawSelector requirements
LabelSelectorAttributes rawSelector requirements
SubjectAccessReviewStatus allowed? reason evaluationError denied
SubjectAccessReview metadata spec status
SubjectAccessReviewSpec resourceAttributes nonResourceAttributes user groups extra uid
LocalSubjectAccessReview metadata spec status
SelfSubjectRulesReview metadata spec status
SelfSubjectRulesReviewSpec namespace
SubjectRulesReviewStatus resourceRules nonResourceRules incomplete? evaluationError
NonResourceRule verbs nonResourceURLs
ResourceRule verbs apiGroups resources resourceNames
`,
  policy: `
Eviction metadata deleteOptions
`,
  autoscaling: `
Scale metadata spec status
ScaleSpec replicas
ScaleStatus replicas? selector
`,
} as const;
