/** Who the program is, what it may, and what it is told of itself. */
import { newer, noCapabilities, refused, row, type Rows } from "./rows.ts";

const status = "grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status | tr '\\n\\t' '  '";
const files = "cat /etc/hosts | sed -E 's/[0-9.]+\\t([0-9a-f]{12})$/IP \\1/'";

export const identity: Rows = {
  user: [
    row("run box id", "uid=0(root) gid=0(root) groups=0(root)"),
    row(
      "run -u user box sh -c 'id; echo $HOME'",
      "uid=1000(user) gid=1000(user) groups=1000(user)\n/home/user",
    ),
    row("run -u 1000:2000 box id", "uid=1000(user) gid=2000(extra) groups=2000(extra)"),
    row("run -u user:extra box id", "uid=1000(user) gid=2000(extra) groups=2000(extra)"),
    row("run -u 4242 box sh -c 'id; echo $HOME'", "uid=4242 gid=0(root) groups=0(root)\n/"),
    row("run -u :extra box id", "uid=0(root) gid=2000(extra) groups=2000(extra)"),
    row(
      "run --group-add extra --group-add 77 box id",
      "uid=0(root) gid=0(root) groups=0(root),77,2000(extra)",
    ),
    refused("run -u nosuch box id", "nosuch"),
    refused("run -u 1000:nosuch box id", "group.*nosuch"),
    refused("run --group-add nosuch box id", "group.*nosuch"),
    row("run --userns host box cat /proc/self/uid_map | tr -s ' '", " 0 0 4294967295"),
    refused("run --userns nonsense box true", "user(?:ns| namespace)"),
  ],
  capabilities: [
    row(
      `run box sh -c "${status}"`,
      "CapEff: 00000000a80425fb CapBnd: 00000000a80425fb NoNewPrivs: 0 Seccomp: 2",
    ),
    row(
      `run -u user box sh -c "${status}"`,
      "CapEff: 0000000000000000 CapBnd: 00000000a80425fb NoNewPrivs: 0 Seccomp: 2",
    ),
    row(
      `run --cap-drop ALL --cap-add CAP_NET_ADMIN box sh -c "${status}"`,
      /^CapEff: 0000000000001000 CapBnd: 0000000000001000/,
    ),
    row(`run --cap-add sys_admin --cap-drop chown box sh -c "${status}"`, /^CapEff: 00000000a82425fa/),
    refused("run --cap-add NOSUCH box true", '(?:CAP_|")NOSUCH'),
    refused("run --cap-drop nosuch box true", '(?:CAP_|")NOSUCH'),
    row(
      "run --privileged box sh -c 'grep Seccomp: /proc/self/status; ls /dev | grep -c .; touch /proc/sys/kernel/hostname && echo writable' | tr '\\n' ' '",
      /^Seccomp:\t0 [0-9]{2,} writable$/,
      noCapabilities,
    ),
    row(
      "run --cap-add ALL box sh -c 'test $(grep CapEff /proc/self/status | cut -f2) != 00000000a80425fb && echo more'",
      "more",
      noCapabilities,
    ),
    row(`run --security-opt no-new-privileges box sh -c "${status}"`, /NoNewPrivs: 1/),
    row(`run --security-opt no-new-privileges=false box sh -c "${status}"`, /NoNewPrivs: 0/),
    refused("run --security-opt no-new-privileges=maybe box true", "no-new-privileges=maybe"),
    row(`run --security-opt seccomp=unconfined box sh -c "${status}"`, /Seccomp: 0/),
    row(
      'echo \'{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}\' >p.json; run --security-opt seccomp=p.json box mkdir /x; rm p.json',
      /mkdir: can't create directory '\/x': Operation not permitted/,
    ),
    refused("run --security-opt seccomp=/nosuch box true", "/nosuch"),
    row("run --security-opt label=disable --security-opt apparmor=unconfined box echo ok", "ok"),
    refused("run --security-opt nosuch=1 box true", "nosuch=1"),
    row("run box unshare -r true", /^unshare: .*not permitted/),
    row("run box sh -c 'mount -t tmpfs x /tmp' 2>&1", /^mount: .*(?:permission denied|not permitted)/),
    row(
      "run box sh -c '(echo x >/proc/sys/kernel/hostname) 2>/dev/null || echo refused; cat /proc/keys | wc -c; ls /sys/firmware'",
      "refused\n0",
    ),
    row(
      "run --security-opt systempaths=unconfined box sh -c 'touch /proc/sys/kernel/hostname && echo writable'",
      "writable",
    ),
  ],
  environment: [
    row("run box env", "PATH=/bin\nHOSTNAME=ID\nHOME=/root"),
    row("run -t box sh -c 'echo $TERM'", /^xterm\r?$/),
    row(
      "A=mine B=theirs run -e A -e B=2 -e C= -e NOSUCH box sh -c 'echo \"$A,$B,$C,${NOSUCH-none}\"'",
      "mine,2,,none",
    ),
    row(
      "printf 'A=1\\n# c\\nB=x y\\n\\n' >e1; run --env-file e1 -e C=3 box sh -c 'echo $A,$B,$C'; rm e1",
      "1,x y,3",
    ),
    row("run -e \"BIG=$(head -c 100000 /dev/zero | tr '\\0' y)\" box sh -c 'echo ${#BIG}'", "100000"),
    row("run -e 'W=ü€ \"q\" $x' -e $'N=a\\nb' box sh -c 'echo \"$W|$N\"'", 'ü€ "q" $x|a\nb'),
    row("run box echo $(seq 1 20000) | wc -c", "108894"),
    row("run -w /new/dir box pwd", "/new/dir"),
    row("run -w /tmp/../etc box pwd", "/etc"),
    refused("run -w rel box pwd", "'rel' is invalid"),
    refused("run -w /etc/passwd box pwd", "not a directory"),
    row("run --entrypoint /bin/echo box a b", "a b"),
    row("run --entrypoint '' box echo hi", "hi"),
    refused("run --entrypoint 'echo a' box b", 'exec: "echo a": executable file not found'),
  ],
  "names and addresses": [
    row(
      `run --hostname h1 --domainname example.org box sh -c 'hostname; cat /etc/hostname /proc/sys/kernel/domainname; grep -c h1 /etc/hosts'`,
      "h1\nh1\nexample.org\n1",
    ),
    row("run --hostname my_app box hostname", "my_app"),
    row("run --hostname a.b.c box sh -c 'tail -1 /etc/hosts | cut -f2'", "a.b.c a"),
    row(
      `run --add-host foo:1.2.3.4 --add-host bar:::1 box sh -c "${files}" | grep -E 'foo|bar|IP|localhost$'`,
      /^127.0.0.1\tlocalhost\n1.2.3.4\tfoo\n::1\tbar\nIP ID$/,
    ),
    refused("run --add-host foo:nonsense box true", "foo"),
    row(
      "run --add-host gw:host-gateway box sh -c 'grep gw /etc/hosts | cut -f1; ip route | grep default | cut -d\" \" -f3' | uniq | wc -l",
      "1",
    ),
    row(
      "run --dns 9.9.9.9 --dns-search example.org --dns-option ndots:3 box cat /etc/resolv.conf | sort",
      "nameserver 9.9.9.9\noptions ndots:3\nsearch example.org",
    ),
    refused("run --dns nonsense box true", "nonsense"),
    row("run --network none box ls /sys/class/net", "lo"),
    row("run --network none box grep -c localhost /etc/hosts", "2"),
    row('run --network host --uts host box hostname | grep -c "^$(hostname)$"', "1"),
    refused("run --uts host --hostname x box true", "hostname"),
    refused("run --uts nonsense box true", "uts"),
    row(
      "run --mac-address 02:11:22:33:44:55 box cat /sys/class/net/eth0/address",
      "02:11:22:33:44:55",
      newer,
    ),
    refused("run --mac-address nonsense box true", "nonsense"),
    refused(
      "run --network nosuch box true",
      "^docker: Error response from daemon: .*network nosuch not found",
    ),
    refused(
      "run --network container:nosuch box true",
      "^docker: Error response from daemon: .*No such container",
    ),
    row(
      "docker run -d --name nc box sleep 100; test $(run --network container:nc box hostname) = $(docker exec nc hostname) && echo same; run --network container:nc --hostname x box true; docker rm -f nc",
      /^ID\nsame\ndocker: .*hostname.*\nnc$/i,
    ),
    row(
      "run --network host -p 80:80 box true",
      "WARNING: Published ports are discarded when using host network mode",
    ),
    row(
      "docker run -d --name po -p 8090:80 -p 127.0.0.1:8091:81/udp box sleep 100; docker port po 81/udp; docker port po 80 | head -1; docker port po 99; run -p 8090:80 box true; docker rm -f po",
      /^ID\n127.0.0.1:8091\n0.0.0.0:8090\nError: No public port '99(?:\/tcp)?' published for po\n.*0.0.0.0:8090 failed: port is already allocated\.?\n[^]*po$/,
    ),
    refused("run -p 99999:80 box true", "99999"),
    refused("run --expose x box true", "x"),
    row(
      "docker network create --subnet 10.99.0.0/24 n99; docker run -d --name l1 --network n99 box sleep 100; run --network n99 --ip 10.99.0.77 --network-alias zz --link l1:al box sh -c 'hostname -i; for n in l1 al; do ping -c1 -W5 $n >/dev/null && echo $n; done'; run --network n99 --ip 10.98.0.77 box true; docker rm -f l1; docker network rm n99",
      /^ID\nID\n10.99.0.77\nl1\nal\ndocker: Error response from daemon: [^]*subnet[^]*\nl1\nn99$/,
    ),
    row(
      "docker run -d --name db -e FOO=bar --expose 80 box sleep 100; run --name web --link db:al box sh -c 'env | grep ^AL | sort; grep -w al /etc/hosts; ping -c1 -W5 al >/dev/null && echo reached' | sed -E 's/172\\.[0-9.]+/IP/g'; docker rm -f db",
      "ID\nAL_ENV_FOO=bar\nAL_NAME=/web/al\nAL_PORT=tcp://IP:80\nAL_PORT_80_TCP=tcp://IP:80\nAL_PORT_80_TCP_ADDR=IP\nAL_PORT_80_TCP_PORT=80\nAL_PORT_80_TCP_PROTO=tcp\nIP\tal ID db\nreached\ndb",
    ),
    row(
      "for c in rdb 'rweb --link rdb:al'; do docker run -d --name $c box sleep 100; done; docker stop -t 0 rdb; for c in rt1 rt2; do docker run -d --name $c box sleep 100; done; docker start rdb; docker exec rweb grep -cE \"^$(docker inspect -f '{{.NetworkSettings.IPAddress}}' rdb)[[:space:]]+al \" /etc/hosts; docker exec rweb ping -c1 -W5 al >/dev/null && echo reached; docker rm -f rdb rweb rt1 rt2",
      "ID\nID\nrdb\nID\nID\nrdb\n1\nreached\nrdb\nrweb\nrt1\nrt2",
    ),
    row(
      "docker network create cnet; docker run -d --name cdb box sleep 100; docker run -d --name cweb --link cdb:al box sleep 100; docker network connect cnet cweb; docker exec cweb sh -c 'grep -c $(hostname) /etc/hosts; grep -cw al /etc/hosts'; docker rm -f cdb cweb; docker network rm cnet",
      "ID\nID\nID\n2\n1\ncdb\ncweb\ncnet",
    ),
    row(
      'for n in ra rb; do docker network create $n; docker run -d --name in$n --network $n box sleep 100; done; docker run -d --name rr --network ra box sleep 100; look() { docker exec rr sh -c \'grep -E "^(nameserver|options)" /etc/resolv.conf; for n in $0; do for at in "" 127.0.0.11; do nslookup $n $at >/dev/null 2>&1 && echo $n; done; done\' "$1"; }; look inra; docker network connect rb rr; look \'inra inrb\'; docker network disconnect ra rr; look inrb; docker rm -f inra inrb rr; docker network rm ra rb',
      /^(?:ID\n){5}nameserver 127.0.0.11\noptions .*ndots:0\ninra\ninra\nnameserver 127.0.0.11\noptions .*ndots:0\ninra\ninra\ninrb\ninrb\nnameserver 127.0.0.11\noptions .*ndots:0\ninrb\ninrb\ninra\ninrb\nrr\nra\nrb$/,
    ),
    refused("run --link nosuch:x box true", "nosuch"),
  ],
};
