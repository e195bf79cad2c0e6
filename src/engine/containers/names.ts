/** Names for containers that were given none: a manner and a boat. */
const manners =
  "able bold brave bright brisk calm clear daring eager early fair fast fleet gentle glad keen kind light lively lucky mellow merry neat nimble noble proud quick quiet ready sharp steady swift tidy trim true warm wise";
const boats =
  "barge barque brig canoe caravel clipper cog coracle cutter dhow dinghy ferry frigate galleon gig gondola hoy jangada junk kayak keel ketch launch lugger pinnace prau punt raft sampan schooner scow skiff sloop smack tartane tender trawler tug umiak whaler xebec yawl";

/** One that is not taken; with a number when chance finds none soon. */
export function inventName(isTaken: (name: string) => boolean, random: () => number = Math.random): string {
  const pick = (words: string) => {
    const list = words.split(" ");
    return list[Math.floor(random() * list.length)] ?? "sampan";
  };
  for (let number = 0; ; number++) {
    const name = `${pick(manners)}-${pick(boats)}${number < 5 ? "" : `-${number}`}`;
    if (!isTaken(name)) return name;
  }
}
