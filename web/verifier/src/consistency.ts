import { type Bytes, same } from "./bytes.ts";
import { refuse } from "./fault.ts";
import { sha256 } from "./hash.ts";
import { nodeHash } from "./tree.ts";

// Trees of one log that grows, and how they continue each other (RFC 9162, 2.1.4.2). Exhibits don't need this; vectors and
// whole ledgers do.

const half = (n: number) => Math.floor(n / 2);
const isOdd = (n: number) => n % 2 === 1;

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

export function verifyConsistency(
  old: number,
  size: number,
  path: Bytes[],
  oldRoot: Bytes,
  root: Bytes,
  place = "consistency",
): void {
  if (old > size) refuse("", place, "an old tree that is not the larger one");
  if (old === 0 || old === size) {
    if (path.length > 0) refuse("", place, "no hashes");
    if (old === size && !same(oldRoot, root)) refuse("", place, "the same root for the same size");
    if (old === 0 && !same(oldRoot, sha256(new Uint8Array()))) refuse("", place, "the root of no leaves");
    return;
  }
  let at = old - 1;
  let last = size - 1;
  while (isOdd(at)) {
    at = half(at);
    last = half(last);
  }
  // If the old tree is a complete subtree of the new one, its root is the first node, and the proof leaves it out.
  const hashes = at === 0 ? [oldRoot, ...path] : path;
  const first = hashes[0];
  if (!first) return refuse("", place, "at least one hash");
  let left = first;
  let whole = first;
  for (const sibling of hashes.slice(1)) {
    if (last === 0) refuse("", place, "no more hashes than needed");
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
    refuse("", place, "hashes that lead to both roots");
  }
}
