export const volumes = `
Volume -- A named directory or device that containers mount.
  awsElasticBlockStore  AWSElasticBlockStoreVolumeSource
  azureDisk             AzureDiskVolumeSource
  azureFile             AzureFileVolumeSource
  cephfs                CephFSVolumeSource
  cinder                CinderVolumeSource
  configMap             ConfigMapVolumeSource        -- Files from a config map.
  csi                   CSIVolumeSource              -- A volume of a CSI driver.
  downwardAPI           DownwardAPIVolumeSource      -- Facts about the pod as files.
  emptyDir              EmptyDirVolumeSource         -- A directory that ends with the pod.
  ephemeral             EphemeralVolumeSource        -- A claim that comes and goes with the pod.
  fc                    FCVolumeSource
  flexVolume            FlexVolumeSource
  flocker               FlockerVolumeSource
  gcePersistentDisk     GCEPersistentDiskVolumeSource
  gitRepo               GitRepoVolumeSource
  glusterfs             GlusterfsVolumeSource
  hostPath              HostPathVolumeSource         -- A path of the node.
  image                 ImageVolumeSource            -- The files of an image.
  iscsi                 ISCSIVolumeSource            -- A disk over iSCSI.
  name*                 string                       -- Unique in the pod.
  nfs                   NFSVolumeSource              -- A folder of an NFS server.
  persistentVolumeClaim PersistentVolumeClaimVolumeSource -- What a claim is bound to.
  photonPersistentDisk  PhotonPersistentDiskVolumeSource
  portworxVolume        PortworxVolumeSource
  projected             ProjectedVolumeSource        -- Several sources in one directory.
  quobyte               QuobyteVolumeSource
  rbd                   RBDVolumeSource
  scaleIO               ScaleIOVolumeSource
  secret                SecretVolumeSource           -- Files from a secret.
  storageos             StorageOSVolumeSource
  vsphereVolume         VsphereVirtualDiskVolumeSource

AWSElasticBlockStoreVolumeSource
  fsType    string
  partition int
  readOnly  bool
  volumeID* string

AzureDiskVolumeSource
  cachingMode string =ReadWrite
  diskName*   string
  diskURI*    string
  fsType      string =ext4
  kind        string =Shared
  readOnly    bool   =false

AzureFileVolumeSource
  readOnly    bool
  secretName* string
  shareName*  string

CephFSVolumeSource
  monitors*  [string] atomic
  path       string
  readOnly   bool
  secretFile string
  secretRef  LocalObjectReference
  user       string

CinderVolumeSource
  fsType    string
  readOnly  bool
  secretRef LocalObjectReference
  volumeID* string

ConfigMapVolumeSource
  defaultMode int         =420 -- The files' mode, as a decimal number.
  items       [KeyToPath] atomic -- Which keys become which files; else all.
  name        string      -- The config map.
  optional    bool        -- It may be missing.

KeyToPath
  key*  string -- The key.
  mode  int    -- The file's mode, as a decimal number.
  path* string -- The file within the volume.

CSIVolumeSource
  driver*              string
  fsType               string
  nodePublishSecretRef LocalObjectReference
  readOnly             bool
  volumeAttributes     {string}

DownwardAPIVolumeSource
  defaultMode int                     =420
  items       [DownwardAPIVolumeFile] atomic

DownwardAPIVolumeFile
  fieldRef         ObjectFieldSelector
  mode             int
  path*            string
  resourceFieldRef ResourceFieldSelector

ObjectFieldSelector atomic
  apiVersion string =v1 -- The version that the path is of.
  fieldPath* string -- The path, as metadata.name.

ResourceFieldSelector atomic
  containerName string   -- The container.
  divisor       Quantity -- The unit.
  resource*     string   -- As limits.cpu.

EmptyDirVolumeSource
  medium    string   -- Memory for a tmpfs.
  sizeLimit Quantity -- How much it may hold.

EphemeralVolumeSource
  volumeClaimTemplate PersistentVolumeClaimTemplate

PersistentVolumeClaimTemplate
  metadata ObjectMeta
  spec*    PersistentVolumeClaimSpec

PersistentVolumeClaimSpec
  accessModes               [string]                   atomic -- How it must be mountable.
  dataSource                TypedLocalObjectReference  -- What it is filled with.
  dataSourceRef             TypedObjectReference
  resources                 VolumeResourceRequirements ={} -- The size.
  selector                  LabelSelector              -- Labels that the volume must have.
  storageClassName          string                     -- The class that is wanted.
  volumeAttributesClassName string
  volumeMode                Block|Filesystem           =Filesystem
  volumeName                string                     -- The volume that it is bound to.

VolumeResourceRequirements
  limits   {Quantity} -- The most that it may have.
  requests {Quantity} -- The least that it needs.

FCVolumeSource
  fsType     string
  lun        int
  readOnly   bool
  targetWWNs [string] atomic
  wwids      [string] atomic

FlexVolumeSource
  driver*   string
  fsType    string
  options   {string}
  readOnly  bool
  secretRef LocalObjectReference

FlockerVolumeSource
  datasetName string
  datasetUUID string

GCEPersistentDiskVolumeSource
  fsType    string
  partition int
  pdName*   string
  readOnly  bool

GitRepoVolumeSource
  directory   string
  repository* string
  revision    string

GlusterfsVolumeSource
  endpoints* string
  path*      string
  readOnly   bool

HostPathVolumeSource
  path* string                       -- The path on the node.
  type  |DirectoryOrCreate|Directory|FileOrCreate|File|Socket|CharDevice|BlockDevice ="" -- What must be there, or is made.

ImageVolumeSource
  pullPolicy string
  reference  string

ISCSIVolumeSource
  chapAuthDiscovery bool
  chapAuthSession   bool
  fsType            string
  initiatorName     string
  iqn*              string
  iscsiInterface    string   =default
  lun*              int
  portals           [string] atomic
  readOnly          bool
  secretRef         LocalObjectReference
  targetPortal*     string

NFSVolumeSource
  path*    string -- The folder.
  readOnly bool   -- No writes.
  server*  string -- The server.

PersistentVolumeClaimVolumeSource
  claimName* string -- The claim, in the pod's namespace.
  readOnly   bool   -- No writes.

PhotonPersistentDiskVolumeSource
  fsType string
  pdID*  string

PortworxVolumeSource
  fsType    string
  readOnly  bool
  volumeID* string

ProjectedVolumeSource
  defaultMode int                =420 -- The files' mode, as a decimal number.
  sources     [VolumeProjection] atomic -- What is put together.

VolumeProjection
  clusterTrustBundle  ClusterTrustBundleProjection
  configMap           ConfigMapProjection          -- Files from a config map.
  downwardAPI         DownwardAPIProjection        -- Facts about the pod.
  podCertificate      PodCertificateProjection
  secret              SecretProjection             -- Files from a secret.
  serviceAccountToken ServiceAccountTokenProjection -- A token for the API.

ClusterTrustBundleProjection
  labelSelector LabelSelector
  name          string
  optional      bool
  path*         string
  signerName    string

ConfigMapProjection
  items    [KeyToPath] atomic
  name     string
  optional bool

DownwardAPIProjection
  items [DownwardAPIVolumeFile] atomic

PodCertificateProjection
  certificateChainPath string
  credentialBundlePath string
  keyPath              string
  keyType*             string
  maxExpirationSeconds int
  signerName*          string

SecretProjection
  items    [KeyToPath] atomic
  name     string
  optional bool

ServiceAccountTokenProjection
  audience          string -- Who the token is for; else the API.
  expirationSeconds long   =3600 -- How long it is valid.
  path*             string -- The file.

QuobyteVolumeSource
  group     string
  readOnly  bool
  registry* string
  tenant    string
  user      string
  volume*   string

RBDVolumeSource
  fsType    string
  image*    string
  keyring   string   =/etc/ceph/keyring
  monitors* [string] atomic
  pool      string   =rbd
  readOnly  bool
  secretRef LocalObjectReference
  user      string   =admin

ScaleIOVolumeSource
  fsType           string =xfs
  gateway*         string
  protectionDomain string
  readOnly         bool
  secretRef*       LocalObjectReference
  sslEnabled       bool
  storageMode      string =ThinProvisioned
  storagePool      string
  system*          string
  volumeName       string

SecretVolumeSource
  defaultMode int         =420 -- The files' mode, as a decimal number.
  items       [KeyToPath] atomic -- Which keys become which files; else all.
  optional    bool        -- It may be missing.
  secretName  string      -- The secret.

StorageOSVolumeSource
  fsType          string
  readOnly        bool
  secretRef       LocalObjectReference
  volumeName      string
  volumeNamespace string

VsphereVirtualDiskVolumeSource
  fsType            string
  storagePolicyID   string
  storagePolicyName string
  volumePath*       string
`;
