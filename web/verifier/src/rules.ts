import { Point } from "@noble/ed25519";
import type { Bytes } from "./bytes.ts";
import { hexOf } from "./bytes.ts";
import { contentOf, filesOf, hasSalt, verifyContent } from "./content.ts";
import type { Entry } from "./entry.ts";
import { type Event, partyKeyOf, verifySignatures } from "./event.ts";
import { refuse } from "./fault.ts";
import { blake3Hex, sha256 } from "./hash.ts";
import { isObject } from "./json.ts";
import {
  isPseudonymous,
  itemsOf,
  ruleOf,
  type Schema,
  type TypeRule,
  verifyPseudonym,
  verifyType,
} from "./schema.ts";
import type { Vkey } from "./vkey.ts";

// A ledger's rules (formats.md sections 3 to 5, events.json), applied entry by entry as a full verifier does.
// Exhibits are not checked by them: that needs the whole log.

interface Held {
  readonly vkey: Vkey;
  readonly party: string;
  revoked: boolean;
}

/** An event on record, with the parties that stand in its `by`. */
interface Recorded {
  readonly event: Event;
  readonly authors: string[];
  readonly withheld: Set<string>;
  voided: boolean;
  closed: boolean;
  count: number;
}

const one = (event: Event, role: string): string | undefined => {
  const value = event.refs[role];
  return Array.isArray(value) ? value[0] : value;
};

export class Ledger {
  private readonly records = new Map<string, Recorded>();
  private readonly keys = new Map<string, Held>();
  private readonly nameOwners = new Map<string, string>();
  private readonly roles = new Map<string, Set<string>>();
  private readonly threads = new Map<string, number>();
  /** By the digest of words: the events that carry these words and whose words are withheld. */
  private readonly withheldWords = new Map<string, Set<string>>();
  private readonly files = new Map<string, Bytes>();
  private operator = "";
  private checkpointKey = "";
  private last: Entry | undefined;

  constructor(
    private readonly schema: Schema,
    files: Bytes[] = [],
  ) {
    for (const file of files) this.files.set(blake3Hex(file), file);
  }

  /** Passes if the event may become the next entry; changes nothing. Without words `content` is undefined. */
  async admit(event: Event, content: Bytes | undefined, atTheDoor: boolean): Promise<void> {
    verifyType(this.schema, event);
    await verifySignatures(event);
    const rule = ruleOf(this.schema, event);
    if (this.last && event.type === "ledger.opened") refuse("ALREADY_OPENED", "event, type", "one opening");
    if (!this.last && event.type !== "ledger.opened")
      refuse("NOT_OPENED", "event, type", "ledger.opened first");
    this.verifyKeys(event, atTheDoor);
    this.verifyWho(event, rule);
    this.verifyRefs(event, rule);
    this.verifyWords(event, content, atTheDoor);
    this.verifyChecks(event);
  }

  /** Takes an entry on record after checking what the ledger added to its event. */
  async append(entry: Entry, content: Bytes | undefined): Promise<void> {
    const { event, index } = entry;
    if (this.records.has(event.id)) refuse("ENTRY", "event", "an event that is not on record yet");
    await this.admit(event, content, false);
    if (index !== (this.last?.index ?? -1) + 1) refuse("ENTRY", "index", "the next index");
    if (this.last && entry.origin !== this.last.origin)
      refuse("WRONG_ORIGIN", "entry", "the ledger's origin");
    if (this.last && entry.prev !== blake3Hex(this.last.bytes))
      refuse("ENTRY", "prev", "the hash of the entry before");
    if (this.last && entry.time < this.last.time)
      refuse("ENTRY", "time", "a time that doesn't run backwards");
    const next = this.threads.get(entry.thread) ?? 0;
    if (entry.place !== next) refuse("ENTRY", "thread", `the number ${next}`);
    this.threads.set(entry.thread, next + 1);
    for (const vkey of this.addedBy(event)) {
      const party = event.type === "key.added" ? one(event, "party")! : event.id;
      this.keys.set(vkey.keyHex, { vkey, party, revoked: false });
      this.nameOwners.set(vkey.name, party);
    }
    entry.signers.forEach((signer, i) => {
      const party = this.keys.get(event.by[i]!.keyHex)!.party;
      const length = this.threads.get(party)! - 1;
      if (signer.party !== party || signer.last !== length) {
        refuse("ENTRY", `signer ${i + 1}`, `${party} ${length}`);
      }
    });
    this.fold(event);
    this.last = entry;
  }

