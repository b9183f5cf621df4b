import { type Event, partyKeyOf } from "./event.ts";
import type { Entry, Signer } from "./entry.ts";
import { refuse } from "./fault.ts";
import type { Vkey } from "./vkey.ts";

// Whether keys might sign (formats.md section 5), from the threads of the parties that hold them.

/** The keys that an event adds to the party whose thread it stands in. */
export function keysAddedBy(event: Event, place = "event"): Vkey[] {
  const { type, facts } = event;
  const keys =
    type === "ledger.opened"
      ? [facts.operator_key]
      : type === "party.registered"
        ? (facts.keys ?? [])
        : type === "key.added"
          ? [facts.key]
          : [];
  if (!Array.isArray(keys)) return refuse("BAD_FACT", `${place}, facts/keys`, "an array of vkeys");
  const added = keys.map((key) => partyKeyOf(key, `${place}, facts`));
  for (const key of added) {
    // They stand after the author; only the operator's first key brings itself in.
    const at = event.by.findIndex((signer) => signer.text === key.text);
    if (at < (type === "ledger.opened" ? 0 : 1)) {
      refuse("KEY_NO_POSSESSION", `${place}, ${key.text}`, "a signature by the key that is added");
    }
  }
  return added;
}

/** The party's thread 0..last, or undefined if a part of it is not among the entries. */
function threadTo(signer: Signer, at: Entry, entries: Entry[]): Entry[] | undefined {
  const thread = entries
    .filter((entry) => entry.thread === signer.party && entry.index <= at.index)
    .sort((a, b) => a.index - b.index);
  thread.forEach((entry, i) => {
    const before = thread[i - 1];
    if (before && before.place >= entry.place) {
      refuse("ENTRY", `entry ${entry.index}, thread`, "a number above those of earlier entries");
    }
    if (entry.place > signer.last) {
      refuse(
        "ENTRY",
        `entry ${at.index}, signer ${signer.party}`,
        `the number ${entry.place}, which is enclosed`,
      );
    }
  });
  return thread.length === signer.last + 1 ? thread : undefined;
}

/**
 * Passes if every key of the entry's event was its party's and not revoked. Returns the parties whose
 * threads are not whole, for which nothing can be said. `entries` holds the entry itself too.
 */
export function verifyKeys(at: Entry, entries: Entry[], place = "event"): string[] {
  const missing: string[] = [];
  at.event.by.forEach((key, i) => {
    const signer = at.signers[i]!;
    const thread = threadTo(signer, at, entries);
    if (!thread) {
      missing.push(signer.party);
      return;
    }
    const first = thread[0]!.event;
    if (first.id !== signer.party || !["ledger.opened", "party.registered"].includes(first.type)) {
      refuse("KEY_UNKNOWN", `${place}, ${key.text}`, "a thread that a party's registration opens");
    }
    let state: "unknown" | "good" | "revoked" = "unknown";
    for (const entry of thread) {
      // An entry acts on later ones; but it may carry the signatures of the keys it adds itself.
      const itself = entry.index === at.index;
      const { type, facts } = entry.event;
      if (keysAddedBy(entry.event, `entry ${entry.index}`).some((added) => added.text === key.text)) {
        if (state !== "unknown")
          refuse("KEY_TAKEN", `entry ${entry.index}`, "a key that was never there before");
        state = "good";
      } else if (type === "key.revoked" && facts.key === key.text && !itself) {
        state = "revoked";
      }
    }
    if (state === "unknown") refuse("KEY_UNKNOWN", `${place}, ${key.text}`, `a key of party ${signer.party}`);
    if (state === "revoked") refuse("KEY_REVOKED", `${place}, ${key.text}`, "a key not revoked before");
  });
  return missing;
}
