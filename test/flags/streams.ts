/** What goes in and out of a container: attach, logs, pipes, terminals. */
import { row, type Rows } from "./rows.ts";

/** Keys, one after the other when the screen has shown what stands before them. */
const typed = (command: string) => `script -qec "${command}; echo rc=\\$?" /dev/null | tr -d '\\r'`;
const until = (name: string, text: string) =>
  `until docker logs ${name} 2>&1 | grep -q '${text}'; do sleep 0.2; done`;

export const streams: Rows = {
  logs: [
    row(
      "docker run --name lg box sh -c 'echo a; echo b >&2; sleep 0.3; echo c' | wc -l; docker logs -n 1 lg; docker logs -n 0 lg; docker logs -f --details lg 2>/dev/null; docker logs -n -3 lg 2>/dev/null; docker logs -t lg 2>&1 | grep -cE '^[0-9T:.-]+Z '; docker logs --since 2100-01-01 lg; docker logs --until 2000-01-01 lg; docker logs --since nonsense lg; docker rm lg",
      /^b\n2\nc\n a\n c\na\nc\n3\n.*nonsense.*\nlg$/,
    ),
    row(
      "docker run -d --name lf box sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done; exit 4'; docker logs -f lf; docker wait lf; docker rm lf",
      "ID\n1\n2\n3\n4\nlf",
    ),
    row(
      "docker run --name ln --log-driver none box echo hi; docker logs ln; docker rm ln",
      /^hi\n.*does not support reading\nln$/,
    ),
    row(
      "docker run --name lt -t box sh -c 'echo a; echo b >&2'; docker logs lt 2>/dev/null; docker rm lt",
      "a\r\nb\r\na\r\nb\r\nlt",
    ),
    row(
      "docker run -d --name lr --log-opt max-size=10k --log-opt max-file=3 box sh -c 'seq 1 5000; sleep 100'; until test \"$(docker logs -n 1 lr)\" = 5000; do sleep 0.2; done; docker logs lr | awk 'NR > 1 && $1 != last + 1 {print \"hole\"} {last = $1} END {print last}'; docker rm -f lr",
      "ID\n5000\nlr",
    ),
    row(
      "docker run -d --name lq --log-opt max-size=10k --log-opt max-file=3 box sh -c 'i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done'; docker logs -f lq | tail -1; docker rm lq",
      "ID\n4999\nlq",
      "it loses what it rotates away",
    ),
  ],
  pipes: [
    row("head -c 52428800 /dev/zero | run -i box sha256sum | cut -c1-16", "8565a714dca840f8"),
    row("head -c 5000000 /dev/urandom >in; run -i box cat <in | cmp - in && echo same; rm in", "same"),
    row(
      "run box sh -c 'head -c 20000000 /dev/urandom | tee /tmp/x; sha256sum </tmp/x >&2' 2>sum | sha256sum >all; cmp all sum && echo same; rm sum all",
      "same",
    ),
    row("run box printf '\\000\\001\\377' | od -An -tx1", " 00 01 ff"),
    row(
      "timeout 20 bash -c 'docker run --rm --name yes box yes | head -2' 2>/dev/null; docker rm -f yes >/dev/null 2>&1; true",
      "y\ny",
    ),
    row("echo hello | run -i -a stdin -a stdout box cat", "hello"),
    row(
      "docker create -i --name si box cat; echo hello | docker start -ai si; docker rm si",
      "ID\nhello\nsi",
    ),
    row(
      "docker run -d --name at box sh -c 'until test -e /go; do echo tick; sleep 0.1; done; echo out; exit 8'; touch o; docker attach at >o & p=$!; until grep -q tick o; do sleep 0.1; done; docker exec at touch /go; wait $p; echo $?; tail -1 o; docker attach at; docker start -a at; echo $?; docker rm at; rm o",
      /^ID\n8\nout\n.*cannot attach to a stopped container.*\nout\n8\nat$/i,
    ),
    row(
      "docker run --rm --name sp box sh -c 'trap \"echo got; exit 6\" INT; echo ready; while :; do sleep 0.1; done' & p=$!; " +
        until("sp", "ready") +
        "; kill -INT $p; wait $p",
      "ready\ngot\n= 6",
    ),
    row(
      "for i in $(seq 20); do run --network none box echo $i & done | sort -n | tr '\\n' ' '; wait",
      "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
    ),
  ],
  terminals: [
    row("run -t box sh -c 'tty; stty size' | tr -d '\\r' | head -1", /^\/dev\/(?:pts\/0|console)$/),
    row("run -it box true </dev/null", "the input device is not a TTY\n= 1"),
    row(
      `docker run -d --name dk -it box sh; (sleep 1; printf 'echo h""ey\\r'; ${until("dk", "^hey")}; printf '\\020\\021'; sleep 0.5) | ${typed("docker attach dk")} | grep -aoE '^(hey|rc=.*|read escape.*)'; docker inspect -f '{{.State.Status}}' dk; docker rm -f dk`,
      /^ID\nhey\n(?:read escape sequence\n)?rc=[01]\nrunning\ndk$/,
    ),
    row(
      `docker run -d --name dj -it box sh; (sleep 1; printf 'echo h""ey\\r'; ${until("dj", "^hey")}; printf '\\030'; sleep 0.5) | ${typed("docker attach --detach-keys ctrl-x dj")} | grep -aoE '^(hey|rc=.*|read escape.*)'; docker inspect -f '{{.State.Status}}' dj; docker rm -f dj`,
      /^ID\nhey\n(?:read escape sequence\n)?rc=[01]\nrunning\ndj$/,
    ),
    row(
      `(${until("cc", "ready")}; printf '\\003'; until docker inspect -f '{{.State.Status}}' cc 2>&1 | grep -qE 'exited|o such'; do sleep 0.2; done) 2>/dev/null | ${typed("docker run --name cc -it box sh -c 'trap \\\"echo got; exit 6\\\" INT; echo ready; while :; do sleep 0.1; done'")} | grep -aoE 'got|rc=.*'; docker rm -f cc`,
      "got\nrc=6\ncc",
    ),
  ],
};
