/** A container's verbs and their flags. */
import { noCapabilities, refused, row, type Rows } from "./rows.ts";

const inspect = (fields: string, name: string) =>
  `docker inspect -f '${fields
    .split(" ")
    .map((field) => `{{${field}}}`)
    .join(" ")}' ${name}`;
const gone = [
  "rm",
  "start",
  "stop",
  "logs",
  "inspect",
  "wait",
  "top",
  "port",
  "diff",
  "attach",
  "restart",
  "pause",
  "export",
];

const committed = [
  "WorkingDir",
  "User",
  "Labels",
  "Entrypoint",
  "Cmd",
  "Volumes",
  "ExposedPorts",
  "StopSignal",
];

export const verbs: Rows = {
  "how a program ends": [
    row("run box sh -c 'echo out; echo err >&2; exit 42' 2>&1 >out; cat out; rm out", "err\nout"),
    row("run box sh -c 'exit 42'", "= 42"),
    row("run box sh -c 'sh -c \"kill -9 \\$\\$\"; exit $?'", "Killed\n= 137"),
    row("run box nosuch", /"nosuch": executable file not found in \$PATH[^]*= 127$/),
    row("run box /etc/passwd", /permission denied[^]*= 126$/),
    row("run --pull never nosuch.example/x:1 true", /nosuch\.example\/x:1[^]*= 125$/),
    refused("run --name bad/name box true", "bad/name"),
    row("run --name $(head -c 200 /dev/zero | tr '\\0' n) box echo long", "long"),
    row(
      "docker create --name dup box; run --name dup box true; docker rm dup",
      /^ID\ndocker: Error response from daemon: Conflict. The container name "\/dup" is already in use by container "?ID"?[^]*dup$/,
    ),
    row(
      "run --cidfile c1 box true; wc -c <c1; run --cidfile c1 box true; rm c1",
      /^64\ndocker: .*file exists.*c1|^64\n[^]*c1/,
    ),
    refused("run -d --stop-signal NOSUCH box true", "Invalid signal: NOSUCH"),
    refused("docker run -d --rm --restart always box true", "restart"),
    refused("docker run -d --restart nonsense box true", "nonsense"),
    refused("docker run -d --restart always:3 box true", "maximum retry count"),
    refused("run --log-driver nosuch box true", "nosuch"),
    refused("run --log-opt nosuch=1 box true", "nosuch"),
    refused("run --log-opt max-size=x box true", "x"),
    refused("run --isolation hyperv box true", "hyperv"),
    refused("run --health-interval 1ns --health-cmd true box true", "1ms|millisecond"),
  ],
  "stop, kill, pause, rename": [
    row(
      `docker run -d --name sg --stop-signal USR1 box sh -c 'trap "exit 7" USR1; while :; do sleep 0.1; done'; sleep 0.5; docker stop sg; ${inspect(".State.ExitCode .Config.StopSignal", "sg")}; docker rm sg`,
      "ID\nsg\n7 USR1\nsg",
    ),
    row(
      `docker run -d --name st --stop-timeout 1 box sleep 100; docker stop st; ${inspect(".State.ExitCode .State.Status .State.OOMKilled", "st")}; docker start st; docker stop -t 0 st; docker rm st`,
      "ID\nst\n137 exited false\nst\nst\nst",
    ),
    row(
      `docker run -d --name ki box sh -c 'trap "exit 9" HUP; while :; do sleep 0.1; done'; sleep 0.5; docker kill -s NOSUCH ki; docker kill -s HUP ki; docker wait ki; docker kill ki; docker rm ki`,
      /^ID\n.*Invalid signal: NOSUCH\nki\n9\n.*is not running\nki$/i,
    ),
    row(
      `docker run -d --name pa box sleep 100; docker pause pa; ${inspect(".State.Status .State.Running", "pa")}; docker pause pa; docker exec pa true; docker rm pa; docker unpause pa; docker unpause pa; docker rm -f pa`,
      /^ID\npa\npaused true\n.*already paused\n.*paused.*\n.*paused.*\npa\n.*not paused\npa$/,
    ),
    row(
      `docker create --name cr box; docker pause cr; docker kill cr; docker exec cr true; docker stop cr; docker rm cr`,
      /^ID\n.*not running\n.*not running\n.*not running\ncr\ncr$/i,
    ),
    row(
      `docker run -d --name rn box sleep 100; docker rename rn rn2; docker rename rn2 rn2; docker rename rn2 b/d; docker create --name rn3 box; docker rename rn2 rn3; ${inspect(".Name", "rn2")}; docker rm -f rn2 rn3`,
      /^ID\n.*same name[^]*Invalid container name[^]*\nID\n.*already in use[^]*\n\/rn2\nrn2\nrn3$/i,
    ),
    row(
      "docker run -d --name rr box sleep 100; docker rm rr; docker start rr; docker rm -f rr; docker rm -f rr; docker rm rr",
      /^ID\n.*running.*\nrr\nrr\n.*No such container: rr\n.*No such container: rr\n= 1$/,
    ),
    row(
      gone.map((verb) => `docker ${verb} nosuch`).join(" 2>&1 | grep -ci 'no such' ;") +
        " 2>&1 | grep -ci 'no such'",
      gone.map(() => "1").join("\n"),
    ),
    row(
      `docker run --name rp --restart on-failure:2 -d box sh -c 'exit 3'; while test "$(docker inspect -f '{{.RestartCount}}{{.State.Status}}' rp)" != 2exited; do sleep 0.3; done; ${inspect(".State.ExitCode .HostConfig.RestartPolicy.MaximumRetryCount", "rp")}; docker rm rp`,
      "ID\n3 2\nrp",
    ),
    row(
      `docker run -d --name ra --restart always box sh -c 'sleep 0.2; exit 1'; until test $(docker inspect -f '{{.RestartCount}}' ra) -gt 1; do sleep 0.3; done; docker stop -t 0 ra; ${inspect(".State.Status", "ra")}; docker rm ra`,
      "ID\nra\nexited\nra",
    ),
    row(
      `docker run -d --name he --health-cmd 'test -e /ok' --health-interval 300ms --health-retries 2 box sh -c 'sleep 100'; until test $(docker inspect -f '{{.State.Health.Status}}' he) = unhealthy; do sleep 0.2; done; docker ps --filter name=he --filter health=unhealthy --format '{{.Status}}' | sed 's/.*(/(/'; docker exec he touch /ok; until test $(docker inspect -f '{{.State.Health.Status}}' he) = healthy; do sleep 0.2; done; ${inspect(".State.Health.FailingStreak", "he")}; docker rm -f he`,
      "ID\n(unhealthy)\n0\nhe",
    ),
  ],
  exec: [
    row(
      "docker run -d --name e1 -e A=1 -w /tmp -u user box sleep 100; docker exec e1 sh -c 'id -u; pwd; echo $A $HOME'; docker exec -u root -w /etc -e B=2 -e A=3 e1 sh -c 'id -u; pwd; echo $A $B $HOME'; docker exec e1 sh -c 'exit 7'; echo $?; docker exec -u :2000 e1 id; docker exec -d e1 touch /tmp/dd; echo hi | docker exec -i e1 cat; echo hi | docker exec e1 cat; docker exec e1 sh -c 'kill -9 $$'; echo $?; docker exec e1 ls /tmp/dd; docker rm -f e1",
      "ID\n1000\n/tmp\n1 /home/user\n0\n/etc\n3 2 /root\n7\nuid=0(root) gid=2000(extra) groups=2000(extra)\nhi\n137\n/tmp/dd\ne1",
    ),
    row(
      "docker run -d --name e2 box sleep 100; for c in nosuch /etc/passwd; do docker exec e2 $c; test $? -ge 126 && echo; done; docker exec -w /nosuch e2 pwd; docker exec -w rel e2 pwd; docker exec -u nosuch e2 id; docker rm -f e2",
      /^ID\n.*executable file not found.*\s+.*permission denied.*\s+.*no such file or directory.*\s+.*absolute.*\s+.*nosuch.*\s+e2$/,
    ),
    row(
      "docker run -d --name e3 box sleep 100; docker exec -t e3 sh -c 'tty; echo $TERM' | tr -d '\\r'; docker exec -it e3 true; docker exec --detach-keys ctrl-a,b e3 env | grep -c ^HOME; docker rm -f e3",
      /^ID\n\/dev\/pts\/\d\nxterm\nthe input device is not a TTY\n1\ne3$/,
    ),
    row(
      "docker run -d --name e4 box sleep 100; docker exec --privileged e4 sh -c 'test $(grep CapEff /proc/self/status | cut -f2) != 00000000a80425fb && echo more'; docker rm -f e4",
      "ID\nmore\ne4",
      noCapabilities,
    ),
  ],
  "cp and diff": [
    row("docker run --name en box ls /.dockerenv; docker diff en; docker rm en", "/.dockerenv\nen"),
    row(
      "docker run --name cp1 box sh -c 'mkdir -p /d/sub; echo a >/d/a; echo b >/d/sub/b; ln -s a /d/l; chmod 640 /d/a; ln -s /etc/passwd /d/abs'; docker cp cp1:/d o1 2>/dev/null; ls -1F o1; readlink o1/abs; stat -c %a o1/a; docker cp cp1:/d/a - | tar xO; docker cp cp1:/d/l - | tar t; docker cp -L cp1:/d/l o1/n 2>/dev/null; cat o1/n; docker cp cp1:/nosuch .; docker cp o1/n cp1:/nosuch/x; tar c o1/n | docker cp - cp1:/tmp 2>/dev/null; docker cp cp1:/tmp - | tar t | sort; docker rm cp1; rm -r o1",
      /^a\nabs@\nl@\nsub\/\n\/etc\/passwd\n640\na\nl\na\n.*(?:Could not find the file \/nosuch in container cp1|No such container:path: cp1:\/nosuch)\n.*\/nosuch.*\ntmp\/\ntmp\/o1\/\ntmp\/o1\/n\ncp1$/,
    ),
    row(
      "docker run -d --name cp3 --read-only -v /vol box sleep 100; echo a >f1; docker cp f1 cp3:/vol/ 2>/dev/null; docker cp f1 cp3:/x; docker exec cp3 cat /vol/f1; rm f1; docker rm -fv cp3",
      /^ID\n.*marked read-only\na\ncp3$/,
    ),
    row(
      "docker run --name df box sh -c 'touch /new; rm /etc/group; mkdir /dd; touch /dd/x'; docker diff df | sort; docker commit -m msg -c 'ENV Z=1' df flags:1 | cut -c1-6; run flags:1 sh -c 'echo $Z; ls /dd'; docker rmi flags:1 | head -1; docker export df | tar t | grep -cE '^(new|dd/x)$'; docker rm df",
      "A /dd\nA /dd/x\nA /new\nC /etc\nD /etc/group\nsha256\n1\nx\nUntagged: flags:1\n2\ndf",
    ),
  ],
  commit: [
    row(
      `docker run -d --name co -e A=1 -w /tmp -u 5 -l x=y --expose 80 --stop-signal INT --entrypoint sh -v /v box -c 'sleep 100'; docker commit -m m -a me co flags:2 | cut -c1-6; docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' flags:2 | sort | xargs echo; ${committed.map((field) => `docker inspect -f '{{json .Config.${field}}}' flags:2`).join("; ")}; docker rm -fv co; docker rmi flags:2 | head -1`,
      'ID\nsha256\nA=1 PATH=/bin\n"/tmp"\n"5"\n{"x":"y"}\n["sh"]\n["-c","sleep 100"]\n{"/v":{}}\n{"80/tcp":{}}\n"INT"\nco\nUntagged: flags:2',
    ),
  ],
  "ps, top, stats, prune": [
    row(
      "docker create --name ps1 -l k=v box true; docker ps -a --filter name=ps1 --format '{{.Names}}|{{.Status}}|{{.Command}}|{{.Image}}|{{.Labels}}|{{.Networks}}|{{.Size}}' | sed 's/virtual.*/virtual/'; docker ps -a --filter label=k=v -q | wc -l; docker ps --filter status=nonsense; docker ps --filter nonsense=1; docker rm ps1",
      /^ID\nps1\|Created\|"true"\|box\|k=v\|bridge\|[0-9.]+k?B \(virtual\n1\n.*invalid filter 'status=nonsense'\n.*invalid filter 'nonsense'\nps1$/i,
    ),
    row(
      // It runs from the moment when its first process is let go, which may still be the runtime's own.
      "docker run -d --name tp box sleep 100; until docker top tp | grep -q 'sleep 100'; do :; done; docker top tp | awk '{print $NF}'; docker top tp -o pid,comm | tail -1 | awk '{print $2}'; docker top tp nonsense >/dev/null 2>&1; echo $?; docker stats --no-stream --format '{{.Name}} {{.PIDs}}' tp; docker rm -f tp; docker top tp",
      /^ID\nCMD\n100\nsleep\n1\ntp 1\ntp\n.*No such container: tp\n= 1$/,
    ),
    row(
      "docker create --name pr -l pp=1 box; docker container prune -f --filter label=pp=1",
      /^ID\nDeleted Containers:\nID\n\nTotal reclaimed space: [0-9.]+k?B$/,
    ),
  ],
};
