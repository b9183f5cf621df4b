import { createReadStream } from "node:fs";
import { access, opendir, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { Bytes } from "./bytes.ts";
import type { Member } from "./zip.ts";
import { type Read, verifyLedger } from "./ledger.ts";
import type { Schema } from "./schema.ts";
import { backEnd } from "./signature.ts";
import { specVerdicts, vectorVerdicts } from "./vectors.ts";
import { vkeyOf } from "./vkey.ts";
// Exhibits are checked by the very files that browsers run.
import { NothingToCheck, verifyGiven } from "./given.js";
import * as page from "./verifier.js";

const { MEMBERS_LIMIT, policyOf, POLICY_LIMIT, reasonOf, ZIP_LIMIT } = page;

const USAGE = `usage: node cli.mjs EXHIBIT.zip [--policy FILE] [--json]
                    or a case file, an unpacked exhibit's folder or files, a receipt and its entry
       node cli.mjs --ledger FOLDER [--key VKEY] [--policy FILE] [--events FILE]
       node cli.mjs --vectors FILE [--events FILE]
       node cli.mjs --speccheck FILE
  --back-end webcrypto|noble   use this one for Ed25519 instead of the better one that works
exit codes: 0 valid, 1 refused or nothing to check, 2 unreadable or usage, 3 valid only by trust that the exhibit
            brought, or not decided since too little is enclosed`;

const VECTORS_LIMIT = 64 * 1024 * 1024;
const OPTIONS = ["--policy", "--ledger", "--key", "--vectors", "--events", "--speccheck", "--back-end"];

/** For what this program can't do at all, as against what it refuses. */
class Unusable extends Error {}

/** A file; of one that is longer than the limit, a byte more than that. */
async function read(path: string, limit: number): Promise<Bytes> {
  try {
    const pieces: Buffer[] = [];
    for await (const piece of createReadStream(path, { end: limit })) pieces.push(piece as Buffer);
    return new Uint8Array(Buffer.concat(pieces));
  } catch (error) {
    throw new Unusable(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await read(path, VECTORS_LIMIT));
}

function parse(words: string[]): { options: Map<string, string>; paths: string[]; json: boolean } {
  const options = new Map<string, string>();
  const paths: string[] = [];
  let json = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--json") json = true;
    else if (!word.startsWith("--")) paths.push(word);
    else if (!OPTIONS.includes(word) || options.has(word) || words[i + 1] === undefined)
      throw new Unusable(USAGE);
    else options.set(word, words[++i]!);
  }
  return { options, paths, json };
}

async function policyFrom(path: string | undefined): Promise<page.Policy | undefined> {
  if (path === undefined) return undefined;
  const bytes = await read(path, POLICY_LIMIT);
  try {
    return policyOf(bytes);
  } catch (error) {
    throw new Unusable(`${path}: ${reasonOf(error)}`);
  }
}

async function ledger(folder: string, options: Map<string, string>, eventsPath: string): Promise<number> {
  const schema = JSON.parse(await readText(eventsPath)) as Schema;
  const given = options.get("--key");
  const key = given === undefined ? undefined : vkeyOf(given);
  if (given !== undefined && !key) throw new Unusable("--key is no vkey");
  const policy = await policyFrom(options.get("--policy"));
  const from: Read = async (path, limit) => {
    const whole = join(folder, path);
    const there = await access(whole).then(
      () => true,
      () => false,
    );
    return there ? read(whole, limit) : undefined;
  };
  const { verdict, words } = await verifyLedger(from, schema, key, policy);
  console.log(words);
  return { valid: 0, refused: 1, undecided: 3 }[verdict];
}

/** The files of these paths; those in a folder by their paths in it. Together they are at most as long as an exhibit. */
async function given(paths: string[]): Promise<Member[]> {
  const files: Member[] = [];
  let left = ZIP_LIMIT;
  const add = async (path: string, name: string) => {
    if (files.length > MEMBERS_LIMIT) throw new Unusable(`${path}: more than ${MEMBERS_LIMIT} files`);
    // A byte more tells that it is too long; of several files that is all there is to say.
    const bytes = await read(path, left);
    left -= bytes.length;
    if (left < 0 && files.length > 0) throw new Unusable(`${path}: more than 256 MiB`);
    files.push({ name, bytes });
  };
  for (const path of paths) {
    const there = await stat(path).catch((error: Error) => {
      throw new Unusable(`${path}: ${error.message}`);
    });
    if (!there.isDirectory()) {
      await add(path, basename(path));
      continue;
    }
    const found = await opendir(path, { recursive: true });
    for await (const entry of found) {
      const at = join(entry.parentPath, entry.name);
      if (entry.isFile()) await add(at, relative(path, at).replaceAll("\\", "/"));
    }
  }
  return files;
}

async function check(paths: string[], policyPath: string | undefined, json: boolean): Promise<number> {
  const files = await given(paths);
  const policy = await policyFrom(policyPath);
  let report;
  try {
    report = await verifyGiven(files, policy);
  } catch (error) {
    if (!(error instanceof NothingToCheck)) throw error;
    console.error(`${paths.join(", ")}: ${error.message}`);
    return 1;
  }
  if (json) console.log(JSON.stringify(report));
  else {
    for (const { name, state, text } of report.checks)
      console.log(`${name.padEnd(11)} ${state.padEnd(12)} ${text}`);
    console.log(`\n${report.words}\n`);
    for (const [label, text] of report.sentences) console.log(`${label}: ${text}.`);
  }
  return { valid: 0, refused: 1, incomplete: 3, brought: 3 }[report.verdict];
}

async function vectors(path: string, eventsPath: string): Promise<number> {
  const schema = JSON.parse(await readText(eventsPath)) as Schema;
  let agree = true;
  for await (const verdict of vectorVerdicts(await readText(path), schema)) {
    console.log(JSON.stringify(verdict));
    agree &&= verdict.agrees;
  }
  return agree ? 0 : 1;
}

async function speccheck(path: string): Promise<number> {
  const { verdicts, agree } = await specVerdicts(await readText(path));
  console.log(JSON.stringify(verdicts));
  return agree ? 0 : 1;
}

/** Runs a command line. `events` is where events.json stands unless `--events` says otherwise. */
export async function main(words: string[], events: string): Promise<number> {
  try {
    const { options, paths, json } = parse(words);
    const forced = options.get("--back-end");
    if (forced === "webcrypto" || forced === "noble")
      await Promise.all([backEnd(forced), page.backEnd(forced)]);
    else if (forced !== undefined) throw new Unusable(USAGE);
    const vectorsPath = options.get("--vectors");
    const speccheckPath = options.get("--speccheck");
    if (vectorsPath) return await vectors(vectorsPath, options.get("--events") ?? events);
    const folder = options.get("--ledger");
    if (folder) return await ledger(folder, options, options.get("--events") ?? events);
    if (speccheckPath) return await speccheck(speccheckPath);
    if (paths.length === 0) throw new Unusable(USAGE);
    return await check(paths, options.get("--policy"), json);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 2;
  }
}
