import { type Bytes, join, same } from "./bytes.ts";
import { refuse } from "./fault.ts";
import { sha256 } from "./hash.ts";

// The Merkle tree of RFC 6962 with SHA-256. Sizes may be almost 2^53: bit operators would cut them to 32 bits.

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export function leafHash(entry: Uint8Array): Bytes {
  return sha256(join(LEAF, entry));
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Bytes {
  return sha256(join(NODE, left, right));
}

/** Passes if the path leads from the leaf to the root of a tree of that size (RFC 6962, 2.1.1, taken backwards). */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Bytes,
  path: Bytes[],
  root: Bytes,
  place = "inclusion",
): void {
  const rest = [...path];
  const fail = () => refuse("", place, "a path that leads to the root hash");
  const rootOf = (index: number, size: number): Bytes => {
    if (size === 1) return leaf;
    const sibling = rest.pop() ?? fail();
    let left = 1;
    while (2 * left < size) left *= 2;
    if (index < left) return nodeHash(rootOf(index, left), sibling);
    return nodeHash(sibling, rootOf(index - left, size - left));
  };
  if (index >= size || !same(rootOf(index, size), root) || rest.length > 0) fail();
}