  /** Whether the words of an event on record, or a file that they name, are withheld there. */
  withholds(id: string, position = "content"): boolean {
    return this.records.get(id)?.withheld.has(position) ?? false;
  }

  private fold(event: Event): void {
    const { type, facts, id } = event;
    const authors = event.by.map((key) => this.keys.get(key.keyHex)!.party);
    const party = one(event, "party");
    const count = typeof facts.count === "number" ? facts.count : 0;
    this.records.set(id, { event, authors, withheld: new Set(), voided: false, closed: false, count });
    if (type === "ledger.opened") {
      this.operator = id;
      this.checkpointKey = partyKeyOf(facts.checkpoint_key, "event").keyHex;
    }
    if (type === "key.revoked") this.keys.get(partyKeyOf(facts.key, "event").keyHex)!.revoked = true;
    if (type === "role.granted") {
      this.roles.set(party!, (this.roles.get(party!) ?? new Set()).add(String(facts.role)));
    }
    if (type === "role.revoked") this.roles.get(party!)?.delete(String(facts.role));
    const target = (role: string) => this.records.get(one(event, role)!)!;
    if (type === "collection.counted" || type === "collection.closed") target("collection").count = count;
    if (type === "collection.closed") target("collection").closed = true;
    if (type === "commitment.closed") target("commitment").closed = true;
    if (type === "correction.issued" && facts.effect === "void") target("corrects").voided = true;
    if (type === "content.withheld" || type === "content.released") {
      const { withheld, event: touched } = target("entry");
      for (const blob of facts.blobs as string[]) {
        const out = type === "content.withheld";
        if (out) withheld.add(blob);
        else withheld.delete(blob);
        if (blob !== "content" || !touched.content) continue;
        const holders = this.withheldWords.get(touched.content.blake3) ?? new Set();
        this.withheldWords.set(touched.content.blake3, holders);
        if (out) holders.add(touched.id);
        else holders.delete(touched.id);
      }
    }
  }

  private addedBy({ type, facts }: Event): Vkey[] {
    const keys =
      type === "ledger.opened"
        ? [facts.operator_key]
        : type === "party.registered"
          ? ((facts.keys ?? []) as string[])
          : type === "key.added"
            ? [facts.key]
            : [];
    return keys.map((key) => partyKeyOf(key, "event, facts"));
  }

  private verifyKeys(event: Event, atTheDoor: boolean): void {
    const { type, facts, origin } = event;
    const added = this.addedBy(event);
    const party = one(event, "party") ?? event.id;
    // A key that this event adds may sign it; as its author only in ledger.opened. `undefined` stands for such a key.
    const signers = event.by.map((key, i) => {
      if ((i > 0 || type === "ledger.opened") && added.some((each) => each.text === key.text)) return undefined;
      const held = this.keys.get(key.keyHex);
      return held?.vkey.text === key.text ? held : refuse("KEY_UNKNOWN", `event, by/${i}`, "a key on record");
    });
    signers.forEach((held, i) => {
      if (held?.revoked) refuse("KEY_REVOKED", `event, by/${i}`, "a key not revoked");
    });
    if (type === "key.revoked") {
      const key = partyKeyOf(facts.key, "event, facts/key");
      const held = this.keys.get(key.keyHex);
      if (held?.vkey.text !== key.text || held.party !== party) {
        return refuse("KEY_UNKNOWN", "event, facts/key", "a key of that party");
      }
      if (held.revoked) refuse("KEY_REVOKED", "event, facts/key", "a key not revoked");
    }
    const logKey =
      type === "ledger.opened" ? partyKeyOf(facts.checkpoint_key, "event").keyHex : this.checkpointKey;
    const known = [...this.keys.values()].map(({ vkey }) => vkey);
    const place = ({ name }: Vkey) => `event, facts, ${name}`;
    added.forEach((key, i) => {
      const twin = [...known, ...added.slice(0, i)].some((each) => each.name === key.name && each.id === key.id);
      if (this.keys.has(key.keyHex) || key.keyHex === logKey || twin) {
        refuse("KEY_TAKEN", place(key), "a key that was never on record");
      }
    });
    for (const key of added) {
      const owner = this.nameOwners.get(key.name) ?? party;
      if (owner !== party) refuse("KEY_NAME_TAKEN", place(key), "a name of no other party");
    }
    for (const key of added) {
      const signed = event.by.some((each) => each.text === key.text);
      if (!signed) refuse("KEY_NO_POSSESSION", place(key), "the key's own signature");
    }
    for (const key of added) {
      if (atTheDoor && !Point.fromBytes(key.key).isTorsionFree())
        refuse("KEY_TORSION", place(key), "a key without torsion");
    }
    const kind = this.records.get(party)?.event.facts.kind;
    if (type === "key.added" && isPseudonymous(kind)) {
      for (const key of added) verifyPseudonym(key, origin, "event, facts/key");
    }
  }

