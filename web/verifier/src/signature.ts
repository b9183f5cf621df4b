import { Point } from "@noble/ed25519";
import { fromBase64 } from "./base64.ts";
import { type Bytes, join, same } from "./bytes.ts";
import { sha512 } from "./hash.ts";

// Strict Ed25519 (formats.md section 3). WebCrypto back ends differ in what they let pass, so everything
// on which they differ is judged here first, and a back end is used only after it passed a self test.

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The y of the points of order 1, 2, 4 and 8. Both signs of x are refused, negative zeros among them. */
const ORDER_8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const SMALL_ORDER = [0n, 1n, P - 1n, ORDER_8, P - ORDER_8];

function numberFrom(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

/** Whether 32 bytes are a canonical y below 2^255-19 of no small-order point. */
function isGoodPoint(bytes: Uint8Array): boolean {
  const y = numberFrom(bytes) & ((1n << 255n) - 1n);
  return y < P && !SMALL_ORDER.includes(y);
}

/** The cofactorless equation with noble's points. noble's own `verify` is cofactored, so it won't do. */
function equationHolds(signature: Bytes, message: Bytes, key: Bytes): boolean {
  const r = signature.slice(0, 32);
  try {
    const s = numberFrom(signature.subarray(32));
    const k = numberFrom(sha512(join(r, key, message))) % L;
    const a = Point.fromBytes(key, false);
    const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k));
    return same(expected.toBytes(), r);
  } catch {
    return false; // not a point of the curve
  }
}

async function webVerify(signature: Bytes, message: Bytes, key: Bytes): Promise<boolean> {
  const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, message);
}

// Cases 3 and 4 of ed25519-speccheck, of one key: in the first the cofactorless equation holds with points of
// mixed order, in the second only the cofactored one does.
const PROBE_KEY = "zbJnzkDFzUUwb6XS8pcxRZOH2/nrkzt71a7Zp2W4jU0=";
const PROBES: [boolean, message: string, signature: string][] = [
  [
    true,
    "m9n0T03Mdb1TG1ayzSgLC7OPwc1tEjDhSGHYYd4JLnk=",
    "kEamR1BESTjeGfInu4BIXpK4P9tLZQbBYEhMAWzBhS+HkJ4UQop6HWLp8i89OteALbAusuaItsUvzWZIqYvQCQ==",
  ],
  [
    false,
    "5H1ixj+DDcemhRoLHzOuS7L1B/ts/+xAEerM1VtT9Ww=",
    "FgocsNycAljNCn0j6U2PqHi8sZJfLGQkay3uF5a+1RJexryYKiabcj4GaOVAkRqaaliSHWkl5DSrEKp5QFUaCQ==",
  ],
];

async function probe(): Promise<boolean> {
  try {
    for (const [good, ...texts] of PROBES) {
      const [message, signature, key] = [...texts, PROBE_KEY].map((text) => fromBase64(text)!);
      if ((await webVerify(signature!, message!, key!)) !== good) return false;
    }
    return true;
  } catch {
    return false; // no WebCrypto, or no Ed25519 in it
  }
}

export type BackEnd = "webcrypto" | "noble";
let chosen: Promise<BackEnd> | undefined;

/** The back end in use; giving one forces it. */
export function backEnd(forced?: BackEnd): Promise<BackEnd> {
  if (forced) chosen = Promise.resolve(forced);
  return (chosen ??= probe().then((good) => (good ? "webcrypto" : "noble")));
}

/** Whether this is a strict Ed25519 signature by this key over these bytes. */
export async function verifyStrict(signature: Bytes, message: Bytes, key: Bytes): Promise<boolean> {
  if (signature.length !== 64 || key.length !== 32) return false;
  if (!isGoodPoint(key) || !isGoodPoint(signature.subarray(0, 32))) return false;
  if (numberFrom(signature.subarray(32)) >= L) return false;
  if ((await backEnd()) === "webcrypto") {
    try {
      return await webVerify(signature, message, key);
    } catch {
      // Some back ends throw for a key that is no point. The fallback gives the verdict.
    }
  }
  return equationHolds(signature, message, key);
}
