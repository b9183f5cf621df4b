import { fromBase64 } from "./base64.ts";
import { textOf } from "./bytes.ts";
import { asFault, refuse } from "./fault.ts";
import { ID } from "./grammar.ts";
import { blake3Hex } from "./hash.ts";
import { contentJsonOf, isObject, type JsonObject } from "./json.ts";
import type { ContentRef } from "./event.ts";

export const CONTENT_LIMIT = 262_144;

export interface FileRef {
  readonly name: string;
  readonly blake3: string;
  readonly sha256: string;
  readonly size: number;
  readonly media: string;
}

/** All that a verifier judges once words are on record: digest and size of the raw bytes. */
export function verifyContent(bytes: Uint8Array, ref: ContentRef, place = "content"): void {
  if (bytes.length !== ref.size) refuse("CONTENT_DIGEST", place, `${ref.size} bytes`);
  if (blake3Hex(bytes) !== ref.blake3) refuse("CONTENT_DIGEST", place, `the BLAKE3 digest ${ref.blake3}`);
}

export function contentOf(bytes: Uint8Array, place = "content"): JsonObject {
  if (bytes.length > CONTENT_LIMIT) refuse("CONTENT_JSON", place, `at most ${CONTENT_LIMIT} bytes`);
  const text = textOf(bytes);
  if (text === undefined) return refuse("CONTENT_JSON", place, "well-formed UTF-8");
  try {
    return contentJsonOf(text, place);
  } catch (error) {
    const fault = asFault(error, place);
    return refuse("CONTENT_JSON", fault.place, fault.message);
  }
}

export function hasSalt(content: JsonObject): boolean {
  return typeof content.salt === "string" && fromBase64(content.salt)?.length === 16;
}

/** The files that words name, or a refusal if that list is not what section 3 says. */
export function filesOf(content: JsonObject, place = "content"): FileRef[] {
  const { files } = content;
  if (files === undefined) return [];
  if (!Array.isArray(files)) return refuse("CONTENT_JSON", `${place}, files`, "an array");
  return files.map((file, i) => {
    if (isObject(file)) {
      const { name, blake3, sha256, size, media } = file;
      const digests = [blake3, sha256].every((digest) => typeof digest === "string" && ID.test(digest));
      if (digests && typeof name === "string" && typeof size === "number" && typeof media === "string") {
        return { name, size, media, blake3: blake3 as string, sha256: sha256 as string };
      }
    }
    return refuse("CONTENT_JSON", `${place}, files/${i}`, "name, blake3, sha256, size and media");
  });
}
