import { _compress } from "@noble/hashes/blake2.js";
import { SHA256_IV as IV } from "@noble/hashes/_md.js";
import { type Bytes, hexOf, join } from "./bytes.ts";

// BLAKE3 by noble's compression function, which BLAKE2 and BLAKE3 share. noble's class also has keys, streams
// and output of any length, and is five times as large as the tree alone.

const CHUNK = 1024;
const [START, END, PARENT, ROOT] = [1, 2, 4, 8];

/** The message schedule: seven rounds, each the one before with its words moved. */
const SCHEDULE = (() => {
  let round = Array.from({ length: 16 }, (_, i) => i);
  const all: number[] = [];
  for (let i = 0; i < 7; i++) {
    all.push(...round);
    round = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8].map((from) => round[from]!);
  }
  return Uint8Array.from(all);
})();

const words = new Uint32Array(16);

/** One block of at most 64 bytes into a chaining value. Files are limited, so a counter has 32 bits. */
function compress(value: Uint32Array, block: Uint8Array, counter: number, flags: number): Uint32Array {
  words.fill(0);
  for (let i = 0; i < block.length; i++) words[i >> 2]! |= block[i]! << (8 * (i & 3));
  const [a, b, c, d, e, f, g, h] = value as unknown as number[];
  const out = Object.values(
    // prettier-ignore
    _compress(SCHEDULE, 0, words, 7, a!, b!, c!, d!, e!, f!, g!, h!,
      IV[0]!, IV[1]!, IV[2]!, IV[3]!, counter, 0, block.length, flags),
  );
  return value.map((_, i) => out[i]! ^ out[i + 8]!);
}

/** The least byte of a word stands first. */
function bytesOfWords(value: Uint32Array): Bytes {
  return Uint8Array.from({ length: 32 }, (_, i) => value[i >> 2]! >>> (8 * (i & 3)));
}

/** The chaining value of the subtree over these bytes, whose first chunk has this number. */
function subtree(bytes: Uint8Array, number: number, root: number): Uint32Array {
  if (bytes.length <= CHUNK) {
    let value: Uint32Array = IV;
    let at = 0;
    do {
      const first = at === 0 ? START : 0;
      const last = at + 64 >= bytes.length ? END | root : 0;
      value = compress(value, bytes.subarray(at, (at += 64)), number, first | last);
    } while (at < bytes.length);
    return value;
  }
  let left = CHUNK;
  while (2 * left < bytes.length) left *= 2;
  const values = [
    subtree(bytes.subarray(0, left), number, 0),
    subtree(bytes.subarray(left), number + left / CHUNK, 0),
  ];
  return compress(IV, join(...values.map(bytesOfWords)), 0, PARENT | root);
}

/** BLAKE3-256 in lower-case hex, as `b3sum` prints it. */
export function blake3Hex(bytes: Uint8Array): string {
  return hexOf(bytesOfWords(subtree(bytes, 0, ROOT)));
}
