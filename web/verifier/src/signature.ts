import { Point } from "@noble/ed25519";
import { type Bytes, fromHex, join, same } from "./bytes.ts";

// Strict Ed25519 (formats.md section 3). WebCrypto back ends differ in what they let pass, so everything
// on which they differ is judged here first, and a back end is used only after it passed a self test.

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The y of the points of order 1, 2, 4 and 8. Both signs of x are refused, negative zeros among them. */
const SMALL_ORDER = [
  0n,
  1n,
  P - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
];

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
async function equationHolds(signature: Bytes, message: Bytes, key: Bytes): Promise<boolean> {
  const r = signature.slice(0, 32);
  // Every WebCrypto has SHA-512, and a second copy of it would cost 4 KB.
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-512", join(r, key, message)));
  try {
    const s = numberFrom(signature.subarray(32));
    const k = numberFrom(hash) % L;
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

// Cases 3 and 4 of ed25519-speccheck: in the first the cofactorless equation holds with points of mixed
// order, in the second only the cofactored one does.
const PROBES: [boolean, string, string, string][] = [
  [
    true,
    "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
    "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
    "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f" +
      "87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
  ],
  [
    false,
    "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
    "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
    "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512" +
      "5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
  ],
];

async function probe(): Promise<boolean> {
  try {
    for (const [good, message, key, signature] of PROBES) {
      if ((await webVerify(fromHex(signature)!, fromHex(message)!, fromHex(key)!)) !== good) return false;
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
