import { type Bytes, octetsOf } from "./bytes.ts";
import { type Event, eventOf, threadOf } from "./event.ts";
import { refuse } from "./fault.ts";
import { countOf, ID, isOrigin, isTime } from "./grammar.ts";
import { blake3Hex } from "./hash.ts";
import { leafHash } from "./tree.ts";

export const ENTRY_LIMIT = 65_535;

/** Which party the ledger says holds a signer's key, and how long that party's thread then was. */
export interface Signer {
  readonly party: string;
  readonly last: number;
}

/** An entry (formats.md section 4) whose shape is good; the event's signatures are not verified yet. */
export interface Entry {
  readonly hash: string;
  readonly leaf: Bytes;
  readonly origin: string;
  readonly index: number;
  readonly time: string;
  readonly prev: string;
  readonly thread: string;
  readonly place: number;
  readonly signers: Signer[];
  readonly event: Event;
}

export function entryOf(bytes: Bytes, place = "entry"): Entry {
  if (bytes.length > ENTRY_LIMIT) refuse("ENTRY_TOO_LONG", place, `at most ${ENTRY_LIMIT} bytes`);
  // Octets, so that an offset into the text is an offset into the bytes.
  const text = octetsOf(bytes);
  const end = text.indexOf("\n\n");
  if (end < 0) refuse("ENTRY", place, "an empty line after the header");
  const [marker, origin = "", ...rest] = text.slice(0, end).split("\n");
  if (marker !== "onrecord/entry/v1") refuse("ENTRY", `${place}, line 1`, "onrecord/entry/v1");
  if (!isOrigin(origin)) refuse("ENTRY", `${place}, line 2`, "an origin");

  const word = (name: string) => {
    const line = rest.shift() ?? "";
    return line.startsWith(name + " ")
      ? line.slice(name.length + 1)
      : refuse("ENTRY", place, `a line ${name}`);
  };
  const numbered = (name: string): [string, number] => {
    const [id = "", token = "", ...more] = word(name).split(" ");
    const number = countOf(token);
    if (!ID.test(id) || number === undefined || more.length > 0) {
      return refuse("ENTRY", `${place}, ${name}`, "an id and a number");
    }
    return [id, number];
  };
  const index = countOf(word("index"));
  if (index === undefined) return refuse("ENTRY", `${place}, index`, "an index");
  const time = word("time");
  if (!isTime(time)) refuse("ENTRY", `${place}, time`, "a time in UTC with milliseconds");
  const prev = word("prev");
  if (!ID.test(prev)) refuse("ENTRY", `${place}, prev`, "the hash of the entry before");
  if ((index === 0) !== /^0+$/.test(prev))
    refuse("ENTRY", `${place}, prev`, "64 zeros at index 0, and only there");
  const [thread, inThread] = numbered("thread");

  const event = eventOf(bytes.slice(end + 2), `${place}, event`, origin);
  const signers = event.by.map((): Signer => {
    const [party, last] = numbered("signer");
    return { party, last };
  });
  if (rest.length > 0) refuse("ENTRY", place, "one line signer for each signer, and no other line");
  if (thread !== threadOf(event, place))
    refuse("ENTRY", `${place}, thread`, "the thread that the event belongs to");
  if (thread === event.id && inThread !== 0)
    refuse("ENTRY", `${place}, thread`, "number 0 in its own thread");
  if ((event.type === "ledger.opened") !== (index === 0)) {
    refuse("ENTRY", place, "ledger.opened at index 0, and only there");
  }
  return {
    hash: blake3Hex(bytes),
    leaf: leafHash(bytes),
    origin,
    index,
    time,
    prev,
    thread,
    place: inThread,
    signers,
    event,
  };
}
