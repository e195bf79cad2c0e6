# A machine of a page's own: mounts, network and processes that end with it. Called in new namespaces with the work folder, the program and the busybox archive.
set -euo pipefail
work=$1 program=$2 archive=$3
mount --make-rprivate /
mount -t tmpfs tmpfs "$work"
for folder in /etc /usr/local /var /opt; do
  mkdir -p "$work/upper$folder" "$work/work$folder"
  mount -t overlay -o "lowerdir=$folder,upperdir=$work/upper$folder,workdir=$work/work$folder" overlay "$folder"
done
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /root
# Where layers are written, nothing may lie on overlayfs itself.
for folder in sampan docker containerd containers kubelet; do
  mkdir -p "/var/lib/$folder"
  mount -t tmpfs tmpfs "/var/lib/$folder"
done
mkdir -p /run/lock /etc/docker /etc/containers /etc/sampan /usr/local/bin
touch /usr/local/bin/sampan
mount --bind "$program" /usr/local/bin/sampan
ip link set lo up
# What a caller without CAP_SYS_RESOURCE may ask for.
echo '{"oom-score-adjust": 0}' > /etc/docker/daemon.json
printf '[containers]\ndefault_ulimits = []\n[engine]\nlock_type = "file"\nevents_logger = "file"\ncgroup_manager = "cgroupfs"\n' > /etc/containers/containers.conf
echo '{"default": [{"type": "insecureAcceptAnything"}]}' > /etc/containers/policy.json
printf 'version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /run/registry\nhttp:\n  addr: 127.0.0.1:5000\n' > /run/registry.yml
docker-registry serve /run/registry.yml > /run/registry.log 2>&1 &
until skopeo copy --quiet --dest-tls-verify=false "docker-archive:$archive" docker://localhost:5000/busybox:latest 2> /run/skopeo.log; do sleep 0.1; done
export HOME=/root
cd /root
