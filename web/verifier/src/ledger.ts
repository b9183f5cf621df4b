import { type Bytes, hexOf, join, same } from "./bytes.ts";
import { type Checkpoint, CHECKPOINT_LIMIT, checkpointOf, hasMlDsaLines, isSignedBy } from "./checkpoint.ts";
import { rootsOf } from "./consistency.ts";
import { CONTENT_LIMIT, contentOf, filesOf, verifyContent } from "./content.ts";
import { type Entry, ENTRY_LIMIT, entryOf } from "./entry.ts";
import { partyKeyOf } from "./event.ts";
import { Fault, reasonOf, refuse } from "./fault.ts";
import { type Policy, quorumOf } from "./policy.ts";
import { PROOF_LIMIT, proofOf } from "./proof.ts";
import { Ledger } from "./rules.ts";
import type { Schema } from "./schema.ts";
import { blake3Hex, sha256 } from "./hash.ts";
import { leafHash, nodeHash } from "./tree.ts";
import { ML_DSA } from "./vkey.ts";

// A whole ledger from its public files (formats.md sections 6 and 7), every rule at every entry. It holds
// all of it in memory, so it is for small ledgers: those that tests forge.

/** Reads a file of the ledger; of a longer one, `limit` bytes and one more. Undefined if there is none. */
export interface Read {
  (path: string, limit: number): Promise<Bytes | undefined>;
  /** By path: the status with which a server said that a file is not there, if it was another one than 404. */
  readonly answered?: ReadonlyMap<string, number>;
}

/** The status that a server answered with for a missing file, or for its partial tile, in words. */
function statusSeen(read: Read, path: string): string {
  for (const [asked, status] of read.answered ?? [])
    if (asked === path || asked.startsWith(`${path}.p/`)) return ` (the server answered ${status})`;
  return "";
}

/** For a file that is there and can't be read. */
export class Unread extends Error {}

/** For a policy by which no ledger of this origin can be checked. */
export class Unsuited extends Error {}

export interface LedgerReport {
  readonly verdict: "valid" | "refused" | "undecided";
  readonly words: string;
}

const WIDTH = 256;
const HASH = 32;
const ABSENT = 0xffffffff;
/** The largest file that is read whole to be checked. */
const FILE_LIMIT = 1 << 28;

export async function verifyLedger(read: Read, schema: Schema, policy?: Policy): Promise<LedgerReport> {
  try {
    return await walk(read, schema, policy);
  } catch (error) {
    if (error instanceof Unsuited) throw error;
    if (error instanceof Unread) return { verdict: "undecided", words: `NOT DECIDED: ${error.message}` };
    return { verdict: "refused", words: `REFUSED  ${reasonOf(error)}` };
  }
}