  private verifyWho(event: Event, rule: TypeRule): void {
    const author = this.keys.get(event.by[0]!.keyHex)?.party ?? "";
    const operator = author === this.operator;
    const may = rule.who.some((who) => {
      const [word, role = ""] = who.split(":");
      const id = one(event, role);
      const about = this.records.get(id ?? "");
      switch (word) {
        case "first":
          return !this.last && event.by[0]!.text === event.facts.operator_key;
        case "op":
          return operator;
        case "reg":
          return operator || this.roles.get(author)?.has("registrar");
        case "rec":
          return operator || this.roles.get(author)?.has("recorder");
        case "any":
          return true;
        case "self":
          return id === author;
        case "author":
          return about?.authors.includes(author);
        case "subject":
          return (
            about &&
            (ruleOf(this.schema, about.event).subject ?? []).some((role) =>
              [about.event.refs[role] ?? []].flat().includes(author),
            )
          );
        default:
          return false;
      }
    });
    if (!may) refuse("NOT_ALLOWED", "event, by/0", rule.who.join(" or "));
  }

  private verifyRefs(event: Event, rule: TypeRule): void {
    const target = (id: string, place: string, kind: "any" | string[]): Event => {
      const found = this.records.get(id)?.event ?? refuse("REF_UNKNOWN", place, "an event on record");
      if (kind !== "any" && !kind.includes(found.type)) refuse("REF_KIND", place, kind.join(" or "));
      return found;
    };
    if (event.case !== undefined) target(event.case, "event, case", ["case.opened"]);
    for (const [role, value] of Object.entries(event.refs)) {
      const { kind, cross } = rule.refs[role]!;
      for (const id of [value].flat()) {
        const found = target(id, `event, refs/${role}`, kind);
        const opened = found.type === "case.opened" ? found.id : found.case;
        // What is withheld or corrected is of the event's own case, or both are of none.
        const touched = /^content\./.test(event.type) ? "entry" : "corrects";
        const bound = role === touched || (!cross && opened !== undefined);
        const own = event.type === "case.opened" ? event.id : event.case;
        if (bound && opened !== own) refuse("REF_CASE", `event, refs/${role}`, "an event of the same case");
      }
    }
  }

  private verifyWords(event: Event, content: Bytes | undefined, atTheDoor: boolean): void {
    const ref = event.content;
    if (!ref) return;
    if (content) verifyContent(content, ref);
    else if (atTheDoor) refuse("CONTENT_MISSING", "content", "the words");
    if (content && atTheDoor) this.verifyAtTheDoor(content);
    if (this.withheldWords.get(ref.blake3)?.size) {
      refuse("BLOB_WITHHELD", "content", "words that are not withheld");
    }
  }

  /** Checks of words that bind submissions at the door, and no entry on record. */
  private verifyAtTheDoor(content: Bytes): void {
    const fail = () =>
      refuse("CONTENT_JSON", "content", "one I-JSON object, and files as section 3 has them");
    const words = contentOf(content) ?? fail();
    if (!hasSalt(words)) refuse("CONTENT_SALT", "content, salt", "16 random bytes in base64");
    (filesOf(words) ?? fail()).forEach((file, i) => {
      const bytes = this.files.get(file.blake3) ?? refuse("FILE_MISSING", `content, files/${i}`, "the file");
      if (bytes.length !== file.size || hexOf(sha256(bytes)) !== file.sha256) {
        refuse("FILE_DIGEST", `content, files/${i}`, "the size and digest that the words name");
      }
    });
  }

