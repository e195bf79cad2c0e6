import { describe, expect, test } from "bun:test";
import type { Step } from "./_sample.ts";
import { SampanError } from "../../base/errors.ts";
import { at, fullConfig, placesIn, set } from "./_sample.ts";
import { checkRules, loadConfig, validateConfig, validateProcess, validateResources } from "./validate.ts";

/** The message without its beginning; "" when the document is taken. */
function complaintOf(run: () => unknown): string {
  try {
    run();
    return "";
  } catch (error) {
    expect(error).toBeInstanceOf(SampanError);
    expect((error as SampanError).code).toBe("invalid_argument");
    return (error as SampanError).message.replace(/^cannot use config\.json: /, "");
  }
}

function shapeComplaint(place: readonly Step[], value: unknown): string {
  const document = fullConfig();
  set(document, place, value);
  return complaintOf(() => validateConfig(document));
}

function spelled(place: readonly Step[]): string {
  const maps = ["annotations", "sysctl", "timeOffsets", "netDevices", "rdma", "unified"];
  const parts = place.map((step, index) => {
    if (typeof step === "number") return `[${step}]`;
    return maps.includes(String(place[index - 1])) ? `[${JSON.stringify(step)}]` : `.${step}`;
  });
  return parts.join("").slice(1);
}

describe("a valid document", () => {
  test("with every property of the specification is taken as it is", () => {
    const document = fullConfig();
    expect(validateConfig(document)).toBe(document);
    expect(() => checkRules(document)).not.toThrow();
    expect(document).toEqual(fullConfig());
  });

  test("with no more than the required properties is taken", () => {
    const least = { ociVersion: "1.0.0", root: { path: "r" }, process: { cwd: "/", args: ["true"] } };
    expect(loadConfig(JSON.stringify(least))).toEqual(least);
  });

  test("may have properties that nobody knows, at every level", () => {
    for (const place of placesIn(fullConfig())) {
      const value = at(fullConfig(), place);
      const isObject = typeof value === "object" && !Array.isArray(value);
      if (!isObject || spelled([...place, "new"]).endsWith('["new"]')) continue;
      expect([spelled(place), shapeComplaint([...place, "x-new"], { any: ["thing"] })]).toEqual([
        spelled(place),
        "",
      ]);
    }
  });
});

describe("a value of the wrong type", () => {
  const places = placesIn(fullConfig()).filter((place) => place.length > 0);

  test.each(places.map((place) => [spelled(place), place] as const))("is refused at %s", (name, place) => {
    const wrong = typeof at(fullConfig(), place) === "boolean" ? "yes" : true;
    const complaint = shapeComplaint(place, wrong);
    expect(complaint).toStartWith(`${name}: ${JSON.stringify(wrong)} is a ${typeof wrong}, wanted `);
  });
});

describe("a string with a NUL byte", () => {
  const places = placesIn(fullConfig()).filter((place) => typeof at(fullConfig(), place) === "string");

  test.each(places.map((place) => [spelled(place), place] as const))("is refused at %s", (name, place) => {
    const value = `${String(at(fullConfig(), place))}\0x`;
    expect(shapeComplaint(place, value)).toStartWith(
      `${name}: ${JSON.stringify(value)} has a NUL byte, wanted `,
    );
  });

  test("is refused as a key", () => {
    const complaint = shapeComplaint(["annotations", "a\0b"], "value");
    expect(complaint).toBe(String.raw`annotations["a\u0000b"]: "a\u0000b" has a NUL byte, wanted a string`);
  });
});

describe("a property that is null", () => {
  test("counts as left out", () => {
    const document = { ...fullConfig(), hooks: null, process: { ...fullConfig().process, env: null } };
    const config = validateConfig(document);
    expect(config).not.toHaveProperty("hooks");
    expect(config.process).not.toHaveProperty("env");
  });

  test("is missing where it is required", () => {
    expect(shapeComplaint(["process", "cwd"], null)).toBe("process.cwd: is missing, wanted an absolute path");
  });

  test("is refused inside a list", () => {
    expect(shapeComplaint(["process", "args", 0], null)).toBe(
      "process.args[0]: null is no value, wanted a string",
    );
  });
});

