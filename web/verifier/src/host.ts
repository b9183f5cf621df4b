import { type Bytes, join } from "./bytes.ts";
import { Unread } from "./ledger.ts";

// Files of a ledger from its address, for Node: a page asks for nothing by this. What is stored gzipped is sent so, and is
// unfolded by the platform as it comes.

/** What says that a file is not here. Object stores answer 403 for what they don't have. */
const ABSENT = [403, 404, 410, 451];
/** Milliseconds that an answer may take. */
const TIME_LIMIT = 60_000;

/** A file, of one that is longer than the limit a byte more than that; undefined if there is none. */
export async function fileAt(address: string, limit: number): Promise<Bytes | undefined> {
  const fail = (what: string) => new Unread(`${address}: ${what}`);
  const signal = AbortSignal.timeout(TIME_LIMIT);
  const answer = await fetch(address, { redirect: "manual", signal }).catch((error: Error) => {
    throw fail(error.cause instanceof Error ? error.cause.message : error.message);
  });
  if (ABSENT.includes(answer.status)) return undefined;
  if (answer.status >= 300 && answer.status < 400) throw fail(`HTTP ${answer.status}, and no redirect is followed`);
  if (answer.status !== 200) throw fail(`HTTP ${answer.status}`);
  const pieces: Bytes[] = [];
  let left = limit + 1;
  try {
    const reader = answer.body?.getReader();
    for (let next = await reader?.read(); next?.value && left > 0; next = await reader?.read()) {
      const piece = next.value.subarray(0, left);
      pieces.push(piece);
      left -= piece.length;
    }
    await reader?.cancel();
  } catch (error) {
    throw fail(`cut short: ${(error as Error).message}`);
  }
  return join(...pieces);
}
