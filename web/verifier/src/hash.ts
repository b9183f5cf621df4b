import { blake3 } from "@noble/hashes/blake3.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { type Bytes, hexOf } from "./bytes.ts";

export function sha256(bytes: Uint8Array): Bytes {
  return nobleSha256(bytes) as Bytes;
}

/** BLAKE3-256 in lower-case hex, as `b3sum` prints it. */
export function blake3Hex(bytes: Uint8Array): string {
  return hexOf(blake3(bytes));
}