const required: Step[][] = [
  ["ociVersion"],
  ["root"],
  ["root", "path"],
  ["process"],
  ["process", "cwd"],
  ["process", "args"],
  ["process", "consoleSize", "height"],
  ["process", "consoleSize", "width"],
  ["process", "rlimits", 0, "type"],
  ["process", "rlimits", 0, "soft"],
  ["process", "rlimits", 0, "hard"],
  ["process", "scheduler", "policy"],
  ["process", "ioPriority", "class"],
  ["mounts", 0, "destination"],
  ["mounts", 0, "uidMappings", 0, "size"],
  ["hooks", "poststop", 0, "path"],
  ["linux", "namespaces", 0, "type"],
  ["linux", "uidMappings", 0, "containerID"],
  ["linux", "uidMappings", 0, "hostID"],
  ["linux", "uidMappings", 0, "size"],
  ["linux", "devices", 0, "path"],
  ["linux", "devices", 0, "type"],
  ["linux", "resources", "devices", 0, "allow"],
  ["linux", "resources", "blockIO", "weightDevice", 0, "major"],
  ["linux", "resources", "blockIO", "weightDevice", 0, "minor"],
  ["linux", "resources", "blockIO", "throttleReadBpsDevice", 0, "major"],
  ["linux", "resources", "blockIO", "throttleReadBpsDevice", 0, "minor"],
  ["linux", "resources", "blockIO", "throttleReadBpsDevice", 0, "rate"],
  ["linux", "resources", "hugepageLimits", 0, "pageSize"],
  ["linux", "resources", "hugepageLimits", 0, "limit"],
  ["linux", "resources", "network", "priorities", 0, "name"],
  ["linux", "resources", "network", "priorities", 0, "priority"],
  ["linux", "seccomp", "defaultAction"],
  ["linux", "seccomp", "syscalls", 0, "names"],
  ["linux", "seccomp", "syscalls", 0, "action"],
  ["linux", "seccomp", "syscalls", 0, "args", 0, "index"],
  ["linux", "seccomp", "syscalls", 0, "args", 0, "value"],
  ["linux", "seccomp", "syscalls", 0, "args", 0, "op"],
  ["linux", "personality", "domain"],
  ["linux", "memoryPolicy", "mode"],
];

describe("a required property", () => {
  test.each(required.map((place) => [spelled(place), place] as const))("is missed: %s", (name, place) => {
    expect(shapeComplaint(place, undefined)).toStartWith(`${name}: is missing, wanted `);
  });

  test("is each that cannot be taken away, and no other", () => {
    const needed = placesIn(fullConfig())
      .filter((place) => typeof place[place.length - 1] === "string")
      .filter((place) => shapeComplaint(place, undefined) !== "")
      .map((place) => spelled(place).replace(/\[\d+\]/g, ""));
    const listed = new Set(required.map((place) => spelled(place).replace(/\[\d+\]/g, "")));
    // The same shape stands in several places; the list above has one of them.
    const sameShape: [RegExp, string][] = [
      [/^hooks\.\w+\./, "hooks.poststop."],
      [/^(mounts|linux)\.[ug]idMappings\./, "linux.uidMappings."],
      [/throttle\w+Device/, "throttleReadBpsDevice"],
    ];
    const folded = needed.map((name) => sameShape.reduce((text, [from, to]) => text.replace(from, to), name));
    expect(folded.filter((name) => !listed.has(name))).toEqual([]);
  });
});

const u32 = 4_294_967_295;
const u64 = 18_446_744_073_709_551_615n;
const i64 = 9_223_372_036_854_775_807n;
const safe = Number.MAX_SAFE_INTEGER;

