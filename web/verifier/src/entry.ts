import { type Bytes, octetsOf } from "./bytes.ts";
import { type Event, eventOf, threadOf } from "./event.ts";
import { refuse } from "./fault.ts";
import { countOf, isOrigin, isTime } from "./grammar.ts";

export const ENTRY_LIMIT = 65_535;

/** Which party the ledger says holds a signer's key, and how long that party's thread then was. */
export interface Signer {
  readonly party: string;
  readonly last: number;
}

/** An entry (formats.md section 4) whose shape is good; the event's signatures are not verified yet. */
export interface Entry {
  readonly bytes: Bytes;
  readonly origin: string;
  readonly index: number;
  readonly time: string;
  readonly prev: string;
  readonly thread: string;
  readonly place: number;
  readonly signers: Signer[];
  readonly event: Event;
}

const HEADER =
  /^onrecord\/entry\/v1\n(.+)\nindex (\d+)\ntime (.+)\nprev ([0-9a-f]{64})\nthread ([0-9a-f]{64}) (\d+)\n((?:signer [0-9a-f]{64} \d+\n)+)\n/;

export function entryOf(bytes: Bytes, place = "entry"): Entry {
  if (bytes.length > ENTRY_LIMIT) refuse("ENTRY_TOO_LONG", place, `at most ${ENTRY_LIMIT} bytes`);
  // Octets, so that an offset into the text is an offset into the bytes.
  const [
    header = "",
    origin = "",
    indexText = "",
    time = "",
    prev = "",
    thread = "",
    numberText = "",
    signerLines = "",
  ] = HEADER.exec(octetsOf(bytes)) ?? [];
  const [index, number] = [countOf(indexText), countOf(numberText)];
  const signers = signerLines
    .split("\n")
    .slice(0, -1)
    .map((line): Signer => ({ party: line.slice(7, 71), last: countOf(line.slice(72)) ?? -1 }));
  const good =
    isOrigin(origin) &&
    isTime(time) &&
    // 64 zeros at index 0, and only there.
    /^0+$/.test(prev) === (index === 0) &&
    signers.every(({ last }) => last >= 0);
  if (!good || index === undefined || number === undefined) {
    return refuse("", place, "a header of formats.md, section 4");
  }
  const event = eventOf(bytes.slice(header.length), `${place}, event`, origin);
  const fits =
    signers.length === event.by.length &&
    thread === threadOf(event, place) &&
    (thread !== event.id || number === 0) &&
    (event.type === "ledger.opened") === (index === 0);
  if (!fits) refuse("", place, "the signers, the thread and the index that the event asks for");
  return { bytes, origin, index, time, prev, thread, place: number, signers, event };
}
