/** What the program may use of the host, and what it sees of it. */
import { noCapabilities, refused, row, type Rows } from "./rows.ts";

/** A limit's file in the container, by its names in both versions of cgroups. */
const limit = (first: string, second: string) =>
  `cat /sys/fs/cgroup/${first} 2>/dev/null || cat /sys/fs/cgroup/${second}`;
const memory = limit("memory/memory.limit_in_bytes", "memory.max");
const pids = limit("pids/pids.max", "pids.max");

export const resources: Rows = {
  limits: [
    row(`run -m 64m box sh -c '${memory}'`, "67108864"),
    row(
      "docker create --name mem -m 64m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --pids-limit 20 box; docker inspect -f '{{with .HostConfig}}{{.Memory}} {{.MemorySwap}} {{.MemoryReservation}} {{.NanoCpus}} {{.CpuShares}} {{.CpusetCpus}} {{.PidsLimit}}{{end}}' mem; docker rm mem",
      "ID\n67108864 134217728 33554432 500000000 512 0 20\nmem",
    ),
    refused("run -m 64m --memory-swap 32m box true", "memory ?swap"),
    refused("run --memory-swap 32m box true", "memory"),
    refused("run -m 1m box true", "6 ?Mi?B"),
    refused("run -m 64m --memory-reservation 128m box true", "reservation"),
    refused("run --memory-swappiness 101 box true", "swappiness"),
    refused("run --memory nonsense box true", "nonsense"),
    row("run --oom-score-adj 500 box cat /proc/self/oom_score_adj", "500"),
    refused("run --oom-score-adj 1001 box true", "1001"),
    row("run -m 16m --memory-swap 16m box sh -c 'tail /dev/zero'", /= 137$/),
    row(
      "docker run --name oom -m 16m --memory-swap 16m box tail /dev/zero; docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom; docker rm oom",
      "true 137\noom",
    ),
    row("run --cpuset-cpus 0 box nproc", "1"),
    refused("run --cpus 1000 box true", "as (?:there|many)"),
    refused("run --cpus 0.5 --cpu-quota 1000 box true", "cpu"),
    refused("run --cpu-period 1 box true", "period"),
    refused("run --cpuset-cpus 7777 box true", "7777"),
    row(`run --pids-limit 20 box sh -c '${pids}'`, "20"),
    row(`run --pids-limit -1 box sh -c '${pids}'`, "max"),
    refused("run --device-read-bps /dev/nosuch:1mb box true", "no such file or directory"),
    refused("run --runtime nosuch box true", "runtime.*nosuch"),
    row(
      "docker run -d --name up -m 64m box sleep 100; docker update -m 32m --memory-swap 64m --cpus 0.5 --restart unless-stopped up; docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}}' up; docker exec up sh -c '" +
        memory +
        "'; docker update --cpus 1000 up; docker rm -f up",
      /^ID\nup\n33554432 500000000 unless-stopped\n33554432\nError response from daemon: .*as (?:there|many).*\nup$/,
    ),
    row("run --cgroup-parent /flags box grep -c /flags/ /proc/self/cgroup | grep -vx 0 | wc -l", "1"),
  ],
  "limits of processes": [
    row(
      "run --ulimit nofile=100:200 --ulimit core=0 box sh -c 'ulimit -n; ulimit -Hn; ulimit -c'",
      "100\n200\n0",
    ),
    refused("run --ulimit nofile=300:200 box true", "ulimit"),
    refused("run --ulimit nosuch=1 box true", "nosuch"),
    row(
      "run --sysctl net.ipv4.ip_forward=0 --sysctl kernel.msgmax=12345 box cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax",
      "0\n12345",
    ),
    refused("run --sysctl kernel.hostname=x box true", "kernel.hostname"),
    refused("run --sysctl vm.swappiness=1 box true", "vm.swappiness"),
    refused("run --sysctl kernel.msgmax=1 --ipc host box true", "kernel.msgmax"),
    refused("run --sysctl net.ipv4.ip_forward=0 --network host box true", "ip_forward"),
  ],
  "shared memory and namespaces": [
    row("run --shm-size 1m box df -k /dev/shm | awk 'NR==2 {print $2}'", "1024"),
    row("run box df -k /dev/shm | awk 'NR==2 {print $2}'", "65536"),
    refused("run --shm-size -1 box true", "size|shm"),
    row("run --ipc none box grep -c /dev/shm /proc/mounts", "0\n= 1"),
    refused("run --ipc nonsense box true", "nonsense"),
    refused(
      "run --ipc container:nosuch box true",
      "^docker: Error response from daemon: .*No such container",
    ),
    refused(
      "run --pid container:nosuch box true",
      "^docker: Error response from daemon: .*No such container",
    ),
    refused("run --pid nonsense box true", "pid ?mode"),
    row(
      "docker run -d --name ipc1 --ipc shareable box sleep 100; docker exec ipc1 touch /dev/shm/mine; run --ipc container:ipc1 box ls /dev/shm; docker rm -f ipc1",
      "ID\nmine\nipc1",
    ),
    row(
      "docker run -d --name ipc2 --ipc private box sleep 100; run --ipc container:ipc2 box true; docker rm -f ipc2",
      /^ID\n[^]*shareable[^]*ipc2$/,
    ),
    row(
      "docker run -d --name pid1 box sleep 100; run --pid container:pid1 box ps -o args | head -2; docker rm -f pid1",
      "ID\nCOMMAND\nsleep 100\npid1",
    ),
    row("run --pid host box sh -c 'test $$ -gt 20 && echo host'", "host"),
    refused("run --cgroupns nonsense box true", "cgroupns?"),
  ],
  devices: [
    row(
      "run box sh -c 'cd /dev; ls | grep -vx core | xargs echo'",
      "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero",
    ),
    row("run --device /dev/null:/dev/x:r box sh -c 'cat /dev/x && echo read'", "read"),
    refused("run --device /dev/nosuch box true", '/dev/nosuch"?: no such file or directory'),
    refused("run --device /dev/null:/dev/xx:q box true", "q|/dev/xx"),
    refused("run --device-cgroup-rule nonsense box true", "nonsense"),
    row("run --device-cgroup-rule 'c 1:3 rwm' box echo ok", "ok"),
    refused("run --gpus all box true", "gpu"),
    row("run --privileged box sh -c 'ls /dev | wc -l' | awk '{print ($1 > 20)}'", "1", noCapabilities),
  ],
  mounts: [
    row(
      'run --read-only --tmpfs /tmp:size=1m,mode=1777 --tmpfs /x:exec box sh -c \'(echo a >/f) 2>/dev/null || echo refused; echo a >/tmp/f && stat -c %a /tmp; df -k /tmp | tail -1 | awk "{print \\$2}"; grep " /x " /proc/mounts | grep -c noexec\'',
      /^refused\n1777\n1024\n0/,
    ),
    row(
      "run --mount type=tmpfs,dst=/x,tmpfs-size=65536,tmpfs-mode=1770 box sh -c 'stat -c %a /x; grep -o size=.*k /proc/mounts | grep -c =64k'",
      "1770\n1",
    ),
    refused("run --tmpfs /tmp:size=nonsense box true", "size=nonsense"),
    refused("run --mount type=bind,src=/nosuch,dst=/x box true", "bind source path does not exist: /nosuch"),
    refused("run --mount type=bind,src=/tmp,dst=x box true", "absolute"),
    refused("run --mount type=nosuch,src=/tmp,dst=/x box true", "nosuch"),
    refused("run --mount type=volume,dst=/x,readonly box true", "anonymous"),
    row(
      "mkdir b; echo hi >b/f; run -v $PWD/b:/x:ro box sh -c 'cat /x/f; (echo > /x/f) 2>/dev/null || echo refused'; run -v $PWD/b:/x box sh -c 'echo there >/x/g'; cat b/g; rm -r b",
      "hi\nrefused\nthere",
    ),
    row("run -v $PWD/made/deep:/x box true; ls -d made/deep; rmdir made/deep made", "made/deep"),
    refused("run -v /etc:/x:nosuch box true", "nosuch"),
    refused("run -v /etc:/x:ro,rw box true", "ro,rw"),
    refused("run -v /etc:/x:shared,slave box true", "shared,slave"),
    refused("run -v rel/path:/x box true", "rel/path"),
    refused("run -v /tmp:/ box true", "/"),
    refused("run -v /tmp:/x -v /etc:/x box true", "/x"),
    row(
      "run -v vol1:/etc box true; run -v vol1:/x:ro box sh -c 'cat /x/group | head -1; (echo >/x/a) 2>/dev/null || echo refused'; docker volume rm vol1",
      /^root:x:0:\nrefused\nvol1$/,
    ),
    row(
      "before=$(docker volume ls -q | wc -l); run -v /anon -v keepit:/k box true; docker volume ls -q | grep -x keepit; docker volume rm keepit",
      "keepit\nkeepit",
    ),
    row(
      "docker run -d --name vf -v /data -v $PWD:/here:ro box sh -c 'echo hi >/data/a; sleep 100'; sleep 0.5; run --volumes-from vf box sh -c 'cat /data/a; (echo >/here/no) 2>/dev/null || echo refused'; run --volumes-from vf:ro box sh -c 'echo x >/data/a'; run --volumes-from vf:nonsense box true; run --volumes-from nosuch box true; docker rm -fv vf",
      /^ID\nhi\nrefused\n[^]*\/data\/a: Read-only[^]*nonsense[^]*vf$/,
    ),
  ],
};