/** Place, lowest, highest. */
const ranges: [Step[], number | bigint, number | bigint][] = [
  [["process", "user", "uid"], 0, u32],
  [["process", "user", "gid"], 0, u32],
  [["process", "user", "umask"], 0, u32],
  [["process", "user", "additionalGids", 0], 0, u32],
  [["process", "consoleSize", "height"], 0, u32],
  [["process", "rlimits", 0, "soft"], 0, u64],
  [["process", "rlimits", 0, "hard"], 0, u64],
  [["process", "oomScoreAdj"], -1000, 1000],
  [["process", "scheduler", "nice"], -2_147_483_648, 2_147_483_647],
  [["process", "scheduler", "priority"], -2_147_483_648, 2_147_483_647],
  [["process", "scheduler", "runtime"], 0, safe],
  [["process", "ioPriority", "priority"], 0, 7],
  [["hooks", "prestart", 0, "timeout"], 1, 2_147_483_647],
  [["linux", "uidMappings", 0, "containerID"], 0, u32],
  [["linux", "gidMappings", 0, "hostID"], 0, u32],
  [["linux", "uidMappings", 0, "size"], 1, u32],
  [["linux", "timeOffsets", "boottime", "secs"], -safe, safe],
  [["linux", "timeOffsets", "boottime", "nanosecs"], 0, 999_999_999],
  [["linux", "devices", 0, "major"], 0, u32],
  [["linux", "devices", 0, "fileMode"], 0, u32],
  [["linux", "resources", "devices", 0, "major"], -1, u32],
  [["linux", "resources", "memory", "limit"], -1, i64],
  [["linux", "resources", "memory", "swap"], -1, i64],
  [["linux", "resources", "memory", "swappiness"], 0, 100],
  [["linux", "resources", "cpu", "shares"], 0, safe],
  [["linux", "resources", "cpu", "quota"], -safe, safe],
  [["linux", "resources", "pids", "limit"], -safe, safe],
  [["linux", "resources", "blockIO", "weight"], 0, 65_535],
  [["linux", "resources", "blockIO", "throttleWriteIOPSDevice", 0, "rate"], 0, u64],
  [["linux", "resources", "hugepageLimits", 0, "limit"], 0, u64],
  [["linux", "resources", "network", "classID"], 0, u32],
  [["linux", "resources", "rdma", "mlx5_1", "hcaHandles"], 0, u32],
  [["linux", "seccomp", "defaultErrnoRet"], 0, 65_535],
  [["linux", "seccomp", "syscalls", 0, "args", 0, "index"], 0, 5],
  [["linux", "seccomp", "syscalls", 0, "args", 0, "value"], 0, u64],
];

describe("an integer", () => {
  const named = ranges.map((row) => [spelled(row[0]), ...row] as const);

  test.each(named)("keeps to its range: %s", (name, place, lowest, highest) => {
    const wanted = `wanted an integer from ${lowest} to ${highest}`;
    expect(shapeComplaint(place, lowest)).toBe("");
    expect(shapeComplaint(place, highest)).toBe("");
    const below = typeof lowest === "number" && lowest === -safe ? BigInt(lowest) - 1n : Number(lowest) - 1;
    const above = BigInt(highest) + 1n;
    expect(shapeComplaint(place, below)).toBe(`${name}: ${below} is out of range, ${wanted}`);
    expect(shapeComplaint(place, above)).toBe(`${name}: ${above} is out of range, ${wanted}`);
  });

  test("is refused with a fraction", () => {
    expect(shapeComplaint(["process", "user", "uid"], 1.5)).toBe(
      `process.user.uid: 1.5 is not whole, wanted an integer from 0 to ${u32}`,
    );
  });

  test("is refused when it was rounded on its way", () => {
    expect(shapeComplaint(["linux", "resources", "memory", "limit"], 2 ** 53)).toBe(
      `linux.resources.memory.limit: 9007199254740992 is not exact, wanted an integer from -1 to ${i64}`,
    );
  });

  test("is refused as a string, with the value", () => {
    expect(shapeComplaint(["process", "user", "uid"], "abc")).toBe(
      `process.user.uid: "abc" is a string, wanted an integer from 0 to ${u32}`,
    );
  });
});

