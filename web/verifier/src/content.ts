import { fromBase64 } from "./base64.ts";
import { textOf } from "./bytes.ts";
import { refuse } from "./fault.ts";
import { ID } from "./grammar.ts";
import { blake3Hex } from "./hash.ts";
import { contentJsonOf, isObject, type Json, type JsonObject } from "./json.ts";
import type { ContentRef } from "./event.ts";

export const CONTENT_LIMIT = 262_144;
const FILES_LIMIT = 1000;

export interface FileRef {
  readonly name: string;
  readonly blake3: string;
  readonly sha256: string;
  readonly size: number;
  readonly media: string;
}

/** All that a verifier judges once words are on record: digest and size of the raw bytes. */
export function verifyContent(bytes: Uint8Array, { size, blake3 }: ContentRef, place = "content"): void {
  if (bytes.length !== size || blake3Hex(bytes) !== blake3) {
    refuse("CONTENT_DIGEST", place, `${size} bytes with BLAKE3 ${blake3}`);
  }
}

/** The words as one I-JSON object, or undefined. */
export function contentOf(bytes: Uint8Array): JsonObject | undefined {
  try {
    return bytes.length > CONTENT_LIMIT ? undefined : contentJsonOf(textOf(bytes) ?? "", "content");
  } catch {
    return undefined;
  }
}

export function hasSalt(content: JsonObject): boolean {
  return typeof content.salt === "string" && fromBase64(content.salt)?.length === 16;
}

/** The files that words name, or undefined if that list is not what section 3 says. */
export function filesOf({ files = [] }: JsonObject): FileRef[] | undefined {
  const isText = (value: unknown) => typeof value === "string";
  const isDigest = (value: unknown) => isText(value) && ID.test(value as string);
  const isFile = (file: Json) => {
    if (!isObject(file)) return false;
    const { name, blake3, sha256, size, media } = file;
    return isDigest(blake3) && isDigest(sha256) && name && isText(name) && isText(media) && isSize(size);
  };
  const good = Array.isArray(files) && files.length <= FILES_LIMIT && files.every(isFile);
  return good ? (files as unknown as FileRef[]) : undefined;
}

function isSize(value: unknown): boolean {
  return typeof value === "number" && value >= 0;
}
