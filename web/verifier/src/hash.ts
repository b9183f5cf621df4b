import { blake3 } from "@noble/hashes/blake3.js";
import { hexOf } from "./bytes.ts";

// Hashes by noble, as its authors published them.
export { sha256, sha512 } from "@noble/hashes/sha2.js";

/** BLAKE3-256 in lower-case hex, as `b3sum` prints it. */
export function blake3Hex(bytes: Uint8Array): string {
  return hexOf(blake3(bytes));
}
