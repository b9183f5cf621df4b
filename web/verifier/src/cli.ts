import { realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { noOlder } from "./age.ts";
import { type Bytes, textOf } from "./bytes.ts";
import { filesIn, given, isAbsence, isThere } from "./folder.ts";
import { readerOf } from "./host.ts";
import { Unread, verifyLedger } from "./ledger.ts";
import { read as readFile } from "./read.ts";
import type { Schema } from "./schema.ts";
import { backEnd } from "./signature.ts";
import { specVerdicts, vectorVerdicts } from "./vectors.ts";
import { ML_DSA, type Vkey } from "./vkey.ts";
// Exhibits are checked by the very files that browsers run.
import {
  ChangedReceipt,
  type Given,
  HalfReceipt,
  NothingToCheck,
  NotOne,
  receiptAmong,
  UnreadZip,
  verifyGiven,
  verifyReceipt,
} from "./given.js";
import * as page from "./verifier.js";

const { partyKeyOf, policyOf, POLICY_LIMIT, reasonOf } = page;

const USAGE = `usage: node cli.mjs EXHIBIT.zip [--key VKEY] [--policy FILE] [--max-age TIME] [--json]
                    or a case file, an unpacked exhibit's folder or files
       node cli.mjs PROOF --entry ENTRY [--key VKEY] [--policy FILE] [--json]     a receipt
       node cli.mjs --ledger FOLDER|URL [--key VKEY] [--policy FILE] [--max-age TIME] [--events FILE]
       node cli.mjs --vectors FILE [--events FILE]
       node cli.mjs --speccheck FILE
  --max-age TIME   how old a cosignature may be to count: seconds, or a number with s, m, h or d
  --back-end webcrypto|noble   use this one for Ed25519 instead of the better one that works
exit codes: 0 valid, 1 refused, 2 a command or a policy that can't be read, 3 valid only by trust that the exhibit
            brought, or not decided since too little is enclosed, can be read, or can be checked here`;

const VECTORS_LIMIT = 64 * 1024 * 1024;
const OPTIONS = ["--policy", "--max-age", "--entry", "--ledger", "--key", "--vectors", "--events", "--speccheck", "--back-end"];

/** For a command or a policy that can't be read. */
class Unusable extends Error {}

async function read(path: string, limit: number): Promise<Bytes> {
  return readFile(path, limit).catch((error: Error) => {
    throw new Unusable(`${path}: ${error.message}`);
  });
}

async function readText(path: string): Promise<string> {
  const text = textOf(await read(path, VECTORS_LIMIT));
  if (text === undefined) throw new Unusable(`${path}: not UTF-8`);
  return text;
}

function parse(words: string[]): { options: Map<string, string>; paths: string[]; json: boolean } {
  const options = new Map<string, string>();
  const paths: string[] = [];
  let json = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const [, name = word, given] = /^(--[a-z-]+)=([^]*)$/.exec(word) ?? [];
    if (word === "--json") json = true;
    else if (!word.startsWith("--")) paths.push(word);
    else {
      const value = given ?? words[++i];
      if (!OPTIONS.includes(name) || options.has(name) || value === undefined) throw new Unusable(USAGE);
      options.set(name, value);
    }
  }
  return { options, paths, json };
}

/** Whom the reader trusts, by a policy, a key or both. */
async function trustIn(options: Map<string, string>): Promise<page.Policy | undefined> {
  const [path, text, age] = ["--policy", "--key", "--max-age"].map((name) => options.get(name));
  let policy: page.Policy | undefined;
  let key: Vkey | undefined;
  try {
    if (path !== undefined) policy = policyOf(await read(path, POLICY_LIMIT), path);
    if (text !== undefined) key = partyKeyOf(text, "--key");
  } catch (error) {
    throw error instanceof Unusable ? error : new Unusable(reasonOf(error));
  }
  if (age !== undefined) policy = noOlder(policy, age, "--max-age");
  if (!key) return policy;
  if (!policy) return { logs: [key], rules: new Map(), quorum: "none" };
  if (policy.logs.length === 0) return { ...policy, logs: [key] };
  const own = policy.logs.filter(({ name }) => name === key.name);
  if (!own[0]) throw new Unusable(`--key: the policy trusts other logs, not ${key.text}`);
  const besides = own.filter(({ type }) => type === ML_DSA);
  if (besides.length < own.length && !own.some((log) => log.text === key.text))
    throw new Unusable(`--key: the policy gives ${key.name} another key than ${key.text}`);
  return { ...policy, logs: [key, ...besides] };
}

