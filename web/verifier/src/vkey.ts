import { fromBase64 } from "./base64.ts";
import { type Bytes, bytesOf, hexOf, join } from "./bytes.ts";
import { sha256 } from "./hash.ts";

/** Signature types of c2sp.org/signed-note, by the length of their public keys. */
const KEY_LENGTHS: Record<number, number> = { 1: 32, 4: 32, 6: 1312 };
export const ED25519 = 1;
export const COSIGNATURE = 4;
/** ML-DSA-44, of cosigners and of logs. Its signatures can't be checked here. */
export const ML_DSA = 6;

/** A verifier key: `<name>+<key id>+<base64 of type and key>`. */
export interface Vkey {
  readonly text: string;
  readonly name: string;
  readonly id: string;
  readonly type: number;
  readonly key: Bytes;
  readonly keyHex: string;
}

/** Reads a vkey; undefined if `text` is none. Any name of C2SP is taken; callers check the narrower names of formats.md. */
export function vkeyOf(text: string): Vkey | undefined {
  const [, name, id, encoded] = /^([^+\p{White_Space}]+)\+([0-9a-f]{8})\+(.+)$/u.exec(text) ?? [];
  const blob = fromBase64(encoded ?? "");
  if (!name || !id || !blob || blob[0] === undefined || KEY_LENGTHS[blob[0]] !== blob.length - 1)
    return undefined;
  const expected = sha256(join(bytesOf(name + "\n"), blob)).subarray(0, 4);
  if (hexOf(expected) !== id) return undefined;
  const key = blob.slice(1);
  return { text, name, id, type: blob[0], key, keyHex: hexOf(key) };
}
