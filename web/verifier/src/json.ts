import { refuse } from "./fault.ts";
import { numberOf } from "./grammar.ts";

export type Json = string | number | boolean | null | Json[] | JsonObject;
/** Made without a prototype, so that a member named `__proto__` is a member like any other. */
export interface JsonObject {
  [name: string]: Json;
}

export const DEPTH_LIMIT = 32;

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Line 3 of an event (formats.md section 3): no white space, escapes, nulls or empty things. */
export function eventJsonOf(line: string, place: string): JsonObject {
  const bad = /[^\x21-\x7e]|\\/.exec(line);
  if (bad) refuse("JSON_BYTE", `${place}, byte ${bad.index + 1}`, "bytes 0x21 to 0x7E without backslash");
  return objectOf(new Reader(line, place, false), place);
}

/** A content blob's text: I-JSON (RFC 7493), with the numbers of formats.md. */
export function contentJsonOf(text: string, place: string): JsonObject {
  return objectOf(new Reader(text, place, true), place);
}

function objectOf(reader: Reader, place: string): JsonObject {
  const value = reader.whole();
  return isObject(value) ? value : refuse("JSON_NOT_OBJECT", place, "one object");
}

/** A parser of its own: JSON.parse keeps the last of two members and forgets how a number was written. */
class Reader {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly place: string,
    private readonly words: boolean,
  ) {}

  whole(): Json {
    const value = this.value(1);
    this.space();
    if (this.at !== this.text.length) this.fail("JSON_SYNTAX", "nothing after the object");
    return value;
  }

  private fail(code: string, wanted: string): never {
    return refuse(code, `${this.place}, character ${this.at + 1}`, wanted);
  }

  private space(): void {
    while (this.words && /^[ \t\n\r]$/.test(this.text[this.at] ?? "")) this.at++;
  }

  /** Steps over the character if it comes next. */
  private take(character: string): boolean {
    this.space();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private value(level: number): Json {
    this.space();
    const next = this.text[this.at] ?? "";
    if ((next === "{" || next === "[") && level > DEPTH_LIMIT) {
      this.fail("JSON_DEPTH", `at most ${DEPTH_LIMIT} levels`);
    }
    if (next === "{") return this.object(level);
    if (next === "[") return this.array(level);
    if (next === '"') return this.string();
    if (/^[-+0-9]$/.test(next)) return this.number();
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (!this.text.startsWith(word, this.at)) continue;
      if (value === null && !this.words) this.fail("JSON_NULL", "the member left out");
      this.at += word.length;
      return value;
    }
    return this.fail("JSON_SYNTAX", "a value");
  }

  private object(level: number): JsonObject {
    const object: JsonObject = Object.create(null) as JsonObject;
    this.at++;
    if (this.take("}")) return this.words ? object : this.fail("JSON_EMPTY", "no empty object");
    do {
      this.space();
      if (this.text[this.at] !== '"') this.fail("JSON_SYNTAX", "a member name");
      const name = this.string();
      if (name in object) this.fail("JSON_DUPLICATE", `the member ${name} once`);
      if (!this.take(":")) this.fail("JSON_SYNTAX", "a colon");
      object[name] = this.value(level + 1);
    } while (this.take(","));
    if (!this.take("}")) this.fail("JSON_SYNTAX", "a comma or a closing brace");
    return object;
  }

  private array(level: number): Json[] {
    const array: Json[] = [];
    this.at++;
    if (this.take("]")) return this.words ? array : this.fail("JSON_EMPTY", "no empty array");
    do array.push(this.value(level + 1));
    while (this.take(","));
    if (!this.take("]")) this.fail("JSON_SYNTAX", "a comma or a closing bracket");
    return array;
  }

  private number(): number {
    const token = /^[-+0-9.eE]+/.exec(this.text.slice(this.at, this.at + 400))?.[0] ?? "";
    const value = numberOf(token) ?? this.fail("JSON_NUMBER", "a whole number of at most 2^53-1 in size");
    this.at += token.length;
    return value;
  }

  private string(): string {
    const start = this.at++;
    for (;;) {
      const next = this.text[this.at++];
      if (next === undefined) this.fail("JSON_SYNTAX", "a closing quote");
      if (next === '"') break;
      if (next < " ") this.fail("JSON_SYNTAX", "no control character in a string");
      if (next === "\\" && !/^(["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(this.text.slice(this.at++, this.at + 5))) {
        this.fail("JSON_SYNTAX", "an escape that JSON has");
      }
    }
    const token = this.text.slice(start, this.at);
    const value = this.words ? (JSON.parse(token) as string) : token.slice(1, -1);
    if (/\p{Surrogate}|\p{Noncharacter_Code_Point}/u.test(value)) {
      this.fail("JSON_SYNTAX", "no lone surrogate and no noncharacter (RFC 7493)");
    }
    return value;
  }
}
