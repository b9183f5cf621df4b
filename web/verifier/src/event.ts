import type { Bytes } from "./bytes.ts";
import { refuse } from "./fault.ts";
import { ID, isAt, isName, isOrigin } from "./grammar.ts";
import { blake3Hex } from "./hash.ts";
import { eventJsonOf, isObject, type Json, type JsonObject } from "./json.ts";
import { isLineOf, type Note, noteOf, verifyLine } from "./note.ts";
import { CONTENT_LIMIT } from "./content.ts";
import { ED25519, type Vkey, vkeyOf } from "./vkey.ts";

export const EVENT_LIMIT = 61_440;
const SIGNERS_LIMIT = 16;
const REFS_LIMIT = 64;
const MEMBERS = ["type", "by", "at", "case", "refs", "facts", "content"];

export interface ContentRef {
  readonly blake3: string;
  readonly size: number;
}

/** An event (formats.md section 3) whose shape is good; its signatures are not verified yet. */
export interface Event {
  readonly id: string;
  readonly note: Note;
  readonly origin: string;
  readonly type: string;
  readonly by: Vkey[];
  readonly at: string;
  readonly case?: string;
  readonly refs: Record<string, string | string[]>;
  readonly facts: JsonObject;
  readonly content?: ContentRef;
}

export function eventOf(bytes: Bytes, place = "event", origin?: string): Event {
  const note = noteOf(bytes, EVENT_LIMIT, place);
  const lines = note.text.split("\n");
  if (lines.length !== 4) refuse("EVENT_LINES", place, "exactly three lines");
  const [marker = "", ledger = "", json = ""] = lines;
  if (marker !== "onrecord/event/v1") refuse("EVENT_MARKER", `${place}, line 1`, "onrecord/event/v1");
  if (!isOrigin(ledger) || (origin ?? ledger) !== ledger) {
    refuse("WRONG_ORIGIN", `${place}, line 2`, origin ? `the origin ${origin}` : "an origin");
  }
  const body = eventJsonOf(json, `${place}, line 3`);
  return { id: blake3Hex(note.textBytes), note, origin: ledger, ...bodyOf(body, place) };
}

function bodyOf(body: JsonObject, place: string) {
  for (const name of Object.keys(body)) {
    if (!MEMBERS.includes(name)) refuse("UNKNOWN_MEMBER", `${place}, ${name}`, `only ${MEMBERS.join(", ")}`);
  }
  const { type, by, at, case: opened, refs, facts, content } = body;
  for (const [name, value] of Object.entries({ type, by, at })) {
    if (value === undefined) refuse("MISSING_MEMBER", `${place}, ${name}`, "the member");
  }
  if (typeof type !== "string") return refuse("UNKNOWN_TYPE", `${place}, type`, "an event type");
  const signers = signersOf(by, `${place}, by`);
  if (typeof at !== "string" || !isAt(at))
    return refuse("BAD_AT", `${place}, at`, "a date, or a time with offset");
  if (opened !== undefined && !isId(opened)) return refuse("BAD_ID", `${place}, case`, "an id");
  if (facts !== undefined && !isObject(facts)) return refuse("BAD_FACT", `${place}, facts`, "an object");
  return {
    type,
    by: signers,
    at,
    case: opened,
    refs: refsOf(refs, `${place}, refs`),
    facts: facts ?? {},
    content: contentRefOf(content, `${place}, content`),
  };
}

function isId(value: Json | undefined): value is string {
  return typeof value === "string" && ID.test(value);
}

/** A full vkey of type 0x01 with a name of formats.md section 2. */
export function partyKeyOf(value: Json | undefined, place: string): Vkey {
  const vkey = typeof value === "string" && value.length <= 256 ? vkeyOf(value) : undefined;
  if (!vkey || vkey.type !== ED25519 || !isName(vkey.name))
    return refuse("BAD_VKEY", place, "a vkey of type 0x01");
  return vkey;
}

function signersOf(by: Json | undefined, place: string): Vkey[] {
  if (!Array.isArray(by) || by.length > SIGNERS_LIMIT) return refuse("BAD_BY", place, "1 to 16 vkeys");
  const keys = by.map((value, i) => partyKeyOf(value, `${place}/${i}`));
  if (new Set(keys.map((key) => key.keyHex)).size !== keys.length)
    refuse("BAD_BY", place, "no public key twice");
  return keys;
}

function refsOf(refs: Json | undefined, place: string): Record<string, string | string[]> {
  if (refs === undefined) return {};
  if (!isObject(refs)) return refuse("BAD_REF", place, "an object of roles and ids");
  for (const [role, value] of Object.entries(refs)) {
    const ids = Array.isArray(value) ? value : [value];
    if (!ids.every(isId)) refuse("BAD_REF", `${place}/${role}`, "an id, or an array of ids");
    if (ids.length > REFS_LIMIT || new Set(ids).size !== ids.length) {
      refuse("BAD_REF", `${place}/${role}`, "1 to 64 ids without repeats");
    }
  }
  return refs as Record<string, string | string[]>;
}

function contentRefOf(content: Json | undefined, place: string): ContentRef | undefined {
  if (content === undefined) return undefined;
  if (!isObject(content) || Object.keys(content).some((name) => name !== "blake3" && name !== "size")) {
    return refuse("BAD_CONTENT_REF", place, "only blake3 and size");
  }
  const { blake3, size } = content;
  if (!isId(blake3) || typeof size !== "number" || size < 0 || size > CONTENT_LIMIT) {
    return refuse("BAD_CONTENT_REF", place, `a digest, and a size of at most ${CONTENT_LIMIT}`);
  }
  return { blake3, size };
}

/** Passes if each key of `by` signed, in that order, and nobody else did. */
export async function verifySignatures(event: Event, place = "event"): Promise<void> {
  const { by, note } = event;
  if (note.lines.length !== by.length)
    refuse("SIGNATURE_COUNT", place, `${by.length} signature lines, one a signer`);
  const pairs = by.map((key, i) => [key, note.lines[i]!] as const);
  pairs.forEach(([key, line], i) => {
    if (!isLineOf(line, key))
      refuse("SIGNATURE_ORDER", `${place}, signature ${i + 1}`, `the name and id of ${key.text}`);
  });
  for (const [key, line] of pairs) {
    if (!(await verifyLine(note, line, key))) {
      refuse(
        "BAD_SIGNATURE",
        `${place}, signature of ${key.name}`,
        "a strict Ed25519 signature over the event",
      );
    }
  }
}

/** The thread an event belongs to (formats.md section 4). */
export function threadOf(event: Event, place = "entry"): string {
  const { type, refs } = event;
  if (["ledger.opened", "party.registered", "case.opened"].includes(type)) {
    if (event.case !== undefined) refuse("CASE_REFUSED", place, "no case");
    return event.id;
  }
  if (type === "party.updated" || /^(key|role)\./.test(type)) {
    if (event.case !== undefined) refuse("CASE_REFUSED", place, "no case");
    return typeof refs.party === "string"
      ? refs.party
      : refuse("MISSING_MEMBER", `${place}, refs/party`, "a party");
  }
  if (event.case !== undefined) return event.case;
  if (/^(content|exhibit)\.|^correction\.issued$/.test(type)) return event.id;
  return refuse("CASE_REQUIRED", place, "a case");
}
