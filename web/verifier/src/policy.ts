import { fromOctets, octetsOf, textOf } from "./bytes.ts";
import { type Checkpoint, cosignedAt } from "./checkpoint.ts";
import { refuse } from "./fault.ts";
import { countOf } from "./grammar.ts";
import { COSIGNATURE, ED25519, type Vkey, vkeyOf } from "./vkey.ts";

export const POLICY_LIMIT = 65_536;

/** What must have cosigned: a witness, or so many of a group's members. */
type Rule = { readonly witness: Vkey } | { readonly atLeast: number; readonly members: string[] };

/** A trust policy (c2sp.org/tlog-policy). */
export interface Policy {
  readonly logs: Vkey[];
  /** Witnesses and groups by name, each after those it refers to. */
  readonly rules: Map<string, Rule>;
  /** The name of a rule, or "none". */
  readonly quorum: string;
}

export function policyOf(bytes: Uint8Array, place = "policy"): Policy {
  if (bytes.length > POLICY_LIMIT) refuse("POLICY", place, `at most ${POLICY_LIMIT} bytes`);
  const text = octetsOf(bytes); // names are opaque octets
  if (/[\0-\x08\x0b-\x1f\x7f]/.test(text))
    refuse("POLICY", place, "no control character but tab and newline");
  const logs: Vkey[] = [];
  const rules = new Map<string, Rule>();
  const witnessKeys = new Set<string>();
  const members = new Set<string>();
  let quorum: string | undefined;

  text.split("\n").forEach((line, i) => {
    const here = `${place}, line ${i + 1}`;
    const fail = (wanted: string): never => refuse("POLICY", here, wanted);
    const vkey = (token: string | undefined, types: number[]): Vkey => {
      const key = vkeyOf(textOf(fromOctets(token ?? "")) ?? "");
      return key && types.includes(key.type) ? key : fail("a vkey of a type for this use");
    };
    const define = (name: string | undefined, rule: Rule) => {
      if (!name || name === "none" || rules.has(name)) fail("a new name");
      rules.set(name!, rule);
    };
    const items = line.split(/[ \t]+/).filter((item) => item !== "");
    const [keyword, first, second, ...rest] = items;
    if (keyword === undefined || keyword.startsWith("#")) return;
    if (keyword === "log") {
      const key = vkey(first, [ED25519]);
      if (items.length > 3) fail("a vkey and at most a URL");
      if (logs.some((log) => log.keyHex === key.keyHex)) fail("no log key twice");
      logs.push(key);
    } else if (keyword === "witness") {
      const key = vkey(second, [COSIGNATURE, 6]);
      if (items.length > 4) fail("a name, a vkey and at most a URL");
      if (witnessKeys.has(key.keyHex)) fail("no witness key twice");
      witnessKeys.add(key.keyHex);
      define(first, { witness: key });
    } else if (keyword === "group") {
      const atLeast = second === "all" ? rest.length : second === "any" ? 1 : (countOf(second ?? "") ?? 0);
      if (rest.length < 1 || atLeast < 1 || atLeast > rest.length)
        fail("all, any or a number from 1 to the members");
      for (const member of rest) {
        if (!rules.has(member)) fail(`${member} defined above`);
        if (members.has(member)) fail(`${member} in one group, once`);
        members.add(member);
      }
      define(first, { atLeast, members: rest });
    } else if (keyword === "quorum") {
      if (items.length !== 2 || quorum !== undefined) fail("one quorum line with one name");
      if (first !== "none" && !rules.has(first!)) fail(`${first} defined above`);
      quorum = first;
    } else {
      fail("log, witness, group or quorum");
    }
  });
  return { logs, rules, quorum: quorum ?? refuse("POLICY", place, "a quorum line") };
}

export interface Quorum {
  /** The earliest time in seconds by which the quorum had cosigned; undefined if it has not. */
  readonly met?: number;
  /** Key names of the policy's witnesses that cosigned. */
  readonly cosigned: string[];
}

export async function quorumOf(
  policy: Policy,
  checkpoint: Checkpoint,
  place = "checkpoint",
): Promise<Quorum> {
  const times = new Map<string, number>();
  const cosigned: string[] = [];
  for (const [name, rule] of policy.rules) {
    if (!("witness" in rule)) continue;
    const time = await cosignedAt(checkpoint, rule.witness, place);
    if (time === undefined) continue;
    times.set(name, time);
    cosigned.push(rule.witness.name);
  }
  // A group was complete when the last of its earliest `atLeast` members cosigned.
  for (const [name, rule] of policy.rules) {
    if ("witness" in rule) continue;
    const met = rule.members.flatMap((member) => times.get(member) ?? []).sort((a, b) => a - b);
    const time = met[rule.atLeast - 1];
    if (time !== undefined) times.set(name, time);
  }
  return { met: times.get(policy.quorum), cosigned };
}
