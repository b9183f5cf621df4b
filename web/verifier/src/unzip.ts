import { crc32, type Member, MEMBERS_LIMIT, ZIP_LIMIT } from "./verifier.js";

type Bytes = Member["bytes"];

/** A file that was given, by its path. */
export interface Given {
  readonly name: string;
  readonly size: number;
  /** Its bytes. A file that is longer than `most` gives one byte more than that, or throws. */
  read(most: number): Promise<Bytes>;
}

// Zips of other programs: compressed, dated, with extra fields, in any order. What a zip says twice must be said alike,
// and every byte must belong to a member or to the directory, so that no two programs see two exhibits in one file.
// Nothing unfolds to more than its directory says, nor all of it to more than an exhibit may have.

/** A zip that can't be read here, though nothing is wrong with it. The message says of what kind it is. */
export class Unreadable extends Error {}

/** Why a zip is broken, or says two things. */
export class Broken extends Error {
  constructor(what: string) {
    super(printable(what));
  }
}

// Read strictly; ignoreBOM keeps a byte order mark, with which a name is another name.
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A name as text. One that is not UTF-8 is read octet by octet, so that two names never become one. */
export function nameOf(octets: Uint8Array): string {
  try {
    return strict.decode(octets);
  } catch {
    // Lone surrogates, which no text has.
    return Array.from(octets, (octet) => String.fromCharCode(octet < 0x80 ? octet : 0xdc00 + octet)).join("");
  }
}

/** Foreign text without what could drive a terminal. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, "\ufffd");
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
/** Before sum and sizes behind a member's bytes; also how the first of several parts begins. */
const DESCRIPTOR = 0x08074b50;
/** How a zip begins that was to become several parts and did not. */
const WHOLE = 0x30304b50;
/** Only in a zip64, right before the end of the directory. */
const LOCATOR = 0x07064b50;
const [ENCRYPTED, SIZES_BEHIND] = [0x2041, 8];
const [STORED, DEFLATED] = [0, 8];
const COMMENT_LIMIT = 0xffff;
/** Stands for a number that a zip64 has elsewhere. */
const ELSEWHERE = 0xffffffff;

/** What both headers say of a member. */
interface Listed {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly sum: number;
  /** How many bytes it has in the file. */
  readonly packed: number;
  readonly size: number;
  /** Whether sum and sizes stand behind its bytes. */
  readonly behind: boolean;
  /** Where its own header stands, and where its bytes do. */
  readonly own: number;
  readonly from: number;
}

/** Where the end of a zip's directory stands: its comment reaches to the end of the file. */
function endOfDirectory(zip: Bytes): number | undefined {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.length);
  for (let end = zip.length - 22; end >= Math.max(0, zip.length - 22 - COMMENT_LIMIT); end--) {
    if (view.getUint32(end, true) === END && end + 22 + view.getUint16(end + 20, true) === zip.length) return end;
  }
  return undefined;
}

/** Whether a file begins or ends as a zip does. */
export function isZip(bytes: Bytes): boolean {
  return (bytes[0] === 0x50 && bytes[1] === 0x4b) || endOfDirectory(bytes) !== undefined;
}

/**
 * The members of a zip, folders among them. Each is unfolded when it is read, so that what is no member of an exhibit
 * never is.
 */
