import { textOf } from "./bytes.ts";
import { type Checkpoint, cosignedAt } from "./checkpoint.ts";
import { refuse } from "./fault.ts";
import { countOf, isName } from "./grammar.ts";
import { ED25519, type Vkey, vkeyOf } from "./vkey.ts";

export const POLICY_LIMIT = 65_536;

/** What must have cosigned: a witness, or so many of a group's members. */
interface Rule {
  readonly witness?: Vkey;
  readonly atLeast: number;
  readonly members: string[];
}

/** A trust policy (c2sp.org/tlog-policy). */
export interface Policy {
  readonly logs: Vkey[];
  /** Witnesses and groups by name, each after those it refers to. */
  readonly rules: Map<string, Rule>;
  /** The name of a rule, or "none". */
  readonly quorum: string;
}

export function policyOf(bytes: Uint8Array, place = "policy"): Policy {
  const text = bytes.length > POLICY_LIMIT ? undefined : textOf(bytes);
  if (text === undefined || /[\0-\x08\x0b-\x1f\x7f]/.test(text))
    return refuse("", place, "64 KiB of UTF-8, no control characters but tab and newline");
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
    if (keyword === "log" && (items.length === 2 || items.length === 3)) {
      const key = vkeyOf(first);
      need(key?.type === ED25519 && isName(key.name), "log <vkey> [<url>]");
      need(!logs.some((log) => log.keyHex === key!.keyHex), "a key that no line before has");
      logs.push(key!);
    } else if (keyword === "witness" && (items.length === 3 || items.length === 4)) {
      const witness = vkeyOf(second);
      need(witness && witness.type !== ED25519, "witness <name> <vkey> [<url>], the vkey of a cosigner");
      const twice = [...rules.values()].some((rule) => rule.witness?.keyHex === witness!.keyHex);
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
  if (!logs[0] || !quorum) return refuse("", place, "a line log and a line quorum");
  return { logs, rules, quorum };
}

export interface Quorum {
  /** When the quorum was complete, in seconds since 1970; undefined if it is not. */
  readonly met?: bigint;
  /** When the first of its witnesses cosigned, in milliseconds since 1970; without any, never. */
  readonly earliest: number;
  /** What was found, in words. */
  readonly words: string;
}

/** By how many milliseconds an entry may be dated after a cosignature on its tree (decisions.md, "Witnesses"). */
export const MAX_LEAD = 60_000;

/** What the policy's witnesses say of a checkpoint. */
export async function quorumOf(policy: Policy, checkpoint: Checkpoint): Promise<Quorum> {
  const times = new Map<string, bigint>();
  let bad = "";
  for (const [name, rule] of policy.rules) {
    if (!rule.witness) continue;
    const time = await cosignedAt(checkpoint, rule.witness);
    if (typeof time === "bigint") times.set(name, time);
    else if (time === "bad") bad ||= `; the one by ${name} is not good`;
  }
  const good = [...times.keys()].join(", ") || "none";
  const earliest = Math.min(...[...times.values()].map(Number)) * 1000;
  // A group was complete when the last of its earliest `atLeast` members was.
  for (const [name, rule] of policy.rules) {
    if (rule.witness) continue;
    const known = rule.members.flatMap((member) => times.get(member) ?? []).sort((a, b) => (a < b ? -1 : 1));
    const time = known[rule.atLeast - 1];
    if (time !== undefined) times.set(name, time);
  }
  const met = times.get(policy.quorum);
  if (met !== undefined) return { met, earliest, words: `the quorum of the policy: ${good}` };
  return { earliest, words: `the quorum of the policy, found good cosignatures by ${good}${bad}` };
}
