import { fromBase64 } from "./base64.ts";
import { type Bytes, bytesOf, hexOf, textOf } from "./bytes.ts";
import { refuse } from "./fault.ts";
import { verifyStrict } from "./signature.ts";
import type { Vkey } from "./vkey.ts";

const LINES_LIMIT = 100;

export interface SignatureLine {
  readonly name: string;
  readonly id: string;
  /** What follows the four bytes of the key id. */
  readonly blob: Bytes;
}

/** A signed note (c2sp.org/signed-note), nothing verified yet. */
export interface Note {
  /** The signed text with its final newline. */
  readonly text: string;
  readonly textBytes: Bytes;
  readonly lines: SignatureLine[];
}

export function noteOf(bytes: Uint8Array, limit: number, place: string): Note {
  if (bytes.length > limit) refuse("NOTE_TOO_LONG", place, `at most ${limit} bytes`);
  const whole = textOf(bytes);
  if (whole === undefined) return refuse("NOTE_NOT_UTF8", place, "UTF-8");
  if (/[\0-\x09\x0b-\x1f]/.test(whole)) refuse("NOTE_CONTROL_CHARACTER", place, "no control character");
  const split = whole.lastIndexOf("\n\n");
  const signed = whole.slice(split + 2);
  if (split < 0 || signed === "") refuse("NOTE_UNSIGNED", place, "signature lines at the end");
  const lines = signed.split("\n");
  // Each line has its newline, the last one too.
  const good = lines.pop() === "" && lines.length <= LINES_LIMIT;
  const text = whole.slice(0, split + 1);
  return {
    text,
    textBytes: bytesOf(text),
    lines: lines.map((line, i) => {
      const [, name, encoded = ""] = /^\u2014 ([^+\p{White_Space}]+) ([^ ]+)$/u.exec(line) ?? [];
      const blob = fromBase64(encoded);
      if (good && name && blob && blob.length > 4) {
        return { name, id: hexOf(blob.subarray(0, 4)), blob: blob.slice(4) };
      }
      return refuse("BAD_SIGNATURE_LINE", `${place}, signature line ${i + 1}`, "\u2014 <key name> <base64>");
    }),
  };
}

export function isLineOf(line: SignatureLine, key: Vkey): boolean {
  return line.name === key.name && line.id === key.id;
}

export function linesBy(note: Note, key: Vkey): SignatureLine[] {
  return note.lines.filter((line) => isLineOf(line, key));
}

/** Whether this line is that key's plain Ed25519 signature over the note's text. */
export function verifyLine(note: Note, line: SignatureLine, key: Vkey): Promise<boolean> {
  return verifyStrict(line.blob, note.textBytes, key.key);
}
