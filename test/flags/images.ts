/** What an image says of its containers: USER, VOLUME, WORKDIR, ENTRYPOINT, STOPSIGNAL, HEALTHCHECK, and labels that no engine obeys. */
import { row, type Rows } from "./rows.ts";

const made = (name: string, ...changes: string[]) =>
  `docker import ${changes.map((change) => `-c '${change}'`).join(" ")} image.tar ${name} >/dev/null; `;
const gone = (name: string) => `; docker rmi ${name} >/dev/null`;

export const images: Rows = {
  images: [
    row(
      made(
        "i1",
        "ENV PATH=/bin",
        "USER user",
        "WORKDIR /nowhere/yet",
        'CMD ["sh","-c","id -un; pwd; echo $HOME"]',
      ) +
        "run i1; run -u root i1 id -u" +
        gone("i1"),
      "user\n/nowhere/yet\n/home/user\n0",
    ),
    row(
      made("i2", "ENV PATH=/bin", "VOLUME /etc") +
        "run i2 sh -c 'head -1 /etc/passwd; grep -c \" /etc \" /proc/mounts'" +
        gone("i2"),
      "root:x:0:0:root:/root:/bin/sh\n1",
    ),
    row(
      made("i3", "ENV PATH=/bin", "ENTRYPOINT echo shell $0", 'CMD ["ignored"]') +
        "run i3; run i3 more" +
        gone("i3"),
      /^shell .*\nshell .*$/,
    ),
    row(
      made("i4", "ENV PATH=/bin", 'ENTRYPOINT ["echo","list"]', 'CMD ["word"]') +
        "run i4; run i4 more; run --entrypoint echo i4" +
        gone("i4"),
      "list word\nlist more",
    ),
    row(
      made("i5", "ENV PATH=/bin", "STOPSIGNAL SIGUSR1") +
        "docker run -d --name i5 i5 sh -c 'trap \"exit 7\" USR1; while :; do sleep 0.1; done'; sleep 0.5; docker stop i5; docker wait i5; docker rm i5" +
        gone("i5"),
      "ID\ni5\n7\ni5",
      "its import knows no STOPSIGNAL",
    ),
    row(
      made("i6", "ENV PATH=/bin", "HEALTHCHECK --interval=300ms CMD true") +
        "docker run -d --name i6 i6 sleep 100; until test $(docker inspect -f '{{.State.Health.Status}}' i6) = healthy; do sleep 0.2; done; docker rm -f i6; docker run -d --name i6 --no-healthcheck i6 sleep 100; docker inspect -f '{{json .State.Health}}' i6; docker rm -f i6" +
        gone("i6"),
      "ID\ni6\nID\nnull\ni6",
    ),
    row(
      made(
        "i7",
        "ENV PATH=/bin",
        "LABEL io.privileged=true org.opencontainers.image.ref.name=x com.docker.run=--privileged seccomp=unconfined",
      ) +
        "run -l privileged=true -l security-opt=seccomp=unconfined i7 grep -E 'CapEff|Seccomp:' /proc/self/status" +
        gone("i7"),
      "CapEff:\t00000000a80425fb\nSeccomp:\t2",
    ),
    row(
      made("i8", "ENV PATH=/bin", "ENV A=image", "EXPOSE 81/udp") +
        "run -e A=own i8 sh -c 'echo $A'; docker run -d --name i8 -P i8 sleep 100; docker port i8 81/udp | grep -c :; docker rm -f i8" +
        gone("i8"),
      /^own\nID\n[12]\ni8$/,
    ),
    row("run --platform linux/$(uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/') box echo ok", "ok"),
  ],
};
