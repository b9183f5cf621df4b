import { createReadStream } from "node:fs";
import type { Bytes } from "./bytes.ts";

/** A file; of a longer one, `limit` bytes and one more. */
export async function read(path: string | Buffer, limit: number): Promise<Bytes> {
  const pieces: Buffer[] = [];
  for await (const piece of createReadStream(path, { end: limit })) pieces.push(piece as Buffer);
  return new Uint8Array(Buffer.concat(pieces));
}
