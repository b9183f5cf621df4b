import { type Bytes, bytesOf, join, octetsOf } from "./bytes.ts";
import { refuse } from "./fault.ts";

// A zip reader for one kind of zip: every byte is the one that a writer of exhibits would have written. Two
// programs then can't see two different exhibits in one file.

export const ZIP_LIMIT = 256 * 1024 * 1024;
export const MEMBERS_LIMIT = 20_000;
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
/** Bytes of a member's header before its name, with the four that say what it is. */
const HEADER = 30;

export interface Member {
  readonly name: string;
  readonly bytes: Bytes;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}

/** Numbers of four bytes, the least byte first. Two numbers of two bytes are given as one, the second as its upper half. */
function littleEndian(...numbers: number[]): Bytes {
  return Uint8Array.from({ length: 4 * numbers.length }, (_, i) => numbers[i >> 2]! >>> (8 * (i % 4)));
}

/** The members of an exhibit's zip, in their order. */
export function membersOf(zip: Bytes): Member[] {
  let at = 0;
  const fail = (wanted: string): never => refuse("", `byte ${at}`, wanted);
  const expect = (bytes: Uint8Array, wanted: string) => {
    for (const byte of bytes) {
      if (zip[at] !== byte) fail(wanted);
      at++;
    }
  };
  if (zip.length > ZIP_LIMIT) fail("at most 256 MiB");
  const view = new DataView(zip.buffer, zip.byteOffset, zip.length);
  const members: Member[] = [];
  const names = new Set<string>();
  const directory: Bytes[] = [];
  while (at + HEADER <= zip.length && view.getUint32(at, true) === LOCAL) {
    const start = at;
    const size = view.getUint32(at + 18, true);
    const nameEnd = at + HEADER + view.getUint16(at + 26, true);
    if (nameEnd + size > zip.length || members.length >= MEMBERS_LIMIT) fail("fewer or smaller members");
    const name = octetsOf(zip.subarray(at + HEADER, nameEnd));
    const bytes = zip.subarray(nameEnd, nameEnd + size);
    const sum = view.getUint32(at + 14, true);
    // Made and read by version 1.0, no flags, stored, 1980-01-01 00:00, checksum, the size twice, no extra field.
    const header = littleEndian(0xa000a, 0, 0x210000, sum, size, size, name.length);
    at += 4;
    // Only the directory says which version made it, in the two bytes that are left out here.
    expect(header.subarray(2), "a member, not compressed, not encrypted");
    if (!/^[!-~]{1,128}$/.test(name) || names.has(name)) fail("a name in ASCII, once");
    if (crc32(bytes) !== sum) refuse("", name, "bytes of its checksum");
    names.add(name);
    members.push({ name, bytes });
    // Ten bytes for no comment, no disk and no attributes.
    const rest = littleEndian(0, 0, 0, start).subarray(2);
    directory.push(join(littleEndian(CENTRAL), header, rest, bytesOf(name)));
    at = nameEnd + size;
  }
  const [start, count] = [at, members.length];
  for (const record of directory) expect(record, "what the member's own header says");
  const end = littleEndian(END, 0, count * 0x10001, at - start, start, 0);
  expect(end.subarray(0, 22), "the end of the directory");
  if (at !== zip.length) fail("the end of the file");
  return members;
}
