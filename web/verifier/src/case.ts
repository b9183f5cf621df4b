// Case files hold an exhibit for each entry of a case. `onrecord verify` checks that none is missing; here each can be
// checked alone.

import type { Bytes } from "./bytes.ts";

/** What to say of bytes that begin as a case file does, with an exhibit; undefined for others. */
export function caseFileOf(bytes: Bytes): string | undefined {
  const isOne = String.fromCharCode(...bytes.subarray(30, 38)) === "exhibit-";
  return isOne ? "This is a case file: onrecord verify checks it. Take it apart to check one exhibit here" : undefined;
}
