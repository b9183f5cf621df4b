import { get as getPlainly, type IncomingMessage, type RequestOptions } from "node:http";
import { get as getByTls } from "node:https";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { type Bytes, join } from "./bytes.ts";
import { type Read, Unread } from "./ledger.ts";

// Reads files of a ledger from its address, in Node; pages don't use this. Files may come gzipped, asked for or not.
// `fetch` would hide in which coding they came, and which part of it could not be unpacked.

/** Statuses that say that a file is not there. Object stores answer 403 for a file that they don't have. */
const ABSENT = [403, 404, 410, 451];
/** The most bytes in the head of an answer, and how many fields are too many. */
const [HEAD_LIMIT, FIELDS_LIMIT] = [65_536, 100];
/** Milliseconds that an answer may take. */
const TIME_LIMIT = 60_000;

/** Reads a ledger at its address. */
export function readerOf(address: string): Read {
  const answered = new Map<string, number>();
  const base = address.replace(/\/+$/, "");
  const read = (path: string, limit: number) =>
    fileAt(`${base}/${path}`, limit, (status) => answered.set(path, status));
  return Object.assign(read, { answered });
}

/**
 * A file; of a longer one, `limit` bytes and one more. Undefined if there is none; `isKeptBack` is then told the status, if
 * it is another than 404.
 */
async function fileAt(
  address: string,
  limit: number,
  isKeptBack: (status: number) => void,
): Promise<Bytes | undefined> {
  const fail = (what: string) => new Unread(`${address}: ${what}`);
  const options = {
    headers: { "accept-encoding": "gzip, identity" },
    maxHeaderSize: HEAD_LIMIT,
    signal: AbortSignal.timeout(TIME_LIMIT),
  };
  const answer = await answerAt(address, options).catch((error: Error) => {
    throw fail(error.message);
  });
  const status = answer.statusCode ?? 0;
  const coding = answer.headers["content-encoding"] ?? "";
  const codings = coding.split(",").map((one) => one.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase());
  const [one, more] = codings.filter((name) => name !== "" && name !== "identity");
  const refuse = (what: string) => {
    answer.destroy();
    throw fail(what);
  };
  if (answer.rawHeaders.length / 2 >= FIELDS_LIMIT) refuse(`a head of ${FIELDS_LIMIT} fields or more`);
  const framing = answer.headers["transfer-encoding"]?.toLowerCase();
  if (framing !== undefined && framing !== "chunked") refuse(`Transfer-Encoding ${framing.slice(0, 80)}: expected chunked or none`);
  if (ABSENT.includes(status)) {
    // The body is not needed, and may never end.
    answer.destroy();
    if (status !== 404) isKeptBack(status);
    return undefined;
  }
  if (status === 304) refuse("HTTP 304: not modified, though nothing was asked for of that kind");
  if (status >= 300 && status < 400) refuse(`HTTP ${status}: a redirect, and no redirect is followed`);
  if (status !== 200) refuse(`HTTP ${status}`);
  const isGzipped = one === "gzip" || one === "x-gzip";
  if (more !== undefined || (one !== undefined && !isGzipped))
    refuse(`Content-Encoding ${coding.slice(0, 80)}: expected gzip or none`);

  const pieces: Bytes[] = [];
  let left = limit + 1;
  let came = 0;
  answer.on("data", (piece: Buffer) => (came += piece.length)).pause();
  const gunzip = createGunzip();
  // Errors are thrown by the loop below, which reads the stream.
  const stream = isGzipped ? pipeline(answer, gunzip, () => undefined) : answer;
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      pieces.push(new Uint8Array(piece.subarray(0, left)));
      left -= piece.length;
      if (left <= 0) break;
    }
  } catch (error) {
    throw fail(`cut short, or not what it says: ${(error as Error).message}`);
  }
  if (isGzipped && left > 0 && gunzip.bytesWritten !== came) throw fail("gzip with other bytes behind it");
  return join(...pieces);
}

function answerAt(address: string, options: RequestOptions): Promise<IncomingMessage> {
  const get = address.startsWith("https:") ? getByTls : getPlainly;
  return new Promise((resolve, reject) => get(address, options, resolve).on("error", reject));
}
