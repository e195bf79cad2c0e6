/**
 * Not a fault with a number, but one of many runtimes: a caller that ignores SIGPIPE (Python, Go, nohup) or blocks signals hands that to the
 * container, whose programs then do not end when they should, and a shutdown's SIGTERM is never delivered. Here: the mask is empty and each
 * disposition is the default, by every verb. The first test shows that the caller really has what the container must not get.
 */
import { afterAll, beforeAll, expect, test as plain } from "bun:test";
import { needing } from "../needs.ts";
import { auditBy, verbs } from "./_audit.ts";
import { Bundle, needs } from "./_bundle.ts";

const { describe } = needing({ ...needs, programs: [...needs.programs, "perl"] });
const none = "0000000000000000";

/** Ignores whatever can be ignored, blocks whatever can be blocked, then becomes its arguments. */
const deaf = [
  "perl",
  "-MPOSIX",
  "-e",
  '$SIG{$_} = "IGNORE" for qw(HUP INT QUIT PIPE TERM USR1 USR2 TSTP TTIN TTOU WINCH URG); my $all = POSIX::SigSet->new; $all->fillset; sigprocmask(SIG_BLOCK, $all); exec @ARGV',
];

needing({ programs: ["perl"] }).test("the caller of these tests blocks and ignores signals", () => {
  const own = Bun.spawnSync([...deaf, "grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]).stdout.toString();
  expect(own).toMatch(/^SigBlk:\t[0-9a-f]*[1-9a-f]/);
  expect(own).toMatch(/SigIgn:\t[0-9a-f]*[1-9a-f]/);
});

describe.each([...verbs])("%s", (verb) => {
  let bundle: Bundle;
  beforeAll(() => void (bundle = new Bundle()));
  afterAll(() => bundle[Symbol.dispose]());

  plain("gives the process no blocked, no ignored and no pending signal", async () => {
    const { status } = await auditBy(bundle, verb, { wrapper: deaf });
    expect(status).toMatchObject({ SigBlk: none, SigIgn: none, SigCgt: none, SigPnd: none, ShdPnd: none });
  });
});
