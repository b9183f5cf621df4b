import { fromBase64 } from "./base64.ts";
import { type Bytes, bytesOf, join } from "./bytes.ts";
import { refuse } from "./fault.ts";
import { countOf, isOrigin } from "./grammar.ts";
import { isLineOf, type Note, noteOf, verifyLine } from "./note.ts";
import { verifyStrict } from "./signature.ts";
import { COSIGNATURE, type Vkey } from "./vkey.ts";

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
  if (end !== "" || more.length > 0) refuse("CHECKPOINT", place, "exactly three lines");
  if (!isOrigin(origin)) refuse("CHECKPOINT", `${place}, line 1`, "an origin");
  if (size === undefined) return refuse("CHECKPOINT", `${place}, line 2`, "a tree size");
  if (root?.length !== 32) return refuse("CHECKPOINT", `${place}, line 3`, "the base64 of 32 bytes");
  return { origin, size, root, note };
}

/** Passes if the log's key signed the checkpoint. A bad line under a known key condemns the whole note. */
export async function verifyCheckpoint(
  checkpoint: Checkpoint,
  log: Vkey,
  place = "checkpoint",
): Promise<void> {
  if (log.name !== checkpoint.origin) refuse("CHECKPOINT", place, `the origin ${log.name}, as the log's key`);
  const lines = checkpoint.note.lines.filter((line) => isLineOf(line, log));
  if (lines.length === 0) refuse("CHECKPOINT", place, `a signature by ${log.text}`);
  for (const line of lines) {
    if (!(await verifyLine(checkpoint.note, line, log))) {
      refuse("BAD_SIGNATURE", place, `a strict signature by ${log.text}`);
    }
  }
}

/**
 * The POSIX time in seconds at which this witness cosigned (c2sp.org/tlog-cosignature, Ed25519), or
 * undefined if it did not. Of several lines the earliest counts; a bad one condemns the note.
 */
export async function cosignedAt(
  checkpoint: Checkpoint,
  witness: Vkey,
  place = "checkpoint",
): Promise<number | undefined> {
  if (witness.type !== COSIGNATURE) return undefined; // ML-DSA-44 is not checked here, so it doesn't count
  let earliest: number | undefined;
  for (const line of checkpoint.note.lines.filter((line) => isLineOf(line, witness))) {
    const blob = line.blob;
    if (blob.length !== 72) refuse("BAD_SIGNATURE", place, `a time and a signature by ${witness.text}`);
    const time = new DataView(blob.buffer, blob.byteOffset).getBigUint64(0);
    const message = join(bytesOf(`cosignature/v1\ntime ${time}\n`), checkpoint.note.textBytes);
    // Times past the year 9999 can't be shown and prove nothing.
    if (time > 253_402_300_799n || !(await verifyStrict(blob.slice(8), message, witness.key))) {
      refuse("BAD_SIGNATURE", place, `a strict cosignature by ${witness.text}`);
    }
    earliest = Math.min(earliest ?? Infinity, Number(time));
  }
  return earliest;
}