  /** The closed list `checks` of events.json, without those that say "at the door only". */
  private verifyChecks(event: Event): void {
    const { type, facts, at } = event;
    const check = (name: string, holds: boolean) => {
      if (!holds) refuse("CHECK_FAILED", name, "what events.json says of it");
    };
    const record = (role: string) => this.records.get(one(event, role) ?? "");
    const day = (text: string) => text.slice(0, 10);
    const opened = this.records.get(event.case ?? "")?.event;
    if (type === "demand.issued") {
      check("demand.respondent", one(event, "respondent") === (opened && one(opened, "respondent")));
      check("demand.items", Number(facts.items) >= 1 && Number(facts.items) <= 100);
      check("demand.sender", "petitioner" in event.refs || "counsel" in event.refs);
    }
    if (isObject(facts.deadline) && facts.deadline.rule !== undefined) {
      const { rule, weekly, holidays } = facts.deadline;
      const act = rule === "my-interpretation-act-54";
      check("deadline.rule", act ? weekly !== undefined && holidays !== undefined : weekly === undefined);
    }
    if (type === "disclosure.made") {
      const demand = record("demand")?.event;
      check("disclosure.reply", (facts.kind === "reply") === (demand !== undefined));
      check("disclosure.reply", demand !== undefined || facts.items === undefined);
      if (demand) {
        check("disclosure.reply", one(event, "party") === one(demand, "respondent"));
        check(
          "disclosure.reply",
          itemsOf(facts).every((item) => item <= Number(demand.facts.items)),
        );
      }
    }
    if (type === "answer.assessed") {
      const disclosure = record("disclosure")!.event;
      check("assessment.pair", one(disclosure, "demand") === one(event, "demand"));
      const answered = itemsOf(disclosure.facts);
      check(
        "assessment.pair",
        itemsOf(facts).every((item) => answered.includes(item)),
      );
    }
    if (/^(notice\.dispatched|delivery\.evidenced|deadline\.adjusted|collection\..*)$/.test(type)) {
      check("at.day", at.length >= 10);
    }
    if (type === "delivery.evidenced" || type === "receipt.acknowledged") {
      check("evidence.order", day(at) >= day(record("notice")!.event.at));
    }
    if (type === "collection.counted" || type === "collection.closed") {
      const { closed, count } = record("collection")!;
      check("collection.open", !closed && Number(facts.count) >= count);
    }
    if (type === "commitment.closed") check("commitment.open", !record("commitment")!.closed);
    if (type === "content.withheld" || type === "content.released") {
      const { event: touched, withheld } = record("entry")!;
      const released = type === "content.released";
      check("withholding.state", touched.content !== undefined);
      check(
        "withholding.state",
        (facts.blobs as string[]).every((blob) => withheld.has(blob) === released),
      );
    }
    if (type === "case.opened") {
      check(
        "case.fictional",
        (facts.fictional === true) === (record("respondent")!.event.facts.fictional === true),
      );
    }
    if (type === "correction.issued") this.verifyCorrection(event, check);
  }

  private verifyCorrection(event: Event, check: (name: string, holds: boolean) => void): void {
    const author = this.keys.get(event.by[0]!.keyHex)!.party;
    const corrected = this.records.get(one(event, "corrects")!)!;
    const voids = event.facts.effect === "void";
    const replacement = this.records.get(one(event, "replacement") ?? "");
    check("correction.void", voids || !replacement);
    if (!voids) return;
    check("correction.void", corrected.authors.includes(author) && !corrected.voided);
    check(
      "correction.void",
      !/^(ledger|party|key|role|case|content|correction)\./.test(corrected.event.type),
    );
    if (!replacement) return;
    check("correction.void", replacement.event.type === corrected.event.type);
    check("correction.void", replacement.event.case === corrected.event.case);
    check(
      "correction.void",
      replacement.authors.some((party) => corrected.authors.includes(party)),
    );
  }
}