/** Checks a ledger: at its address, or in its data folder or one with its public files. */
async function ledger(folder: string, options: Map<string, string>, eventsPath: string): Promise<number> {
  const isAddress = folder.includes("://");
  if (isAddress && !/^https?:\/\/[^/]/.test(folder))
    throw new Unusable("--ledger: expected an address that begins with http:// or https://, or a folder");
  const schema = JSON.parse(await readText(eventsPath)) as Schema;
  const policy = await trustIn(options);
  const isData = !isAddress && (await isThere(join(folder, "public", "checkpoint")));
  const root = isData ? join(folder, "public") : folder;
  const inFolder = async (path: string, limit: number) => {
    const fail = (what: string) => new Unread(`${path}: ${what}`);
    try {
      const [whole, within] = [await realpath(join(root, path)), await realpath(root)];
      // A link may stand for a file, but not lead out of the folder.
      if (!whole.startsWith(within.replace(/\/?$/, "/"))) throw fail("a link that leads out of the folder");
      // Checked before it is opened, since opening a pipe would wait for ever.
      if (!(await stat(whole)).isFile()) throw fail("not a plain file");
      return await readFile(whole, limit);
    } catch (error) {
      if (isAbsence(error)) return undefined;
      throw error instanceof Unread ? error : fail((error as Error).message);
    }
  };
  const { verdict, words } = await verifyLedger(isAddress ? readerOf(folder) : inFolder, schema, policy);
  console.log(words);
  return { valid: 0, refused: 1, undecided: 3 }[verdict];
}

/** The files at these paths; of a folder, the files in it. */
async function filesAt(paths: string[]): Promise<Given[]> {
  const files: Given[] = [];
  for (const path of paths) {
    const there = await stat(path).catch((error: Error) => {
      throw new NothingToCheck(error.message);
    });
    files.push(...(there.isDirectory() ? await filesIn(path) : [await given(path, basename(path))]));
  }
  return files;
}

/** The file at a path. Throws if it is a folder, or can't be read. */
async function plainFile(path: string): Promise<Given> {
  const file = await given(path, basename(path));
  await file.read(0);
  return file;
}

async function check(paths: string[], options: Map<string, string>, json: boolean): Promise<number> {
  const policy = await trustIn(options);
  const entryPath = options.get("--entry");
  let report;
  try {
    const files = await filesAt(paths);
    if (entryPath !== undefined) files.push(await plainFile(entryPath));
    const { proof } = entryPath === undefined ? {} : await receiptAmong(files);
    const [entry, more] = files.filter((file) => file !== proof);
    if (entryPath !== undefined && (!proof || !entry || more || (await receiptAmong([entry])).proof))
      throw new HalfReceipt("Give a receipt and its entry, as /proof/n and /entry/n give them");
    report = proof && entry ? await verifyReceipt(entry, proof, policy) : await verifyGiven(files, policy);
  } catch (error) {
    if (!(error instanceof NothingToCheck)) throw error;
    if (error instanceof UnreadZip) {
      const words = "NOT DECIDED: see what was not checked";
      const checks = [{ name: "exhibit", state: "not checked", text: error.message }];
      if (json) console.log(JSON.stringify({ checks, verdict: "incomplete", words, sentences: [] }));
      else console.log(`exhibit     not checked  ${error.message}\n\n${words}`);
      return 3;
    }
    const how = error instanceof HalfReceipt ? " (PROOF --entry ENTRY)" : "";
    console.error(`${paths.join(", ")}: ${error.message}${how}`);
    const isUsage = error instanceof HalfReceipt || error instanceof ChangedReceipt;
    return isUsage || (error instanceof NotOne && paths.length > 1) ? 2 : 3;
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
    return await check(paths, options, json);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 2;
  }
}
