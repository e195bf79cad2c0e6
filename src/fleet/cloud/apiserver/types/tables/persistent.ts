export const persistent = `
PersistentVolume -- A piece of storage.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       PersistentVolumeSpec   -- What it is.
  status     PersistentVolumeStatus -- Whether it is free.

PersistentVolumeSpec
  accessModes                   [string]              atomic -- How it can be mounted.
  awsElasticBlockStore          AWSElasticBlockStoreVolumeSource
  azureDisk                     AzureDiskVolumeSource
  azureFile                     AzureFilePersistentVolumeSource
  capacity                      {Quantity}            -- Its size.
  cephfs                        CephFSPersistentVolumeSource
  cinder                        CinderPersistentVolumeSource
  claimRef                      ObjectReference       granular -- The claim that has it.
  csi                           CSIPersistentVolumeSource
  fc                            FCVolumeSource
  flexVolume                    FlexPersistentVolumeSource
  flocker                       FlockerVolumeSource
  gcePersistentDisk             GCEPersistentDiskVolumeSource
  glusterfs                     GlusterfsPersistentVolumeSource
  hostPath                      HostPathVolumeSource  -- A path of the node.
  iscsi                         ISCSIPersistentVolumeSource
  local                         LocalVolumeSource     -- A disk or folder of one node.
  mountOptions                  [string]              atomic
  nfs                           NFSVolumeSource       -- A folder of an NFS server.
  nodeAffinity                  VolumeNodeAffinity    -- The nodes that have it.
  persistentVolumeReclaimPolicy Retain|Delete|Recycle =Retain -- What happens after the claim is gone.
  photonPersistentDisk          PhotonPersistentDiskVolumeSource
  portworxVolume                PortworxVolumeSource
  quobyte                       QuobyteVolumeSource
  rbd                           RBDPersistentVolumeSource
  scaleIO                       ScaleIOPersistentVolumeSource
  storageClassName              string                -- Its class.
  storageos                     StorageOSPersistentVolumeSource
  volumeAttributesClassName     string
  volumeMode                    Block|Filesystem      =Filesystem
  vsphereVolume                 VsphereVirtualDiskVolumeSource

AzureFilePersistentVolumeSource
  readOnly        bool
  secretName*     string
  secretNamespace string
  shareName*      string

CephFSPersistentVolumeSource
  monitors*  [string] atomic
  path       string
  readOnly   bool
  secretFile string
  secretRef  SecretReference
  user       string

CinderPersistentVolumeSource
  fsType    string
  readOnly  bool
  secretRef SecretReference
  volumeID* string

CSIPersistentVolumeSource
  controllerExpandSecretRef  SecretReference
  controllerPublishSecretRef SecretReference
  driver*                    string
  fsType                     string
  nodeExpandSecretRef        SecretReference
  nodePublishSecretRef       SecretReference
  nodeStageSecretRef         SecretReference
  readOnly                   bool
  volumeAttributes           {string}
  volumeHandle*              string

FlexPersistentVolumeSource
  driver*   string
  fsType    string
  options   {string}
  readOnly  bool
  secretRef SecretReference

GlusterfsPersistentVolumeSource
  endpoints*         string
  endpointsNamespace string
  path*              string
  readOnly           bool

ISCSIPersistentVolumeSource
  chapAuthDiscovery bool
  chapAuthSession   bool
  fsType            string
  initiatorName     string
  iqn*              string
  iscsiInterface    string   =default
  lun*              int
  portals           [string] atomic
  readOnly          bool
  secretRef         SecretReference
  targetPortal*     string

LocalVolumeSource
  fsType string -- The file system.
  path*  string -- The path on the node.

VolumeNodeAffinity
  required NodeSelector

RBDPersistentVolumeSource
  fsType    string
  image*    string
  keyring   string   =/etc/ceph/keyring
  monitors* [string] atomic
  pool      string   =rbd
  readOnly  bool
  secretRef SecretReference
  user      string   =admin

ScaleIOPersistentVolumeSource
  fsType           string =xfs
  gateway*         string
  protectionDomain string
  readOnly         bool
  secretRef*       SecretReference
  sslEnabled       bool
  storageMode      string =ThinProvisioned
  storagePool      string
  system*          string
  volumeName       string

StorageOSPersistentVolumeSource
  fsType          string
  readOnly        bool
  secretRef       ObjectReference
  volumeName      string
  volumeNamespace string

PersistentVolumeStatus
  lastPhaseTransitionTime time                         -- Since when.
  message                 string                       -- Why, for people.
  phase                   Pending|Available|Bound|Released|Failed -- Where it is in its life.
  reason                  string                       -- Why, in a word.

PersistentVolumeClaim -- A wish for storage.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  spec       PersistentVolumeClaimSpec   -- What is wanted.
  status     PersistentVolumeClaimStatus -- What it was given.

PersistentVolumeClaimStatus
  accessModes                      [string]                     atomic -- How the volume can be mounted.
  allocatedResourceStatuses        {string}                     mapgranular
  allocatedResources               {Quantity}
  capacity                         {Quantity}                   -- The volume's size.
  conditions                       [PersistentVolumeClaimCondition] merge(type) map(type)
  currentVolumeAttributesClassName string
  modifyVolumeStatus               ModifyVolumeStatus
  phase                            Pending|Bound|Lost           -- Whether it has a volume.

PersistentVolumeClaimCondition
  lastProbeTime      time
  lastTransitionTime time
  message            string
  reason             string
  status             string
  type               string

ModifyVolumeStatus
  status                          string
  targetVolumeAttributesClassName string
`;