export function unzip(zip: Bytes): Given[] {
  const fail = (what: string): never => {
    throw new Broken(what);
  };
  if (zip.length > ZIP_LIMIT) fail("it is larger than 256 MiB");
  const view = new DataView(zip.buffer, zip.byteOffset, zip.length);
  if (zip.length >= 4 && [DESCRIPTOR, WHOLE].includes(view.getUint32(0, true))) throw new Unreadable("a part of several");
  const u16 = (at: number) => (at >= 0 && at + 2 <= zip.length ? view.getUint16(at, true) : fail("it is cut short"));
  const u32 = (at: number) => (at >= 0 && at + 4 <= zip.length ? view.getUint32(at, true) : fail("it is cut short"));
  const nameAt = (at: number, length: number) =>
    at + length <= zip.length ? zip.subarray(at, at + length) : fail("it is cut short");

  const end = endOfDirectory(zip) ?? fail("it has no directory at its end");
  const [here, count, length, start] = [u16(end + 8), u16(end + 10), u32(end + 12), u32(end + 16)];
  const hasLocator = end >= 20 && u32(end - 20) === LOCATOR;
  if (hasLocator || count === 0xffff || [length, start].includes(ELSEWHERE)) throw new Unreadable("a zip64");
  if (u32(end + 4) !== 0) throw new Unreadable("a part of several");
  if (here !== count) fail("it says two numbers of members");
  if (count > 2 * MEMBERS_LIMIT + 16) fail(`it has more than ${MEMBERS_LIMIT} members`);
  if (start + length !== end) fail("its directory does not stand where it says");

  const listed: Listed[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (u32(at) !== CENTRAL) fail("its directory is broken");
    const [flags, method, length] = [u16(at + 8), u16(at + 10), u16(at + 28)];
    const [sum, packed, size, own] = [u32(at + 16), u32(at + 20), u32(at + 24), u32(at + 42)];
    const octets = nameAt(at + 46, length);
    const name = nameOf(octets);
    at += 46 + length + u16(at + 30) + u16(at + 32);
    if (own === ELSEWHERE) throw new Unreadable("a zip64");
    if (u32(own) !== LOCAL) fail(`${name}: it does not stand where the directory says`);
    const [ownFlags, ownLength, ownExtra] = [u16(own + 6), u16(own + 26), u16(own + 28)];
    if (ownExtra > 0 && [u32(own + 18), u32(own + 22)].includes(ELSEWHERE)) throw new Unreadable("a zip64");
    const behind = (flags & SIZES_BEHIND) !== 0;
    // If sum and sizes stand behind the bytes, the header before them may have zeros.
    const said = [sum, packed, size];
    const same =
      ((ownFlags & SIZES_BEHIND) !== 0) === behind &&
      ((ownFlags & ENCRYPTED) !== 0) === ((flags & ENCRYPTED) !== 0) &&
      u16(own + 8) === method &&
      ownLength === octets.length &&
      nameAt(own + 30, ownLength).every((octet, i) => octet === octets[i]) &&
      said.every((number, i) => u32(own + 14 + 4 * i) === number || (behind && u32(own + 14 + 4 * i) === 0));
    if (!same) fail(`${name}: its own header says other things than the directory`);
    if ([packed, size].includes(ELSEWHERE)) throw new Unreadable("a zip64");
    const from = own + 30 + ownLength + ownExtra;
    if (from + packed > start) fail(`${name}: longer than the zip`);
    listed.push({ name, flags, method, sum, packed, size, behind, own, from });
  }
  if (at !== end) fail("its directory is broken");

  let next = 0;
  let forms: number[][] = [[]];
  for (const member of [...listed].sort((a, b) => a.own - b.own).concat({ own: start } as Listed)) {
    const gap = member.own - next;
    const fits = (form: number[]) => gap === 4 * form.length && form.every((number, i) => u32(next + 4 * i) === number);
    if (!forms.some(fits)) fail(`byte ${next}: bytes that belong to no member, or say other things than the directory`);
    next = member.from + member.packed;
    const { sum, packed, size } = member;
    // Sizes of four bytes, or of eight, whose upper half is zero in zips as small as these.
    const said = [[sum, packed, size], [sum, packed, 0, size, 0]];
    forms = member.behind ? [...said, ...said.map((form) => [DESCRIPTOR, ...form])] : [[]];
  }
  return listed.map((member) => ({ name: member.name, size: member.size, read: (most) => read(zip, member, most) }));
}

/** The bytes of a member, just as many as its headers say. */
async function read(zip: Bytes, { name, flags, method, sum, packed, size, from }: Listed, most: number): Promise<Bytes> {
  if (flags & ENCRYPTED) throw new Unreadable("encrypted");
  if (method !== STORED && method !== DEFLATED)
    throw new Unreadable("compressed by a method that is not read here");
  if (size > most) throw new Broken("its members are of more than 256 MiB");
  if (method === STORED && packed !== size) throw new Broken(`${name}: two sizes`);
  const bytes = zip.subarray(from, from + packed);
  const unfolded = method === STORED ? bytes.slice() : await inflated(bytes, size, name);
  if (crc32(unfolded) !== sum) throw new Broken(`${name}: not the bytes of its checksum`);
  return unfolded;
}

/** Unfolds a member. The result must be as long as the headers say, and all bytes of the member must be used. */
async function inflated(bytes: Bytes, size: number, name: string): Promise<Bytes> {
  if (typeof DecompressionStream === "undefined") throw new Unreadable("compressed, which this browser does not unfold");
  const out = new Uint8Array(size);
  let at = 0;
  const take = (piece: Uint8Array) => {
    if (at + piece.length > size) throw new Broken(`${name}: longer than it says`);
    out.set(piece, at);
    at += piece.length;
  };
  if (!(await unfolds(new Blob([bytes]).stream(), take))) throw new Broken(`${name}: it can’t be unfolded`);
  if (at !== size) throw new Broken(`${name}: shorter than it says`);
  // If it also unfolds without its last byte, it ends before that byte.
  const isLonger = (await (passesOver ??= passesOverMore())) && (await unfolds(new Blob([bytes.subarray(0, -1)]).stream()));
  return isLonger ? Promise.reject(new Broken(`${name}: bytes behind its end`)) : out;
}

/** Whether this runtime ignores bytes behind the end of a stream. The standard forbids that, and some do it. */
let passesOver: Promise<boolean> | undefined;

async function passesOverMore(): Promise<boolean> {
  // An empty stream with one byte too many, in one piece and in two.
  for (const pieces of [[[3, 0, 0]], [[3, 0], [0]]]) {
    const stream = new ReadableStream<Bytes>({
      start: (controller) => {
        for (const piece of pieces) controller.enqueue(Uint8Array.from(piece));
        controller.close();
      },
    });
    if (await unfolds(stream)) return true;
  }
  return false;
}

/** Whether a stream unfolds to its end. */
async function unfolds(stream: ReadableStream<Bytes>, take?: (piece: Uint8Array) => void): Promise<boolean> {
  const reader = stream.pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      take?.(value);
    }
  } catch (error) {
    void reader.cancel().catch(() => undefined);
    if (error instanceof Broken) throw error;
    return false;
  }
}
