import type { Bytes } from "./bytes.ts";
import { refuse } from "./fault.ts";
import { ID, isAt, isName, isOrigin } from "./grammar.ts";
import { blake3Hex } from "./hash.ts";
import { eventJsonOf, isObject, type Json, type JsonObject } from "./json.ts";
import { isLineOf, type Note, noteOf, verifyLine } from "./note.ts";
import { ED25519, type Vkey, vkeyOf } from "./vkey.ts";

export const EVENT_LIMIT = 61_440;
const CONTENT_LIMIT = 262_144;
const SIGNERS_LIMIT = 16;
const REFS_LIMIT = 64;

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
    refuse("WRONG_ORIGIN", `${place}, line 2`, `the origin ${origin ?? ""}`);
  }
  return {
    id: blake3Hex(note.textBytes),
    note,
    origin: ledger,
    ...bodyOf(eventJsonOf(json, `${place}, line 3`), place),
  };
}

function bodyOf(body: JsonObject, place: string) {
  const { type, by, at, case: opened, refs: links = {}, facts = {}, content, ...more } = body;
  const need = (good: unknown, code: string, member: string, wanted: string) => {
    if (!good) refuse(code, `${place}, ${member}`, wanted);
  };
  for (const name of Object.keys(more)) need(false, "UNKNOWN_MEMBER", name, "only the members of an event");
  for (const name of ["type", "by", "at"]) need(name in body, "MISSING_MEMBER", name, "the member");
  need(typeof type === "string", "UNKNOWN_TYPE", "type", "an event type");
  const keys =
    Array.isArray(by) && by.length <= SIGNERS_LIMIT ? by.map((key) => partyKeyOf(key, `${place}, by`)) : [];
  const distinct = new Set(keys.map((key) => key.keyHex)).size;
  need(distinct > 0 && distinct === keys.length, "BAD_BY", "by", "1 to 16 vkeys, no public key twice");
  need(typeof at === "string" && isAt(at), "BAD_AT", "at", "a date, or a time with offset");
  need(opened === undefined || isId(opened), "BAD_ID", "case", "an id");
  need(isObject(facts), "BAD_FACT", "facts", "an object");
  const refs = isObject(links) ? links : refuse("BAD_REF", `${place}, refs`, "an object");
  for (const [role, value] of Object.entries(refs)) {
    const ids = [value].flat();
    const good = ids.every(isId) && ids.length <= REFS_LIMIT && new Set(ids).size === ids.length;
    need(good, "BAD_REF", `refs/${role}`, "an id, or 1 to 64 ids without repeats");
  }
  if (content !== undefined) {
    const { blake3, size, ...more } = isObject(content) ? content : {};
    const good =
      isId(blake3) && Number(size) >= 1 && Number(size) <= CONTENT_LIMIT && Object.keys(more).length === 0;
    need(
      good && typeof size === "number",
      "BAD_CONTENT_REF",
      "content",
      "a digest, and the size of the words",
    );
  }
  // Each member was checked above.
  return { type, by: keys, at, case: opened, refs, facts, content } as unknown as Omit<
    Event,
    "id" | "note" | "origin"
  >;
}

function isId(value: Json | undefined): value is string {
  return typeof value === "string" && ID.test(value);
}

/** A key as reports name it: its name and its id. */
export function keyId(key: Vkey): string {
  return `${key.name}+${key.id}`;
}

/** A full vkey of type 0x01 with a name of formats.md section 2. */
export function partyKeyOf(value: Json | undefined, place: string): Vkey {
  const vkey = typeof value === "string" && value.length <= 256 ? vkeyOf(value) : undefined;
  if (vkey?.type === ED25519 && isName(vkey.name)) return vkey;
  return refuse("BAD_VKEY", place, "a vkey of type 0x01");
}

/** Passes if each key of `by` signed, in that order, and nobody else did. */
export async function verifySignatures({ by, note }: Event, place = "event"): Promise<void> {
  if (note.lines.length !== by.length) refuse("SIGNATURE_COUNT", place, `${by.length} signature lines`);
  const wrong = by.find((key, i) => !isLineOf(note.lines[i]!, key));
  if (wrong) refuse("SIGNATURE_ORDER", place, `a signature line of ${keyId(wrong)} in its place`);
  for (const [i, key] of by.entries()) {
    if (!(await verifyLine(note, note.lines[i]!, key))) {
      refuse(
        "BAD_SIGNATURE",
        `${place}, signature line ${i + 1}`,
        `a strict Ed25519 signature by ${key.name}`,
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
