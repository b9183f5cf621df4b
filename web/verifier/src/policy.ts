import { fromOctets, octetsOf, textOf } from "./bytes.ts";
import { type Checkpoint, cosignedAt, mlDsaTimes } from "./checkpoint.ts";
import { Fault, refuse } from "./fault.ts";
import { countOf } from "./grammar.ts";
import { COSIGNATURE, ED25519, ML_DSA, type Vkey, vkeyOf } from "./vkey.ts";

export const POLICY_LIMIT = 262_144;

/** What must have cosigned: a witness, or at least `atLeast` of a group's members. */
interface Rule {
  readonly witness?: Vkey;
  readonly atLeast: number;
  readonly members: string[];
}

/** A trust policy (c2sp.org/tlog-policy). Its octets above 0x7F are opaque, so names are octets (`octetsOf`). */
export interface Policy {
  /** Keys of logs, of Ed25519 or ML-DSA-44; none if no log is trusted. */
  readonly logs: Vkey[];
  /** Witnesses and groups by name, each after those it refers to. */
  readonly rules: Map<string, Rule>;
  /** The name of a rule, or "none". */
  readonly quorum: string;
  /** Cosignatures before and after these times, in seconds since 1970, don't count for the quorum. */
  readonly ages?: [bigint, bigint];
}

export function policyOf(bytes: Uint8Array, place = "policy"): Policy {
  if (bytes.length > POLICY_LIMIT) refuse("", place, "at most 256 KiB");
  const text = octetsOf(bytes);
  if (text.startsWith("\xef\xbb\xbf")) throw new Fault("", place, "save it without a byte-order mark");
  if (text.includes("\r\n")) throw new Fault("", place, "its lines end in CR LF: save it with LF");
  if (/[\0-\x08\x0b-\x1f\x7f]/.test(text))
    refuse("", place, "no control characters but tab and newline");
  const logs: Vkey[] = [];
  const rules = new Map<string, Rule>();
  const grouped = new Set<string>();
  let quorum: string | undefined;

  text.split("\n").forEach((line, i) => {
    const items = line.match(/[^ \t]+/g) ?? [];
    const [keyword, first = "", second = "", ...rest] = items;
    if (!keyword || keyword.startsWith("#")) return;
    const need = (good: unknown, wanted: string) => {
      if (!good) refuse("", `${place}, line ${i + 1}`, wanted);
    };
    const define = (rule: Rule) => {
      need(first !== "none" && !rules.has(first), "a name that no line before has");
      rules.set(first, rule);
    };
    /** A key of that type or of ML-DSA-44, with any name of c2sp.org/signed-note. */
    const key = (octets: string, type: number, wanted: string): Vkey => {
      const key = vkeyOf(textOf(fromOctets(octets)) ?? "");
      need(key?.type === type || key?.type === ML_DSA, wanted);
      return key!;
    };
    if (keyword === "log" && (items.length === 2 || items.length === 3)) {
      const log = key(first, ED25519, "log <vkey> [<url>], the vkey of a log");
      need(!logs.some(({ keyHex }) => keyHex === log.keyHex), "a key that no line before has");
      logs.push(log);
    } else if (keyword === "witness" && (items.length === 3 || items.length === 4)) {
      const witness = key(second, COSIGNATURE, "witness <name> <vkey> [<url>], the vkey of a cosigner");
      const twice = [...rules.values()].some((rule) => rule.witness?.keyHex === witness.keyHex);
      need(!twice, "a key that no line before has");
      define({ witness, atLeast: 1, members: [] });
    } else if (keyword === "group" && rest.length > 0) {
      const atLeast = second === "all" ? rest.length : second === "any" ? 1 : (countOf(second) ?? 0);
      need(atLeast > 0 && atLeast <= rest.length, `any, all or a number from 1 to ${rest.length}`);
      for (const member of rest) {
        need(rules.has(member) && !grouped.has(member), "members of lines before, in one group only");
        grouped.add(member);
      }
      define({ atLeast, members: rest });
    } else {
      need(keyword === "quorum" && items.length === 2, "log, witness, group, quorum or a comment");
      need(!quorum && (first === "none" || rules.has(first)), "one quorum, of a line before");
      quorum = first;
    }
  });
  if (!quorum) return refuse("", place, "a line quorum");
  return { logs, rules, quorum };
}

