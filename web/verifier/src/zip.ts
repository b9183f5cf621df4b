import { type Bytes, octetsOf } from "./bytes.ts";
import { refuse } from "./fault.ts";

// A zip reader for one kind of zip: every byte belongs to a stored member or to its directory, and both
// descriptions of a member agree. Two programs then can't see two different exhibits in one file.

export const ZIP_LIMIT = 256 * 1024 * 1024;
const MEMBERS_LIMIT = 20_000;
const LOCAL = 30;
const CENTRAL = 46;
const END = 22;

export interface Member {
  readonly name: string;
  readonly bytes: Bytes;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

/** `limitOf` says how large a member of that name may be, or undefined where none of that name may be. */
export function membersOf(bytes: Bytes, limitOf: (name: string) => number | undefined): Member[] {
  const fail = (place: string, wanted: string): never => refuse("ZIP", place, wanted);
  if (bytes.length > ZIP_LIMIT) fail("zip", `at most ${ZIP_LIMIT} bytes`);
  if (bytes.length < END) fail("zip", "a zip directory at the end");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const short = (at: number) => view.getUint16(at, true);
  const long = (at: number) => view.getUint32(at, true);

  const end = bytes.length - END;
  if (long(end) !== 0x06054b50 || short(end + 20) !== 0)
    fail("zip", "the directory's end as the last 22 bytes");
  const count = short(end + 10);
  const directory = long(end + 16);
  if (long(end + 4) !== 0 || short(end + 8) !== count) fail("zip", "one disk");
  if (count > MEMBERS_LIMIT) fail("zip", `at most ${MEMBERS_LIMIT} members`);
  if (directory + long(end + 12) !== end) fail("zip", "the directory right before its end");

  const members: Member[] = [];
  const names = new Set<string>();
  let at = directory;
  let local = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL > end || long(at) !== 0x02014b50) fail(`member ${i + 1}`, "a directory record");
    const nameLength = short(at + 28);
    const nameEnd = at + CENTRAL + nameLength;
    if (nameEnd > end) fail(`member ${i + 1}`, "a name inside the directory");
    const name = octetsOf(bytes.subarray(at + CENTRAL, nameEnd));
    // Names are foreign text that ends up on screens, so only plain ones are repeated.
    const place = /^[\x21-\x7e]{1,100}$/.test(name) ? `member ${name}` : `member ${i + 1}`;
    if (/^\/|\\|(^|\/)\.\.?(\/|$)|^[A-Za-z]:/.test(name)) fail(place, "a name that doesn't climb");
    const limit = limitOf(name) ?? fail(place, "a name on the list of formats.md section 8");
    if (names.has(name)) fail(place, "the name once");
    names.add(name);
    if (short(at + 8) & ~0x0800) fail(place, "no encryption and no data descriptor");
    if (short(at + 10) !== 0) fail(place, "the method stored");
    if (short(at + 30) !== 0 || short(at + 32) !== 0) fail(place, "no extra field and no comment");
    if (short(at + 34) !== 0 || long(at + 42) !== local)
      fail(place, "members one after the other from the start");
    const mode = long(at + 38) >>> 28;
    if (mode !== 0 && mode !== 8) fail(place, "a plain file");
    const size = long(at + 24);
    if (long(at + 20) !== size) fail(place, "one size, as it is stored");
    if (size > limit) fail(place, `at most ${limit} bytes`);

    const start = local + LOCAL + nameLength;
    if (start + size > directory) fail(place, "bytes before the directory");
    if (long(local) !== 0x04034b50) fail(place, "a local header");
    // Version, flags, method, time, date, checksum, both sizes and both lengths stand in one run of bytes.
    for (let k = 0; k < 26; k++) {
      if (bytes[local + 4 + k] !== bytes[at + 6 + k]) fail(place, "a local header as in the directory");
    }
    for (let k = 0; k < nameLength; k++) {
      if (bytes[local + LOCAL + k] !== bytes[at + CENTRAL + k])
        fail(place, "a local name as in the directory");
    }
    const content = bytes.subarray(start, start + size);
    if (crc32(content) !== long(at + 16)) fail(place, "bytes that match the checksum");
    members.push({ name, bytes: content });
    local = start + size;
    at = nameEnd;
  }
  if (local !== directory || at !== end) fail("zip", "no bytes that belong to no member");
  return members;
}
