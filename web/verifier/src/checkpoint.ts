import { fromBase64 } from "./base64.ts";
import { type Bytes, bytesOf, join, same } from "./bytes.ts";
import { refuse } from "./fault.ts";
import { countOf, isOrigin } from "./grammar.ts";
import { sha256 } from "./hash.ts";
import { linesBy, type Note, noteOf, verifyLine } from "./note.ts";
import { verifyStrict } from "./signature.ts";
import { COSIGNATURE, ML_DSA, type Vkey } from "./vkey.ts";

export const CHECKPOINT_LIMIT = 65_536;

/** A checkpoint (c2sp.org/tlog-checkpoint) without extension lines, nothing verified yet. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Bytes;
  readonly note: Note;
}

export function checkpointOf(bytes: Uint8Array, place = "checkpoint"): Checkpoint {
  const note = noteOf(bytes, CHECKPOINT_LIMIT, place);
  const [origin = "", sizeText = "", rootText = "", end, ...more] = note.text.split("\n");
  const size = countOf(sizeText);
  const root = fromBase64(rootText);
  const good = isOrigin(origin) && root?.length === 32 && end === "" && more.length === 0;
  if (!good || size === undefined || (size === 0 && !same(root, sha256(new Uint8Array())))) {
    return refuse("", place, "three lines: origin, tree size, root hash");
  }
  return { origin, size, root, note };
}

/** Whether the log's key signed the checkpoint. */
export async function isSignedBy({ origin, note }: Checkpoint, log: Vkey): Promise<boolean> {
  for (const line of linesBy(note, log)) if (await verifyLine(note, line, log)) return log.name === origin;
  return false;
}

/** Time and signature of a cosignature by ML-DSA-44 (c2sp.org/tlog-cosignature). */
const ML_DSA_LINE = 8 + 2420;

/** The times of those lines by a key of ML-DSA-44 that may be good, which can't be checked here. */
export function mlDsaTimes({ note }: Checkpoint, key: Vkey): bigint[] {
  const lines = linesBy(note, key).filter(({ blob }) => key.type === ML_DSA && blob.length === ML_DSA_LINE);
  return lines.map(({ blob }) => timeOf(blob));
}

/** The time at the beginning of a cosignature. One beyond 2^63-1 reads as a negative number, and is no time. */
function timeOf(blob: Bytes): bigint {
  return new DataView(blob.buffer, blob.byteOffset).getBigInt64(0);
}

/**
 * Whether some of these ML-DSA-44 keys of one log may have signed. A key that has lines, none of which can be good, is
 * refused.
 */
export function hasMlDsaLines(checkpoint: Checkpoint, keys: Vkey[]): boolean {
  const signers = keys.filter((key) => linesBy(checkpoint.note, key).length > 0);
  for (const { id } of signers.filter((key) => !mlDsaTimes(checkpoint, key).some((time) => time >= 0n)))
    refuse("", "checkpoint", `a signature by ${id} of the length that ML-DSA-44 has`);
  return signers.length > 0;
}

/**
 * The time in seconds since 1970 at which this witness cosigned (c2sp.org/tlog-cosignature, Ed25519), the latest
 * of several. A line that is not good counts for nothing: "bad" if there is no other, "none" if there is no line;
 * "unchecked" if there is one by ML-DSA-44 of a time that counts.
 */
export async function cosignedAt(
  checkpoint: Checkpoint,
  witness: Vkey,
  counts: (time: bigint) => boolean,
): Promise<bigint | "bad" | "none" | "unchecked"> {
  // A cosignature of time 0 says nothing of when.
  if (mlDsaTimes(checkpoint, witness).some((time) => time > 0n && counts(time))) return "unchecked";
  const { note } = checkpoint;
  const lines = linesBy(note, witness);
  let latest = -1n;
  for (const { blob } of lines) {
    if (witness.type !== COSIGNATURE || blob.length !== 72) continue;
    const time = timeOf(blob);
    const message = join(bytesOf(`cosignature/v1\ntime ${time}\n`), note.textBytes);
    if (time > latest && (await verifyStrict(blob.slice(8), message, witness.key))) latest = time;
  }
  return latest >= 0n ? latest : lines.length > 0 ? "bad" : "none";
}