/** An entry, whose time is compared with cosignatures. */
export interface Dated {
  readonly index: number;
  readonly time: string;
}

export interface Quorum {
  /** When the quorum was complete, in seconds since 1970; undefined if it is not. */
  readonly met?: bigint;
  /** Whether cosignatures that can't be checked here may complete it, or refute an entry. */
  readonly undecided: boolean;
  /** An entry that is dated after the first of its witnesses cosigned. */
  readonly late: Dated | undefined;
  /** What was found, in words. */
  readonly words: string;
}

/** By how many milliseconds an entry may be dated after a cosignature on its tree (decisions.md, "Witnesses"). */
const MAX_LEAD = 60_000;

const CANT = "of ML-DSA-44, which can't be checked here";

/** A name of the policy as people read it. */
function shown(name: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(fromOctets(name));
}

/** When the quorum was complete, by the times of witnesses. */
function completedAt({ rules, quorum }: Policy, witnesses: Map<string, bigint>): bigint | undefined {
  const times = new Map(witnesses);
  // A group was complete when the last of its earliest `atLeast` members was.
  for (const [name, rule] of rules) {
    if (rule.witness) continue;
    const known = rule.members.flatMap((member) => times.get(member) ?? []).sort((a, b) => (a < b ? -1 : 1));
    const time = known[rule.atLeast - 1];
    if (time !== undefined) times.set(name, time);
  }
  return times.get(quorum);
}

/** What the policy's witnesses say of a checkpoint. */
export async function quorumOf(policy: Policy, checkpoint: Checkpoint, entries: Dated[] = []): Promise<Quorum> {
  const times = new Map<string, bigint>();
  const unchecked: string[] = [];
  let bad = "";
  let unsure = Infinity;
  const [from, to] = policy.ages ?? [0n, 2n ** 63n];
  const counts = (time: bigint) => time >= from && time <= to;
  for (const [name, rule] of policy.rules) {
    if (!rule.witness) continue;
    const time = await cosignedAt(checkpoint, rule.witness, counts);
    unsure = Math.min(unsure, ...mlDsaTimes(checkpoint, rule.witness).map(Number).filter((time) => time > 0));
    if (typeof time === "bigint") times.set(name, time);
    else if (time === "bad") bad ||= `; the one by ${shown(name)} is not good${policy.ages ? ", or too old" : ""}`;
    else if (time === "unchecked") unchecked.push(name);
  }
  const after = (from: number) => entries.find(({ time }) => Date.parse(time) > from * 1000 + MAX_LEAD);
  const late = after(Math.min(...[...times.values()].map(Number)));
  for (const [name, time] of times) {
    if (counts(time)) continue;
    times.delete(name);
    bad ||= `; the one by ${shown(name)} is too ${time > to ? "new" : "old"}`;
  }
  const good = [...times.keys()].map(shown).join(", ") || "none";
  const met = completedAt(policy, times);
  if (met !== undefined) {
    const undecided = !!after(unsure);
    const words = undecided
      ? `an entry is later than one ${CANT}`
      : `the quorum of the policy: ${good}`;
    return { met, undecided, late, words };
  }
  const found = `good cosignatures by ${good}${bad}`;
  const supposed = new Map([...times, ...unchecked.map((name): [string, bigint] => [name, 0n])]);
  if (completedAt(policy, supposed) === undefined)
    return { undecided: false, late, words: `the quorum of the policy, found ${found}` };
  const names = unchecked.map(shown).join(", ");
  const words = `not decided here: ${found}; those by ${names} are ${CANT}`;
  return { undecided: true, late, words };
}
