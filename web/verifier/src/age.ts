import type { Policy } from "./verifier.js";

/** Why nobody can go by an age. */
export class AgeFault extends Error {
  // As faults of what is read have them.
  readonly code = "";
  readonly place = "";
}

/** A policy by which only cosignatures count that are no older than this: seconds, or a number with s, m, h or d. */
export function noOlder(policy: Policy | undefined, text: string, place: string): Policy {
  const [, number = "", unit = ""] = /^\+?([0-9]{1,20})([smhd]?)$/.exec(text) ?? [];
  const age = BigInt(number) * BigInt({ s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1);
  if (!number || age >= 2n ** 64n)
    throw new AgeFault(`${place} ${text}: expected seconds, or a number with s, m, h or d, such as 24h`);
  if (!policy || policy.quorum === "none") throw new AgeFault(`${place} needs a policy that asks for witnesses`);
  const now = BigInt(Math.floor(Date.now() / 1000));
  // By a clock that is more than a minute ahead it says nothing of what was seen since.
  return { ...policy, ages: [now - age, now + 60n] };
}
