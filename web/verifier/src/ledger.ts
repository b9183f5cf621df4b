import { type Bytes, join, same } from "./bytes.ts";
import { type Checkpoint, CHECKPOINT_LIMIT, checkpointOf, isSignedBy } from "./checkpoint.ts";
import { rootsOf } from "./consistency.ts";
import { CONTENT_LIMIT, verifyContent } from "./content.ts";
import { type Entry, ENTRY_LIMIT, entryOf } from "./entry.ts";
import { partyKeyOf } from "./event.ts";
import { Fault, reasonOf, refuse } from "./fault.ts";
import { MAX_LEAD, type Policy, quorumOf } from "./policy.ts";
import { PROOF_LIMIT, proofOf } from "./proof.ts";
import { Ledger } from "./rules.ts";
import type { Schema } from "./schema.ts";
import { leafHash, nodeHash } from "./tree.ts";
import type { Vkey } from "./vkey.ts";

// A whole ledger from a folder of its public files (formats.md sections 6 and 7), every rule at every entry. It holds
// all of it in memory, so it is for small ledgers: those that tests forge. Files that words name are not looked for.

/** A file of the folder, of one that is longer than the limit a byte more than that; undefined if there is none. */
export type Read = (path: string, limit: number) => Promise<Bytes | undefined>;

export interface LedgerReport {
  readonly verdict: "valid" | "refused" | "undecided";
  readonly words: string;
}

const WIDTH = 256;
const HASH = 32;
const WITHHELD = 0xffffffff;

export async function verifyLedger(
  read: Read,
  schema: Schema,
  key?: Vkey,
  policy?: Policy,
): Promise<LedgerReport> {
  try {
    return await walk(read, schema, key, policy);
  } catch (error) {
    return { verdict: "refused", words: `REFUSED  ${reasonOf(error)}` };
  }
}

async function walk(read: Read, schema: Schema, given?: Vkey, policy?: Policy): Promise<LedgerReport> {
  const published = await read("checkpoint", CHECKPOINT_LIMIT);
  if (!published) throw new Fault("", "checkpoint", "there is none");
  const latest = checkpointOf(published);
  const counted = policy ? await countedBy(policy, latest, read) : latest;
  // The longer one may withhold words of the other, and must continue it.
  const [earlier, checkpoint] = counted.size > latest.size ? [latest, counted] : [counted, latest];
  const { origin, size } = checkpoint;

  const leaves: Bytes[] = [];
  const entries: Entry[] = [];
  const words: (Bytes | undefined)[] = [];
  for (let n = 0; n * WIDTH < size; n++) {
    const width = Math.min(WIDTH, size - n * WIDTH);
    const bundle = await tile(read, "tile/entries", n, size, width * (2 + ENTRY_LIMIT));
    for (const bytes of itemsOf(bundle, width, 2, `bundle ${n}`)) {
      const entry = entryOf(bytes!, `entry ${entries.length}`);
      if (entry.origin !== origin) refuse("WRONG_ORIGIN", `entry ${entries.length}`, `the origin ${origin}`);
      entries.push(entry);
      leaves.push(leafHash(bytes!));
    }
    const contents = await tile(read, "content/tile", n, size, width * (4 + CONTENT_LIMIT));
    words.push(...itemsOf(contents, width, 4, `words of bundle ${n}`));
  }
  const named = entries[0] && partyKeyOf(entries[0].event.facts.checkpoint_key, "entry 0");
  const asked = policy?.logs ?? [];
  const keys = given ? [given] : asked.length ? asked.filter((log) => log.name === origin) : named ? [named] : [];
  for (const signed of [latest, counted]) {
    let good = false;
    for (const key of keys) good ||= (await isSignedBy(signed, key)) && (!named || key.text === named.text);
    if (!good) refuse("", "checkpoint", `a good signature by a key of ${origin} that entry 0 names`);
  }

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
  for (const [i, { event }] of entries.entries()) {
    const place = `entry ${i}, words`;
    const bytes = words[i]?.length ? words[i] : undefined;
    if (bytes) verifyContent(bytes, event.content ?? refuse("", place, "none, as the event says"), place);
    else if (event.content && !ledger.withholds(event.id)) refuse("", place, "the words, which nothing withholds");
  }
  if (policy && policy.quorum !== "none") {
    const { met, undecided, earliest, words } = await quorumOf(policy, counted);
    if (undecided) return { verdict: "undecided", words };
    if (met === undefined) refuse("", "witnesses", words);
    const late = entries.slice(0, counted.size).find(({ time }) => Date.parse(time) > earliest + MAX_LEAD);
    if (late) throw new Fault("", `entry ${late.index}`, "it is dated after its cosignature");
  }
  const said = `${counted.size} entries of ${origin}`;
  if (given || asked.length) return { verdict: "valid", words: `valid: ${said}` };
  return { verdict: "undecided", words: `NOT DECIDED: ${said}, by the key that entry 0 names` };
}

/**
 * The checkpoint that counts. A ledger that never pauses is ahead of its witnesses, and proves its entries in what most
 * of them cosigned.
 */
async function countedBy(policy: Policy, latest: Checkpoint, read: Read): Promise<Checkpoint> {
  if (policy.quorum === "none" || (await quorumOf(policy, latest)).met !== undefined) return latest;
  const proof = await read("proof/0", PROOF_LIMIT);
  const earlier = proof && proofOf(proof, "proof/0").checkpoint;
  const counts = earlier?.origin === latest.origin && (await quorumOf(policy, earlier)).met !== undefined;
  return counts ? earlier : latest;
}

/** Hash tiles of every level are what the entries make. */
async function compareTiles(read: Read, leaves: Bytes[]): Promise<void> {
  let hashes = leaves;
  for (let level = 0; hashes.length > 0; level++) {
    for (let n = 0; n * WIDTH < hashes.length; n++) {
      const own = hashes.slice(n * WIDTH, (n + 1) * WIDTH);
      const found = await tile(read, `tile/${level}`, n, hashes.length, WIDTH * HASH);
      if (!same(found.subarray(0, own.length * HASH), join(...own)))
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

/** A tile (c2sp.org/tlog-tiles) of a tree of that many leaves or nodes. */
async function tile(read: Read, folder: string, n: number, size: number, limit: number): Promise<Bytes> {
  const parts = [String(n % 1000).padStart(3, "0")];
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000))
    parts.unshift(`x${String(rest % 1000).padStart(3, "0")}`);
  const path = `${folder}/${parts.join("/")}`;
  const width = Math.min(WIDTH, size - n * WIDTH);
  const bytes = (width < WIDTH ? await read(`${path}.p/${width}`, limit) : undefined) ?? (await read(path, limit));
  if (!bytes) throw new Fault("", path, "missing");
  return bytes.length <= limit ? bytes : refuse("", path, `at most ${limit} bytes`);
}

/** Items behind their lengths; withheld words are undefined. */
function itemsOf(bytes: Bytes, count: number, prefix: 2 | 4, place: string): (Bytes | undefined)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const items: (Bytes | undefined)[] = [];
  let at = 0;
  while (items.length < count) {
    if (at + prefix > bytes.length) refuse("", place, `${count} items`);
    const size = prefix === 2 ? view.getUint16(at) : view.getUint32(at);
    at += prefix;
    if (prefix === 4 && size === WITHHELD) {
      items.push(undefined);
      continue;
    }
    if (at + size > bytes.length) refuse("", place, `${count} items`);
    items.push(bytes.slice(at, at + size));
    at += size;
  }
  return items;
}