async function walk(read: Read, schema: Schema, policy?: Policy): Promise<LedgerReport> {
  const published = await read("checkpoint", CHECKPOINT_LIMIT);
  if (!published) throw new Unread(`there is no checkpoint${statusSeen(read, "checkpoint")}`);
  const latest = checkpointOf(published);
  const counted = policy ? await countedBy(policy, latest, read) : latest;
  // The longer one may withhold words of the other, and must continue it.
  const [earlier, checkpoint] = counted.size > latest.size ? [latest, counted] : [counted, latest];
  const { origin, size } = checkpoint;

  const leaves: Bytes[] = [];
  const entries: Entry[] = [];
  const words: Words[] = [];
  for (let n = 0; n * WIDTH < size; n++) {
    const width = Math.min(WIDTH, size - n * WIDTH);
    const bundle = await tile(read, "tile/entries", n, size, 2 + ENTRY_LIMIT);
    for (const bytes of itemsOf(bundle, width, 2) as Bytes[]) {
      const entry = entryOf(bytes, `entry ${entries.length}`);
      if (entry.origin !== origin) refuse("WRONG_ORIGIN", `entry ${entries.length}`, `the origin ${origin}`);
      entries.push(entry);
      leaves.push(leafHash(bytes));
    }
    const contents = await tileIfThere(read, "content/tile", n, size, 4 + CONTENT_LIMIT);
    words.push(...(contents ? itemsOf(contents, width, 4) : Array<Words>(width).fill("no tile")));
  }
  const named = entries[0] && partyKeyOf(entries[0].event.facts.checkpoint_key, "entry 0");
  const asked = policy?.logs ?? [];
  const own = asked.filter((log) => log.name === origin);
  const plain = own.filter(({ type }) => type !== ML_DSA);
  const besides = own.filter(({ type }) => type === ML_DSA);
  const keys = asked.length ? plain : named ? [named] : [];
  // If the policy trusts one log alone, that log must have signed, whatever its name: its signature is asked for below.
  if (policy && !plain[0] && asked.filter(({ type }) => type !== ML_DSA).length !== 1)
    throw new Unsuited(`the policy lacks the Ed25519 key of ${origin}: add its line, or give it with --key`);
  for (const signed of [latest, counted]) {
    let good = false;
    for (const key of keys) good ||= (await isSignedBy(signed, key)) && (!named || key.text === named.text);
    if (!good) refuse("", "checkpoint", `a good signature by a key of ${origin} that entry 0 names`);
  }
  if (besides[0] && !hasMlDsaLines(counted, besides))
    refuse("", "checkpoint", `a signature by ${besides.map(({ id }) => id).join(" or ")} of ML-DSA-44`);

  const ledger = new Ledger(schema);
  for (const [i, entry] of entries.entries()) {
    try {
      // Words that were changed are no fault of the entry: they are judged below.
      await ledger.append(entry, undefined);
    } catch (error) {
      throw new Fault("", `entry ${i}`, reasonOf(error));
    }
  }
  const roots = [...rootsOf(leaves)];
  for (const { size, root } of [earlier, checkpoint]) {
    if (!same(roots[size]!, root)) refuse("", "checkpoint", `the root of the first ${size} entries`);
  }
  await compareTiles(read, leaves);
  const none = words.some((each) => each instanceof Uint8Array && each.length > 0)
    ? ""
    : "; no words are here at all: `onrecord verify --no-words` checks all else";
  const files: Files = { present: 0 };
  for (const [i, { event }] of entries.entries()) {
    const place = `entry ${i}, words`;
    const why = statusSeen(read, tilePath("content/tile", Math.floor(i / WIDTH)));
    const found = words[i]!;
    const isEmpty = found === "no tile" || found.length === 0;
    if (!event.content) {
      if (!isEmpty) refuse("", place, "none, as the event says");
    } else if (found === "absent" || isEmpty) {
      if (!ledger.withholds(event.id)) refuse("", place, `the words, which nothing withholds${why}${none}`);
    } else {
      verifyContent(found, event.content, place);
      await verifyFiles(read, found, i, (position) => ledger.withholds(event.id, position), files);
    }
  }
  const noFiles = files.present > 0 ? "" : "; no files are here at all: `onrecord verify --no-files` checks all else";
  if (files.missing) refuse("", files.missing.place, files.missing.expected + noFiles);
  if (policy && policy.quorum !== "none") {
    const dated = entries.slice(0, counted.size).map(({ time }, index) => ({ time, index }));
    const { met, undecided, late, words } = await quorumOf(policy, counted, dated);
    if (late) throw new Fault("", `entry ${late.index}`, "it is dated after its cosignature");
    if (undecided) return { verdict: "undecided", words };
    if (met === undefined) refuse("", "witnesses", words);
  }
  const said = `${counted.size} entries of ${origin}`;
  const cant = besides[0] ? "a signature by the log's key of ML-DSA-44 is not checked here" : files.unread;
  if (cant) return { verdict: "undecided", words: `NOT DECIDED: ${said}; ${cant}` };
  if (asked.length) return { verdict: "valid", words: `valid: ${said}` };
  return { verdict: "undecided", words: `NOT DECIDED: ${said}, by the key that entry 0 names` };
}

/**
 * The checkpoint that counts: the latest one, or the one in which the ledger proves its entries, if only that one has the
 * quorum. A ledger that never pauses is ahead of its witnesses.
 */
async function countedBy(policy: Policy, latest: Checkpoint, read: Read): Promise<Checkpoint> {
  if (policy.quorum === "none" || (await quorumOf(policy, latest)).met !== undefined) return latest;
  const proof = await read("proof/0", PROOF_LIMIT);
  const earlier = proof && proofOf(proof, "proof/0").checkpoint;
  const counts = earlier?.origin === latest.origin && (await quorumOf(policy, earlier)).met !== undefined;
  return counts ? earlier : latest;
}

/** What was found of the files that words name. */
interface Files {
  present: number;
  /** The first that is neither here nor withheld. */
  missing?: { place: string; expected: string };
  /** The first that could not be checked here. */
  unread?: string;
}

