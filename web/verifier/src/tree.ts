import { type Bytes, join, same } from "./bytes.ts";
import { refuse } from "./fault.ts";
import { sha256 } from "./hash.ts";

// The Merkle tree of RFC 6962 with SHA-256. Proofs are checked as in RFC 9162, 2.1.3.2 and 2.1.4.2, with
// sizes below 2^53: halves are taken by division, since shifts would cut them to 32 bits.

export const HASHES_LIMIT = 63;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export function leafHash(entry: Uint8Array): Bytes {
  return sha256(join(LEAF, entry));
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Bytes {
  return sha256(join(NODE, left, right));
}

/** The roots of the trees over the first 0, 1, 2, ... leaves. */
export function* rootsOf(leaves: Iterable<Bytes>): Generator<Bytes> {
  yield sha256(new Uint8Array());
  const peaks: [size: number, hash: Bytes][] = [];
  for (const leaf of leaves) {
    let peak: [number, Bytes] = [1, leaf];
    while (peaks.at(-1)?.[0] === peak[0]) {
      const [size, left] = peaks.pop()!;
      peak = [2 * size, nodeHash(left, peak[1])];
    }
    peaks.push(peak);
    yield peaks.map(([, hash]) => hash).reduceRight((right, left) => nodeHash(left, right));
  }
}

const half = (n: number) => Math.floor(n / 2);
const isOdd = (n: number) => n % 2 === 1;

export function verifyInclusion(
  index: number,
  size: number,
  leaf: Bytes,
  path: Bytes[],
  root: Bytes,
  place = "inclusion",
): void {
  if (index >= size) refuse("PROOF", place, `an index below the tree size ${size}`);
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0) refuse("PROOF", place, "no more hashes than the tree is high");
    if (isOdd(at) || at === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    at = half(at);
    last = half(last);
  }
  if (last !== 0) refuse("PROOF", place, "as many hashes as the tree is high");
  if (!same(hash, root)) refuse("PROOF", place, "hashes that lead to the checkpoint's root");
}

export function verifyConsistency(
  old: number,
  size: number,
  path: Bytes[],
  oldRoot: Bytes,
  root: Bytes,
  place = "consistency",
): void {
  if (old > size) refuse("PROOF", place, "an old tree that is not the larger one");
  if (old === 0 || old === size) {
    if (path.length > 0) refuse("PROOF", place, "no hashes");
    if (old === size && !same(oldRoot, root)) refuse("PROOF", place, "the same root for the same size");
    if (old === 0 && !same(oldRoot, sha256(new Uint8Array())))
      refuse("PROOF", place, "the root of no leaves");
    return;
  }
  let at = old - 1;
  let last = size - 1;
  while (isOdd(at)) {
    at = half(at);
    last = half(last);
  }
  // A whole old tree is itself the first node, and the proof leaves it out.
  const hashes = at === 0 ? [oldRoot, ...path] : path;
  const first = hashes[0];
  if (!first) return refuse("PROOF", place, "at least one hash");
  let left = first;
  let whole = first;
  for (const sibling of hashes.slice(1)) {
    if (last === 0) refuse("PROOF", place, "no more hashes than needed");
    if (isOdd(at) || at === last) {
      left = nodeHash(sibling, left);
      whole = nodeHash(sibling, whole);
      while (!isOdd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else {
      whole = nodeHash(whole, sibling);
    }
    at = half(at);
    last = half(last);
  }
  if (last !== 0 || !same(left, oldRoot) || !same(whole, root)) {
    refuse("PROOF", place, "hashes that lead to both roots");
  }
}