/** Place, good values, bad values, what is wanted. */
const texts: [Step[], unknown[], unknown[], string][] = [
  [
    ["ociVersion"],
    ["1.0.0", "1.0.2-dev", "1.1.0+dev", "1.2.1", "1.3.0", "1.4.0-rc.1", "1.30.7"],
    ["", "1", "1.0", "0.9.0", "2.0.0", "01.0.0", "1.0.0-", "v1.0.0", "1.0.0 "],
    "a version 1.x.y",
  ],
  [["root", "path"], ["rootfs", "/abs"], [""], "a path"],
  [["process", "cwd"], ["/", "/a b"], ["", "home", "./x"], "an absolute path"],
  [["process", "env", 0], ["A=", "A=b=c", "a b=c"], ["", "A", "=b"], 'a variable as "NAME=value"'],
  [["mounts", 0, "destination"], ["/x", "x/y"], [""], "a path"],
  [["hooks", "createRuntime", 0, "path"], ["/x"], ["x", ""], "an absolute path"],
  [["hooks", "createRuntime", 0, "env", 0], ["A=b"], ["A"], 'a variable as "NAME=value"'],
  [["linux", "namespaces", 0, "path"], ["", "/proc/1/ns/pid"], ["ns", "./ns"], "an absolute path"],
  [["linux", "devices", 0, "path"], ["/dev/x"], ["", "dev/x"], "an absolute path"],
  [["linux", "maskedPaths", 0], ["/proc/x"], ["", "proc/x"], "an absolute path"],
  [["linux", "readonlyPaths", 0], ["/proc/x"], ["", "proc/x"], "an absolute path"],
  [
    ["linux", "netDevices", "eth1", "name"],
    ["", "eth0", "eth%d", "a".repeat(15)],
    [".", "..", "a/b", "a b", "a:b", "a".repeat(16)],
    "the name of a network device",
  ],
  [["linux", "resources", "devices", 0, "access"], ["", "r", "mwr"], ["x", "r w"], 'letters of "rwm"'],
  [
    ["linux", "resources", "hugepageLimits", 0, "pageSize"],
    ["64KB", "2MB", "1GB"],
    ["", "0MB", "2M", "2mb", "MB"],
    'a size like "2MB"',
  ],
  [
    ["linux", "intelRdt", "closID"],
    ["", "/", "group", "..."],
    [".", "..", "a/b", "//"],
    'a directory name or "/"',
  ],
  [["linux", "intelRdt", "schemata", 0], ["L3:0=f"], ["a\nb"], "one line"],
  [["linux", "intelRdt", "l3CacheSchema"], ["L3:0=f"], ["a\nb"], "one line"],
  [
    ["linux", "intelRdt", "memBwSchema"],
    ["MB:0=20"],
    ["L3:0=f", "MB:0=20\nx"],
    'one line that begins with "MB:"',
  ],
  [
    ["linux", "seccomp", "syscalls", 0, "names", 0],
    ["read", "nobody_knows"],
    [""],
    "the name of a system call",
  ],
];

describe("a string", () => {
  const named = texts.map((row) => [spelled(row[0]), ...row] as const);

  test.each(named)("keeps to its form: %s", (name, place, good, bad, wanted) => {
    for (const value of good) expect([value, shapeComplaint(place, value)]).toEqual([value, ""]);
    for (const value of bad) {
      expect(shapeComplaint(place, value)).toBe(
        `${name}: ${JSON.stringify(value)} does not fit, wanted ${wanted}`,
      );
    }
  });

  test("is cut in the message when it is long", () => {
    const complaint = shapeComplaint(["process", "cwd"], "x".repeat(5000));
    expect(complaint).toBe(`process.cwd: "${"x".repeat(79)}… does not fit, wanted an absolute path`);
  });
});

/** Place, a good value, what the message lists first. */
const closed: [Step[], string, string][] = [
  [["process", "rlimits", 0, "type"], "RLIMIT_RTTIME", "RLIMIT_AS, RLIMIT_CORE"],
  [["process", "scheduler", "policy"], "SCHED_IDLE", "SCHED_OTHER, SCHED_FIFO"],
  [["process", "scheduler", "flags", 0], "SCHED_FLAG_RECLAIM", "SCHED_FLAG_RESET_ON_FORK"],
  [["process", "ioPriority", "class"], "IOPRIO_CLASS_RT", "IOPRIO_CLASS_RT"],
  [["linux", "namespaces", 0, "type"], "time", "pid, network, mount"],
  [["linux", "devices", 0, "type"], "u", "c, b, u, p"],
  [["linux", "resources", "devices", 0, "type"], "a", "a, c, b"],
  [["linux", "rootfsPropagation"], "rshared", "private, rprivate"],
  [["linux", "seccomp", "defaultAction"], "SCMP_ACT_ALLOW", "SCMP_ACT_KILL, "],
  [["linux", "seccomp", "architectures", 0], "SCMP_ARCH_RISCV64", "SCMP_ARCH_X86, "],
  [["linux", "seccomp", "flags", 0], "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_TSYNC"],
  [["linux", "seccomp", "syscalls", 0, "action"], "SCMP_ACT_LOG", "SCMP_ACT_KILL, "],
  [["linux", "seccomp", "syscalls", 0, "args", 0, "op"], "SCMP_CMP_NE", "SCMP_CMP_NE, "],
  [["linux", "personality", "domain"], "LINUX", "LINUX, LINUX32"],
  [["linux", "memoryPolicy", "mode"], "MPOL_WEIGHTED_INTERLEAVE", "MPOL_DEFAULT, "],
  [["linux", "memoryPolicy", "flags", 0], "MPOL_F_NUMA_BALANCING", "MPOL_F_NUMA_BALANCING"],
];