/** Checks the files that words name. A file with other bytes than the words say is refused. */
async function verifyFiles(
  read: Read,
  words: Bytes,
  index: number,
  isWithheld: (position: string) => boolean,
  found: Files,
): Promise<void> {
  const content = contentOf(words);
  for (const [i, file] of ((content && filesOf(content)) ?? []).entries()) {
    const place = `entry ${index}, files/${i}`;
    const path = `file/${file.blake3}`;
    const bytes = await read(path, Math.min(file.size, FILE_LIMIT));
    if (!bytes) {
      const expected = `the file, which nothing withholds${statusSeen(read, path)}`;
      if (!isWithheld("content") && !isWithheld(`files/${i}`)) found.missing ??= { place, expected };
      continue;
    }
    found.present++;
    if (file.size > FILE_LIMIT) found.unread ??= `${place} is larger than what is checked here`;
    else if (bytes.length !== file.size || blake3Hex(bytes) !== file.blake3 || hexOf(sha256(bytes)) !== file.sha256)
      refuse("", place, "the file that the words name");
  }
}

/** Checks that the hash tiles of every level are those that the entries make. */
async function compareTiles(read: Read, leaves: Bytes[]): Promise<void> {
  let hashes = leaves;
  for (let level = 0; hashes.length > 0; level++) {
    for (let n = 0; n * WIDTH < hashes.length; n++) {
      const own = hashes.slice(n * WIDTH, (n + 1) * WIDTH);
      const { bytes, isExact } = await tile(read, `tile/${level}`, n, hashes.length, HASH);
      if (!same(isExact ? bytes : bytes.subarray(0, own.length * HASH), join(...own)))
        refuse("", `tile/${level}, ${n}`, "the hashes that the entries make");
    }
    const full = Math.floor(hashes.length / WIDTH);
    hashes = Array.from({ length: full }, (_, n) => {
      let row = hashes.slice(n * WIDTH, (n + 1) * WIDTH);
      while (row.length > 1)
        row = Array.from({ length: row.length / 2 }, (_, i) => nodeHash(row[2 * i]!, row[2 * i + 1]!));
      return row[0]!;
    });
  }
}

interface Tile {
  readonly path: string;
  readonly bytes: Bytes;
  /** Whether it holds only the items that are asked for: a full tile may have come in the place of a partial one. */
  readonly isExact: boolean;
}

/** Tile `n` (c2sp.org/tlog-tiles) of a tree of `size` leaves or nodes, none of which is longer than `longest` bytes. */
async function tileIfThere(read: Read, folder: string, n: number, size: number, longest: number): Promise<Tile | undefined> {
  const full = tilePath(folder, n);
  const width = Math.min(WIDTH, size - n * WIDTH);
  for (const [path, count] of [[`${full}.p/${width}`, width], [full, WIDTH]] as const) {
    const bytes = width === WIDTH && path !== full ? undefined : await read(path, count * longest);
    if (!bytes) continue;
    if (bytes.length > count * longest) refuse("", path, `at most ${count * longest} bytes`);
    return { path, bytes, isExact: count === width };
  }
  return undefined;
}

/** The path of a full tile. */
function tilePath(folder: string, n: number): string {
  const parts = [String(n % 1000).padStart(3, "0")];
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000))
    parts.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  return `${folder}/${parts.join("/")}`;
}

async function tile(read: Read, folder: string, n: number, size: number, longest: number): Promise<Tile> {
  const found = await tileIfThere(read, folder, n, size, longest);
  if (!found) throw new Fault("", `${folder}, ${n}`, `missing${statusSeen(read, tilePath(folder, n))}`);
  return found;
}

/** What content tiles say of an entry: its words, empty if it has none; that they are absent; or that there is no tile. */
type Words = Bytes | "absent" | "no tile";

/** The first `count` items of a tile, each behind its length. Nothing may stand behind the last item of an exact tile. */
function itemsOf({ path, bytes, isExact }: Tile, count: number, prefix: 2 | 4): Words[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const items: Words[] = [];
  let at = 0;
  while (items.length < count) {
    if (at + prefix > bytes.length) refuse("", path, `${count} items`);
    const size = prefix === 2 ? view.getUint16(at) : view.getUint32(at);
    at += prefix;
    if (prefix === 4 && size === ABSENT) {
      items.push("absent");
      continue;
    }
    if (at + size > bytes.length) refuse("", path, `${count} items`);
    items.push(bytes.slice(at, at + size));
    at += size;
  }
  if (isExact && at < bytes.length) refuse("", path, `nothing behind its ${count} items`);
  return items;
}
