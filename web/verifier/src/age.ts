import type { Policy } from "./verifier.js";

/** Why a limit on the age of cosignatures can't be applied. */
export class AgeFault extends Error {
  // The members that a `Fault` has.
  readonly code = "";
  readonly place = "";
}

/** The policy with a limit: only cosignatures no older than `text` count, which is seconds, or a number with s, m, h or d. */
export function noOlder(policy: Policy | undefined, text: string, place: string): Policy {
  const [, number = "", unit = ""] = /^\+?([0-9]{1,20})([smhd]?)$/.exec(text) ?? [];
  const age = BigInt(number) * BigInt({ s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? 1);
  if (!number || age >= 2n ** 64n)
    throw new AgeFault(`${place} ${text}: expected seconds, or a number with s, m, h or d, such as 24h`);
  if (!policy || policy.quorum === "none") throw new AgeFault(`${place} needs a policy that asks for witnesses`);
  const now = BigInt(Math.floor(Date.now() / 1000));
  // A cosignature more than a minute in the future is by a wrong clock, so nobody can tell how old it is.
  return { ...policy, ages: [now - age, now + 60n] };
}
