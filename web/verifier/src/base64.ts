import { type Bytes, fromOctets, octetsOf } from "./bytes.ts";

/** Standard, padded and canonical base64; undefined for anything else. */
export function fromBase64(text: string): Bytes | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    const bytes = fromOctets(atob(text));
    // atob forgives unused trailing bits; two spellings of one signature must not both be good.
    return toBase64(bytes) === text ? bytes : undefined;
  } catch {
    return undefined;
  }
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(octetsOf(bytes));
}