describe("a name of a closed set", () => {
  test.each(closed.map((row) => [spelled(row[0]), ...row] as const))(
    "is known: %s",
    (name, place, good, first) => {
      expect(shapeComplaint(place, good)).toBe("");
      expect(shapeComplaint(place, "toString")).toStartWith(
        `${name}: "toString" is unknown, wanted one of ${first}`,
      );
    },
  );

  test("may be empty where runc takes that as left out", () => {
    const document = fullConfig();
    set(document, ["linux", "rootfsPropagation"], "");
    set(document, ["linux", "resources", "devices", 0, "type"], "");
    const { linux } = validateConfig(document);
    expect(linux).not.toHaveProperty("rootfsPropagation");
    expect(linux?.resources?.devices?.[0]).not.toHaveProperty("type");
    expect(shapeComplaint(["linux", "namespaces", 0, "type"], "")).not.toBe("");
  });
});

describe("a map", () => {
  test("of time offsets knows two clocks", () => {
    expect(shapeComplaint(["linux", "timeOffsets", "realtime"], {})).toBe(
      'linux.timeOffsets["realtime"]: "realtime" is unknown, wanted one of monotonic, boottime',
    );
  });

  test.each(["a/b", "..", "memory", "../memory.high", ".x", ""])("of control files refuses %p", (name) => {
    expect(shapeComplaint(["linux", "resources", "unified", name], "1")).toContain("wanted a control file");
  });

  test.each(["a b", "", "..", "x".repeat(16)])("of network devices refuses %p", (name) => {
    expect(shapeComplaint(["linux", "netDevices", name], {})).toContain(
      "wanted the name of a network device",
    );
  });
});

describe("a list", () => {
  const filled: Step[][] = [
    ["process", "args"],
    ["linux", "seccomp", "syscalls", 0, "names"],
  ];

  test.each(filled.map((place) => [spelled(place), place] as const))("needs an entry: %s", (name, place) => {
    expect(shapeComplaint(place, [])).toBe(`${name}: is empty, wanted at least one entry`);
  });

  test("of personality flags takes none", () => {
    expect(shapeComplaint(["linux", "personality", "flags"], ["ADDR_NO_RANDOMIZE"])).toBe(
      "linux.personality.flags: […] does not fit, wanted an empty list",
    );
  });
});

describe("seccomp without an action", () => {
  test.each([{}, { defaultAction: "", syscalls: [] }, { syscalls: null }])(
    "and without rules is none: %p",
    (it) => {
      const document = fullConfig();
      set(document, ["linux", "seccomp"], it);
      expect(validateConfig(document).linux).not.toHaveProperty("seccomp");
    },
  );

  test("but with rules is refused", () => {
    const syscalls = [{ names: ["read"], action: "SCMP_ACT_ALLOW" }];
    expect(shapeComplaint(["linux", "seccomp"], { syscalls })).toStartWith(
      "linux.seccomp.defaultAction: is missing",
    );
  });
});

test.each([[null], [[]], [5], ["text"]])("a document that is %p is refused", (value) => {
  expect(complaintOf(() => validateConfig(value))).toEndWith("wanted an object");
});

describe("a document of its own", () => {
  test("can be a process", () => {
    expect(validateProcess(fullConfig().process) as unknown).toEqual(fullConfig().process);
    expect(() => validateProcess({ cwd: "x", args: ["a"] })).toThrow(
      'cannot use process.json: cwd: "x" does not fit, wanted an absolute path',
    );
    expect(() => validateProcess({ cwd: "/", args: ["a"], execCPUAffinity: { final: "x" } })).toThrow(
      'cannot use process.json: execCPUAffinity.final: "x" does not fit, wanted a list like "0-3,7"',
    );
  });

  test("can be resources", () => {
    expect(validateResources(fullConfig().linux.resources) as unknown).toEqual(fullConfig().linux.resources);
    expect(() => validateResources({ memory: { limit: "1g" } })).toThrow(
      'cannot use resources: memory.limit: "1g" is a string, wanted an integer',
    );
    expect(() => validateResources({ blockIO: { weightDevice: [{ major: 8, minor: 0 }] } })).toThrow(
      "cannot use resources: blockIO.weightDevice[0]: is without a weight",
    );
  });
});
