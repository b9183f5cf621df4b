import { crc32, type Member, MEMBERS_LIMIT, ZIP_LIMIT } from "./verifier.js";

// Zips of other programs: compressed, dated, with extra fields, in any order. What a zip says twice must be said alike,
// and every byte must belong to a member or to the directory, so that no two programs see two exhibits in one file.
// Nothing unfolds to more than its directory says, nor all of it to more than an exhibit may have.

/** Why a zip can't be read here, though nothing is wrong with it. */
export class Unreadable extends Error {}

/** Why a zip is broken, or says two things. */
export class Broken extends Error {}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const DESCRIPTOR = 0x08074b50;
const [ENCRYPTED, SIZES_BEHIND, PATCHED] = [1, 8, 32];
const [STORED, DEFLATED] = [0, 8];
const COMMENT_LIMIT = 0xffff;
const NAME_LIMIT = 1024;

interface Listed {
  readonly name: string;
  readonly method: number;
  readonly sum: number;
  /** Its bytes in the file. */
  readonly packed: number;
  readonly size: number;
  /** Whether sum and sizes stand behind its bytes. */
  readonly behind: boolean;
  readonly at: number;
}

const decoder = new TextDecoder();

/** The members of a zip, folders among them. */
export async function unzip(zip: Uint8Array<ArrayBuffer>): Promise<Member[]> {
  const fail = (what: string): never => {
    throw new Broken(what);
  };
  if (zip.length > ZIP_LIMIT) fail("it is larger than 256 MiB");
  const view = new DataView(zip.buffer, zip.byteOffset, zip.length);
  const u16 = (at: number) => (at >= 0 && at + 2 <= zip.length ? view.getUint16(at, true) : fail("it is cut short"));
  const u32 = (at: number) => (at >= 0 && at + 4 <= zip.length ? view.getUint32(at, true) : fail("it is cut short"));
  const nameOf = (at: number, length: number) => {
    if (length > NAME_LIMIT || at + length > zip.length) fail("a name is too long");
    return decoder.decode(zip.subarray(at, at + length));
  };

  let end = zip.length - 22;
  const least = Math.max(0, end - COMMENT_LIMIT);
  while (end >= least && !(u32(end) === END && end + 22 + u16(end + 20) === zip.length)) end--;
  if (end < least) fail("it has no directory at its end");
  const count = u16(end + 10);
  const start = u32(end + 16);
  if (start === 0xffffffff || count === 0xffff) throw new Unreadable("it is a zip64");
  if (u16(end + 8) !== count || u32(end + 4) !== 0) throw new Unreadable("it is one part of several");
  if (count > MEMBERS_LIMIT) throw new Unreadable(`it has more than ${MEMBERS_LIMIT} members`);
  if (start + u32(end + 12) !== end) fail("its directory does not stand where it says");

  const listed: Listed[] = [];
  const names = new Set<string>();
  let [at, sum] = [start, 0];
  for (let i = 0; i < count; i++) {
    if (u32(at) !== CENTRAL) fail("its directory is broken");
    const [flags, method, length] = [u16(at + 8), u16(at + 10), u16(at + 28)];
    const member: Listed = {
      name: nameOf(at + 46, length),
      method,
      sum: u32(at + 16),
      packed: u32(at + 20),
      size: u32(at + 24),
      behind: (flags & SIZES_BEHIND) !== 0,
      at: u32(at + 42),
    };
    if (flags & ENCRYPTED) throw new Unreadable("it is encrypted");
    if (flags & PATCHED || (method !== STORED && method !== DEFLATED))
      throw new Unreadable("it is compressed by a method that browsers don’t have");
    if ([member.packed, member.size, member.at].includes(0xffffffff)) throw new Unreadable("it is a zip64");
    if (method === STORED && member.packed !== member.size) fail(`${member.name}: two sizes`);
    if (names.has(member.name)) fail(`${member.name}: a name that stands twice`);
    names.add(member.name);
    sum += member.size;
    listed.push(member);
    at += 46 + length + u16(at + 30) + u16(at + 32);
  }
  if (at !== end) fail("its directory is broken");
  if (sum > ZIP_LIMIT) throw new Unreadable("it unfolds to more than 256 MiB");

  const members: Member[] = [];
  let next = 0;
  for (const member of listed.sort((a, b) => a.at - b.at)) {
    const { name, method, packed, size, behind } = member;
    const own = member.at;
    if (own !== next || u32(own) !== LOCAL) fail(`${name}: bytes before it that belong to no member`);
    const [flags, length] = [u16(own + 6), u16(own + 26)];
    // Where sum and sizes stand behind the bytes, there may be none before them.
    const said = behind && u32(own + 14) === 0 ? [] : [member.sum, packed, size];
    const same =
      ((flags & SIZES_BEHIND) !== 0) === behind &&
      (flags & ENCRYPTED) === 0 &&
      u16(own + 8) === method &&
      nameOf(own + 30, length) === name &&
      said.every((number, i) => u32(own + 14 + 4 * i) === number);
    if (!same) fail(`${name}: its own header says other things than the directory`);
    const from = own + 30 + length + u16(own + 28);
    next = from + packed;
    if (next > start) fail(`${name}: longer than the zip`);
    const bytes = zip.subarray(from, next);
    if (behind) {
      if (u32(next) === DESCRIPTOR) next += 4;
      // Sizes of four bytes, or of eight, whose upper half is zero in zips as small as these.
      const forms = [[member.sum, packed, size], [member.sum, packed, 0, size, 0]];
      const form = forms.find((numbers) => numbers.every((number, i) => u32(next + 4 * i) === number));
      next += 4 * (form ?? fail(`${name}: what stands behind it says other things than the directory`)).length;
    }
    const unfolded = method === STORED ? bytes.slice() : await inflated(bytes, size, name);
    if (crc32(unfolded) !== member.sum) fail(`${name}: not the bytes of its checksum`);
    members.push({ name, bytes: unfolded });
  }
  if (next !== start) fail("bytes before its directory that belong to no member");
  return members;
}

/** What a member unfolds to, which must be just as long as it says. */
async function inflated(bytes: Uint8Array<ArrayBuffer>, size: number, name: string): Promise<Uint8Array<ArrayBuffer>> {
  if (typeof DecompressionStream === "undefined") throw new Unreadable("this browser takes no zip apart");
  const out = new Uint8Array(size);
  let at = 0;
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > size) throw new Broken(`${name}: longer than it says`);
      out.set(value, at);
      at += value.length;
    }
  } catch (error) {
    void reader.cancel().catch(() => undefined);
    throw error instanceof Broken ? error : new Broken(`${name}: it can’t be unfolded`);
  }
  return at === size ? out : Promise.reject(new Broken(`${name}: shorter than it says`));
}
