import type { Event } from "./event.ts";
import { Unreadable } from "./unzip.ts";
import {
  countOf,
  type Examined,
  type Member,
  type Policy,
  refused,
  type Report,
  sentencesOf,
  wordsOf,
} from "./verifier.js";

// A case file: an exhibit of each entry of a case (docs/exhibits.md). Reports are worded as by the command
// `onrecord verify`.

const NAME = /^exhibit-(\d+)\.zip$/;

/** Whether a name is that of an exhibit in a case file. Its number may be too large for an entry. */
export function isExhibitName(name: string): boolean {
  return NAME.test(name);
}

/** Checks one exhibit, as it was made or packed anew. */
type Examine = (bytes: Member["bytes"], policy?: Policy) => Promise<Examined>;

/** Why a case file is refused: by which check, and what is wrong. */
class Fault extends Error {
  constructor(
    readonly check: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Checks each exhibit as `verifyExhibit` does, that all stand in one tree, and that by their `thread` lines they are one
 * case from its first entry on, with none missing between. `anew` says where they come from, if not from the case file as
 * it was made.
 */
export async function verifyCase(members: Member[], examine: Examine, policy?: Policy, anew?: string): Promise<Report> {
  const checks: Report["checks"] = [];
  const say = (name: string, state: Report["checks"][number]["state"], text: string) => {
    checks.push({ name, state, text });
  };
  try {
    return await run(members, examine, policy, anew, checks, say);
  } catch (error) {
    if (error instanceof Unreadable) throw error;
    const text = error instanceof Error ? error.message : String(error);
    say(error instanceof Fault ? error.check : "case file", "FAILED", text);
    return refused(checks, text, "case file");
  }
}

async function run(
  members: Member[],
  examine: Examine,
  policy: Policy | undefined,
  anew: string | undefined,
  checks: Report["checks"],
  say: (name: string, state: Report["checks"][number]["state"], text: string) => void,
): Promise<Report> {
  const exhibits = exhibitsOf(members, anew !== undefined);
  const count = exhibits.length;
  const s = count === 1 ? "" : "s";
  const how = anew ?? "nothing compressed, no other bytes";
  say("case file", anew === undefined ? "ok" : "not checked", `${count} exhibit${s}, ${how}`);
  let first: Examined | undefined;
  let undecided: string | undefined;
  let unread: Unreadable | undefined;
  const events: { index: number; event: Event }[] = [];
  const lacks = { content: [] as number[], files: [] as number[] };
  for (const [number, { index, name, bytes }] of exhibits.entries()) {
    // Each of them must be an exhibit, since its name says so.
    const examined = await examine(bytes, policy).catch((error: unknown) => {
      if (error instanceof Unreadable) return error;
      throw error instanceof Error ? new Fault("exhibits", `${name}: ${error.message}`) : error;
    });
    if (examined instanceof Unreadable) {
      // The others are still checked, since one of them may be refused.
      unread ??= examined;
      continue;
    }
    const { report, found } = examined;
    const failed = report.checks.find(({ state }) => state === "FAILED");
    if (failed || !found) throw new Fault("exhibits", `${name}: ${failed?.name}: ${failed?.text}`);
    const { entry } = found;
    if (entry.index !== index)
      throw new Fault("exhibits", `${name}: expected entry ${index}, found entry ${entry.index}`);
    for (const { name: check, state, text } of report.checks) {
      if (["entry", "event"].includes(check) && state !== "ok") undecided ??= `${name}: ${check}: ${text}`;
      if ((check === "content" || check === "files") && state === "not enclosed") lacks[check].push(index);
    }
    events.push({ index, event: entry.event });
    first ??= examined;
    const opening = first.found!.entry;
    if (found.checkpointText !== first.found!.checkpointText)
      throw new Fault("checkpoint", `${name}: expected the checkpoint of the first, byte for byte`);
    const fail = (what: string): never => {
      throw new Fault("thread", `${name}: ${what}`);
    };
    if (entry.thread !== opening.thread)
      fail(`expected an entry of the case ${opening.thread}, found one of ${entry.thread}`);
    if (entry.place !== number) {
      const why = entry.place > number ? "entries of the case are missing before it" : "two have one number";
      fail(`expected entry ${number} of the case, found ${entry.place}: ${why}`);
    }
    if (number === 0 && (opening.event.type !== "case.opened" || opening.event.id !== opening.thread))
      fail("expected the event that opens the case");
  }
  // With one unread, nobody can say that none is missing.
  if (unread) throw unread;
  const { report, found, witnessed } = first!;
  const [from, to] = [exhibits[0]!.index, exhibits.at(-1)!.index];
  if (undecided === undefined) say("exhibits", "ok", `each of the ${count} carries its own proof`);
  else say("exhibits", "not checked", undecided);
  say(
    "thread",
    "ok",
    `entries 0 to ${count - 1} of the case, which are entries ${from} to ${to} of the ledger; ` +
      "by the ledger's numbering none between them is missing",
  );
  for (const [name, what] of [["content", "words"], ["files", "files"]] as const) {
    const without = lacks[name].join(", ");
    if (without) say(name, "not enclosed", `${what} of entries ${without}`);
    else say(name, "ok", `all ${what} that are committed to`);
  }
  // These checks are the same in each exhibit: all have one checkpoint, and are checked by one policy.
  checks.push(...report.checks.filter(({ name }) => ["checkpoint", "witnesses", "timestamps"].includes(name)));

  const isOk = (name: string) => checks.some((check) => check.name === name && check.state === "ok");
  const isBrought = isOk("exhibits") && !policy && report.key;
  const isValid = report.verdict === "valid" && isOk("exhibits") && isOk("checkpoint");
  const verdict = isValid ? "valid" : isBrought ? "brought" : "incomplete";
  const whose = isOk("content") ? "these" : "their";
  const sentences = sentencesOf({
    proved: [
      isOk("exhibits") && `the holders of these keys signed these facts and the digests of ${whose} words`,
      isOk("checkpoint") && `the ledger committed to them at their indexes, from ${from} to ${to}`,
    ],
    witnessed,
    ledgersWord:
      "its clock, its numbering (so that no entry of the case is missing between the first and the last here), " +
      "that its rules were followed",
    notShown:
      "that the last entry here is the last of the case, that nothing later corrects, withdraws or revokes",
    knownAt: isOk("exhibits")
      ? `${found!.checkpoint.size}; ${actsAmong(events)}what other entries did to these stands in the ledger`
      : undefined,
  });
  const { origin } = found!.checkpoint;
  return { checks, verdict, words: wordsOf(verdict, "its exhibits"), sentences, origin, key: report.key };
}

/** What an entry of a type does to the one that its ref names, in words, in the order in which acts are told. */
const ACTS: Record<string, [role: string, words: string]> = {
  "correction.issued": ["corrects", "corrected"],
  "content.withheld": ["entry", "withheld"],
  "content.released": ["entry", "given back"],
  "statement.revised": ["statement", "seen changed"],
  "statement.withdrawn": ["statement", "seen withdrawn"],
  "deadline.adjusted": ["demand", "date for the answer moved"],
  "demand.withdrawn": ["demand", "withdrawn"],
  "demand.escalated": ["demand", "taken elsewhere"],
  "commitment.closed": ["commitment", "promise closed"],
};
const ORDER = ["declared void", ...Object.values(ACTS).map(([, words]) => words)];
const ACTS_TOLD = 50;

/** What entries did to one another, in words: of each kind the newest act that was not declared void itself. */
function actsAmong(events: { index: number; event: Event }[]): string {
  const done = events.flatMap(({ index, event: { id, type, refs, facts } }) => {
    const [role, words] = ACTS[type] ?? [];
    const isVoid = type === "correction.issued" && facts["effect"] === "void";
    return role === undefined ? [] : [{ by: index, id, to: refs[role], words: isVoid ? ORDER[0]! : words! }];
  });
  const isVoid = new Set(done.filter(({ words }) => words === ORDER[0]).map(({ to }) => to));
  const places = new Map<unknown, number>(events.map(({ index, event }) => [event.id, index]));
  const newest = new Map<string, [to: number, words: string, by: number]>();
  for (const { by, id, to, words } of done) {
    const place = places.get(to);
    if (place !== undefined && !isVoid.has(id)) newest.set(`${place} ${words}`, [place, words, by]);
  }
  const all = [...newest.values()].sort(([a, u], [b, v]) => a - b || ORDER.indexOf(u) - ORDER.indexOf(v));
  const told = all.slice(0, ACTS_TOLD).map(([to, words, by]) => `${to} ${words} (${by})`);
  if (all.length > ACTS_TOLD) told.push(`${all.length - ACTS_TOLD} more`);
  return told.length > 0 ? `among these ${told.join(", ")}; ` : "";
}

interface Exhibit extends Member {
  readonly index: number;
}

/** The exhibits by rising indexes. In a case file as it was made they must stand so, with README.txt last and nothing else. */
function exhibitsOf(members: Member[], anew: boolean): Exhibit[] {
  const exhibits = members.flatMap((member): Exhibit | [] => {
    const [, digits] = NAME.exec(member.name) ?? [];
    if (digits === undefined) return [];
    const index = countOf(digits);
    if (index === undefined) throw new Fault("case file", `${member.name}: expected the number of an entry`);
    return { ...member, index };
  });
  const rising = exhibits.every(({ index }, i) => i === 0 || exhibits[i - 1]!.index < index);
  const rest = members.length - exhibits.length;
  if (!anew && (!rising || rest !== 1 || members.at(-1)!.name !== "README.txt"))
    throw new Fault("case file", "expected exhibits in the order of their indexes, then README.txt");
  return exhibits.sort((a, b) => a.index - b.index);
}
