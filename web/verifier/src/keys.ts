import type { Event } from "./event.ts";
import type { Entry } from "./entry.ts";
import type { Json } from "./json.ts";
import { partyKeyOf, refuse } from "./verifier.js";
import type { Vkey } from "./vkey.ts";

// Whether keys might sign (formats.md section 5), from the threads of the parties that hold them.

/** The keys that an event adds to the party whose thread it stands in. */
export function keysAddedBy({ type, facts, by }: Event, place = "event"): Vkey[] {
  const opens = type === "ledger.opened";
  const registers = type === "party.registered";
  const added: Json = opens
    ? [facts.operator_key!]
    : registers
      ? (facts.keys ?? [])
      : type === "key.added"
        ? [facts.key!]
        : [];
  if (!Array.isArray(added)) return refuse("BAD_FACT", `${place}, facts/keys`, "an array of vkeys");
  return added.map((value) => {
    const key = partyKeyOf(value, `${place}, facts`);
    // Added keys sign after the author. Only the operator's first key is added by an event of which it is the author.
    if (by.findIndex((signer) => signer.text === key.text) < (opens ? 0 : 1)) {
      refuse("KEY_NO_POSSESSION", place, `a signature by ${key.text}, which it adds`);
    }
    return key;
  });
}

/**
 * Passes if every key of the entry's event was its party's and not revoked. Returns a party whose thread is not
 * whole, of whose keys nothing can be said. `entries` must hold the entry itself too.
 */
export function verifyKeys(at: Entry, entries: Entry[], place = "event"): string | undefined {
  let missing: string | undefined;
  at.event.by.forEach((key, i) => {
    const { party, last } = at.signers[i]!;
    const thread = entries
      .filter((entry) => entry.thread === party && entry.index <= at.index)
      .sort((a, b) => a.index - b.index);
    thread.forEach((entry, i) => {
      // In the order of the log their numbers rise, and none is higher than the signer line says.
      if (entry.place > last || (i > 0 && thread[i - 1]!.place >= entry.place)) {
        refuse(
          "",
          place,
          `the thread of ${party} to end at ${last}, found number ${entry.place} at ${entry.index}`,
        );
      }
    });
    const [first] = thread;
    if (first?.event.id !== party || thread.length !== last + 1) {
      missing ??= party;
      return;
    }
    let state: "KEY_UNKNOWN" | "good" | "KEY_REVOKED" = "KEY_UNKNOWN";
    for (const { event, index } of thread) {
      if (keysAddedBy(event, `entry ${index}`).some((added) => added.text === key.text)) {
        if (state !== "KEY_UNKNOWN")
          refuse("KEY_TAKEN", `entry ${index}`, "a key that was never there before");
        state = "good";
        // An entry acts on later ones, so a key may sign its own revocation.
      } else if (event.type === "key.revoked" && event.facts.key === key.text && index !== at.index) {
        state = "KEY_REVOKED";
      }
    }
    if (state !== "good")
      refuse(state, place, `a key of party ${party} that was not revoked, found ${key.text}`);
  });
  return missing;
}
