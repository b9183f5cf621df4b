import { isExhibitName, verifyCase } from "./case.ts";
import { Broken, type Given, isZip, printable, Unreadable, unzip } from "./unzip.ts";
import {
  blake3Hex,
  countOf,
  type Examined,
  examine,
  examineMembers,
  isMember,
  type Member,
  membersOf,
  MEMBERS_LIMIT,
  type Policy,
  refused,
  type Report,
  verifyEntry,
  ZIP_LIMIT,
} from "./verifier.js";

export { type Given, nameOf } from "./unzip.ts";
export { verifyKeys } from "./keys.ts";
export { verifyShape } from "./types.ts";

// What people hand in that is not an exhibit as it was made: case files, exhibits that another program packed anew, the
// members of one as a folder or as several files, a receipt with its entry, and files that prove nothing. Loaded when it is
// needed, as are the types of events.

/** Says what was given and what to give instead: nothing can be checked, and nothing is wrong. */
export class NothingToCheck extends Error {}

/** The same for half a receipt: its other file is missing. */
export class HalfReceipt extends NothingToCheck {}

/** The same for a receipt that a program changed on its way. */
export class ChangedReceipt extends NothingToCheck {}

/** The same for several files that are not the members of one exhibit. */
export class NotOne extends NothingToCheck {}

/** The same for a zip that can't be read here, or holds something else. */
export class UnreadZip extends NothingToCheck {}

const ANEW = "packed anew: the checks below are of its members";
const UNPACKED = "unpacked: the checks below are of its members";
const SEVERAL = "Give one exhibit at a time, or the members of one: these are several exhibits, or none that was unpacked.";
/** How many bytes tell a receipt and an entry from other files. */
const BEGINNING = 64;

/** Checks files that were given together, each with its path. A file that is no member of an exhibit is not read. */
export async function verifyGiven(files: Given[], policy?: Policy): Promise<Report> {
  try {
    return await verify(files, policy);
  } catch (error) {
    if (error instanceof Unreadable) throw new UnreadZip(`this zip is ${error.message}: unpack it, and give its folder`);
    if (!(error instanceof Broken)) throw error;
    // A broken zip is refused: what broke it may have changed it.
    return refused([{ name: "exhibit", state: "FAILED", text: error.message }], error.message, "exhibit");
  }
}

async function verify(files: Given[], policy?: Policy): Promise<Report> {
  const [file, more] = files;
  if (!file) throw new NothingToCheck("Nothing is in it.");
  if (!more && !file.name.includes("/")) return verifyOne(await whole(file), policy);
  const all = files.filter(({ name }) => !isLeftBySystems(name));
  // A checkpoint may have been saved beside a receipt and its entry.
  const seen = all.filter(({ name }) => all.length !== 3 || !/(^|\/)checkpoint$/.test(name));
  const [one, other, third] = seen;
  if (one && other && !third) {
    const { entry, proof } = await receiptAmong(seen);
    if (entry && proof) return verifyReceipt(entry, proof, policy);
    if ((entry || proof) && !one.name.includes("/"))
      throw new HalfReceipt("Give a receipt and its entry, as /proof/n and /entry/n give them.");
  }
  return (await examineAll(files, UNPACKED, undefined, policy)).report;
}

/** Checks a receipt and what was given as its entry. */
export async function verifyReceipt(entry: Given, proof: Given, policy?: Policy): Promise<Report> {
  const [entryBytes, proofBytes] = [(await whole(entry)).bytes, (await whole(proof)).bytes];
  for (const [what, bytes] of [["receipt", proofBytes], ["entry", entryBytes]] as const) {
    const end = bytes.indexOf(0x0a);
    if (bytes[(end < 0 ? bytes.length : end) - 1] === 0x0d)
      throw new ChangedReceipt(`The ${what} was changed by a program: its lines end in CR LF. Get it again, as it is served.`);
  }
  return verifyEntry(entryBytes, proofBytes, policy);
}

/** The first receipt (c2sp.org/tlog-proof) and the first entry among files, by how they begin. */
export async function receiptAmong(files: Given[]): Promise<{ entry?: Given; proof?: Given }> {
  const found: { entry?: Given; proof?: Given } = {};
  for (const file of files) {
    const bytes = await file.read(BEGINNING).catch(() => undefined);
    if (bytes && isEntry(bytes)) found.entry ??= file;
    if (bytes && begins(bytes, PROOF)) found.proof ??= file;
  }
  return found;
}

function isEntry(bytes: Bytes): boolean {
  return ["\n", "\r\n"].some((end) => begins(bytes, `onrecord/entry/v1${end}`));
}

const PROOF = "c2sp.org/tlog-proof@";

type Bytes = Member["bytes"];

async function whole({ name, read }: Given): Promise<Member> {
  return { name, bytes: await read(ZIP_LIMIT) };
}

async function verifyOne(file: Member, policy?: Policy): Promise<Report> {
  const { bytes } = file;
  if (isZip(bytes)) return verifyZip(file, policy);
  if (begins(bytes, PROOF))
    throw new HalfReceipt("This is a receipt: it proves that an entry is in the log. Give that entry too, as /entry/n gives it.");
  if (isEntry(bytes))
    throw new HalfReceipt("This is an entry. Give its receipt too, as /proof/n gives it, or give its exhibit.");
  throw new NothingToCheck(whatItIs(bytes));
}

/** Checks a zip: an exhibit or a case file as it was made, or packed anew. */
async function verifyZip({ name, bytes }: Member, policy?: Policy): Promise<Report> {
  let members: Member[] = [];
  try {
    members = membersOf(bytes);
  } catch {
    // It is no zip as ledgers make them, and is read as another program's below.
  }
  const isCase = members[0] && isExhibitName(members[0].name);
  if (!isCase) return (await examineAny(bytes, policy, name)).report;
  const report = await verifyCase(members, inCase(), policy);
  const [check] = report.checks;
  if (check?.name !== "case file" || check.state !== "FAILED") return report;
  return (await examineAll(unzip(bytes), ANEW, name, policy)).report;
}

/** Checks an exhibit, as it was made or packed anew. */
async function examineAny(bytes: Bytes, policy?: Policy, name?: string, room?: Room): Promise<Examined> {
  const examined = await examine(bytes, policy, name);
  if (examined.report.checks[0]?.state !== "FAILED") return examined;
  return examineAll(unzip(bytes), ANEW, name, policy, room);
}

/** How many bytes are left to those exhibits of a case file that were packed anew. */
interface Room {
  left: number;
}

/** Returns a check for the exhibits of one case file. It refuses case files in it: one could hold itself. */
function inCase(): (bytes: Bytes, policy?: Policy) => Promise<Examined> {
  const room = { left: ZIP_LIMIT };
  return (bytes, policy) => examineAny(bytes, policy, undefined, room);
}

/** Checks members in any order, in a folder or not, among files that systems leave beside them. */
async function examineAll(
  given: Given[],
  how: string,
  fileName: string | undefined,
  policy?: Policy,
  room?: Room,
): Promise<Examined> {
  const files: { name: string; file: Given }[] = [];
  const all = new Set<string>();
  for (const file of given) {
    // Some programs unpack a backslash as a part of the name of a file.
    const name = how === ANEW ? plain(file.name) : slashed(file.name);
    if (isLeftBySystems(name) || (name.endsWith("/") && file.size === 0)) continue;
    if (how === ANEW && all.has(name)) throw new Broken(`${name}: a name that stands twice`);
    all.add(name);
    files.push({ name, file });
  }
  const split = [...all].map((name) => [folderOf(name), name.slice(folderOf(name).length)] as const);
  const folders = (isOne: (last: string, folder: string) => boolean) => [
    ...new Set(split.flatMap(([folder, last]) => (isOne(last, folder) ? folder : []))),
  ];
  const exhibits = folders((last, folder) => last === "entry" && all.has(`${folder}proof.tlog-proof`));
  const cases = folders((last, folder) => isExhibitName(last) && all.has(`${folder}README.txt`));
  const bare = folders((last) => isExhibitName(last));
  // Of several the outermost is meant: not exhibits in folders beside a case file, nor a zip beside its own folder.
  const depth = (folder: string) => folder.split("/").length;
  const whole = [...new Set([...exhibits, ...cases])];
  const [folder, other] = (whole[0] === undefined ? bare : whole).sort((a, b) => depth(a) - depth(b));
  if (folder === undefined) {
    const isPart = [...all].some(isMember);
    if (isPart && how === ANEW) throw new Broken("no whole exhibit: an entry and its proof.tlog-proof are needed");
    if (how === ANEW) throw new UnreadZip("this zip is no exhibit and no case file: it has no member of one");
    if ([...all].some((name) => name.endsWith(".zip"))) throw new NotOne(SEVERAL);
    throw new NotOne("This is no exhibit: it holds no entry and proof. Give one exhibit, or a case file: the folder in which its files lie.");
  }
  // A case file that was unpacked has its README; without it these are exhibits that were given together.
  const isSeveral = (other !== undefined && depth(other) === depth(folder)) || (whole[0] === undefined && how === UNPACKED);
  if (isSeveral && how === ANEW) throw new UnreadZip("this zip holds several exhibits: unpack it, and give one of them");
  if (isSeveral) throw new NotOne(SEVERAL);
  const isCase = !exhibits.includes(folder);
  if (isCase && room) throw new Broken("a case file in the place of an exhibit");

  const isKnown = (name: string) => (isCase ? isExhibitName(name) || name === "README.txt" : isMember(name));
  const own = new Map<string, Given>();
  const foreign: string[] = [];
  for (const { name, file } of files) {
    const inner = name.startsWith(folder) ? slashed(name.slice(folder.length)) : "";
    if (own.has(inner)) throw new Broken(`${inner}: a name that stands twice`);
    if (isKnown(inner)) own.set(inner, file);
    else foreign.push(how === ANEW ? name : file.name);
  }
  // What was unpacked lies in a folder of its own.
  const base = how === UNPACKED ? (/^[^/]*\//.exec(folder)?.[0] ?? "") : "";
  const short = (name: string) => printable(name.slice((name.startsWith(folder) ? folder : base).length).slice(0, 80));
  const names = foreign.map(short);
  const said =
    names.length === 0
      ? how
      : how === ANEW
        ? `${how}; not among them, and passed over: ${told(names.map((name) => JSON.stringify(name)), 3, " and ")}`
        : `${how}; not looked at: ${told(names, 5, ", and ")}`;
  const members = await membersAmong(own, isCase, room ?? { left: ZIP_LIMIT });
  if (isCase) return { report: await verifyCase(members, inCase(), policy, said) };
  // A folder is named as its zip was.
  const around = folder.split("/").slice(0, -1).map((part) => `${part}.zip`);
  // A zip has a name of its own too; not so in a case file, where that name's number is compared anyway.
  const called = how === UNPACKED ? around : [fileName ?? "", ...around.slice(-1)];
  const [first, ...more] = called.filter((name) => /^exhibit-\d+\.zip$/.test(name));
  let examined = await examineMembers(members, said, policy, first);
  for (const name of more)
    if (examined.report.verdict !== "refused") examined = await examineMembers(members, said, policy, name);
  return examined;
}

/**
 * Reads members. Bad names and sizes are refused first, even if a member can't be read; then a broken member is refused,
 * even if another can't be read.
 */
async function membersAmong(own: Map<string, Given>, isCase: boolean, room: Room): Promise<Member[]> {
  if (isCase) verifyNumbers([...own.keys()]);
  else verifyNames(new Set(own.keys()));
  const limit = room.left;
  const tooLarge = new Broken("an exhibit, and what is packed anew of a case file, has at most 256 MiB and 20000 members");
  room.left -= [...own.values()].reduce((sum, { size }) => sum + size, 0);
  if (own.size > MEMBERS_LIMIT || room.left < 0) throw tooLarge;
  const members: Member[] = [];
  let unread: unknown;
  let left = limit;
  for (const [name, { read }] of own) {
    try {
      const bytes = await read(left);
      left -= bytes.length;
      if (left < 0) throw tooLarge;
      members.push({ name, bytes });
    } catch (error) {
      if (error instanceof Broken) throw error;
      unread ??= error;
    }
  }
  if (unread) throw unread;
  return members;
}

/** Refuses names that the members of an exhibit can't have. */
function verifyNames(own: Set<string>): void {
  const need = (name: string) => {
    if (!own.has(name)) throw new Broken(`members: expected ${name}`);
  };
  ["entry", "proof.tlog-proof"].forEach(need);
  const under = (folder: string) => [...own].filter((name) => name.startsWith(folder));
  under("timestamps/").forEach((_, i) => need(`timestamps/${i}.tsr`));
  for (const name of under("chain/")) {
    const index = countOf(/\d+/.exec(name)![0]);
    if (index === undefined) throw new Broken(`${name}: expected the number of an entry`);
    need(`chain/${index}`);
    need(`chain/${index}.tlog-proof`);
  }
  const digests = under("files/").map((name) => name.slice(0, 70));
  if (new Set(digests).size < digests.length) throw new Broken("members: expected each file once");
}

/** Refuses names that the members of a case file can't have. */
function verifyNumbers(own: string[]): void {
  for (const name of own.filter(isExhibitName))
    if (countOf(/\d+/.exec(name)![0]) === undefined) throw new Broken(`${name}: expected the number of an entry`);
}

/** The first of some names, and how many more there are. */
function told(names: string[], most: number, and: string): string {
  const more = names.length - most;
  return names.slice(0, most).join(", ") + (more > 0 ? `${and}${more} more` : "");
}

/** A name with slashes for backslashes and no `./` before it, as archives of other systems may write it. */
function slashed(name: string): string {
  return name.replaceAll("\\", "/").replace(/^(\.\/)+/, "");
}

/** The same. A name that leads out of the folder where it is unpacked is refused. */
function plain(name: string): string {
  const path = slashed(name);
  if (/^(\/|[A-Za-z]:)|(^|\/)\.\.(\/|$)/.test(path)) throw new Broken(`${path}: a name that climbs out of the folder`);
  return path;
}

function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/") + 1);
}

/** What macOS and Windows put beside files. */
export function isLeftBySystems(name: string): boolean {
  return /^__MACOSX(\/|$)|(^|\/)(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$/.test(name);
}

function begins(bytes: Bytes, text: string, at = 0): boolean {
  return bytes.length >= at + text.length && [...text].every((character, i) => bytes[at + i] === character.charCodeAt(0));
}

/** Kinds of files, by how they begin, or by what they have at an offset. */
const KINDS: [what: string, text: string, at?: number][] = [
  ["a PDF", "%PDF-"],
  ["a picture", "\u0089PNG\r\n"],
  ["a picture", "\u00ff\u00d8\u00ff"],
  ["a picture", "GIF8"],
  ["a picture", "II*\0"],
  ["a picture", "MM\0*"],
  ["a picture", "WEBP", 8],
  ["a picture", "ftypheic", 4],
  ["a picture", "ftypmif1", 4],
  ["a picture", "ftypavif", 4],
  ["a picture", "<svg"],
  ["a film", "ftyp", 4],
  ["a film", "\u001aE\u00df\u00a3"],
  ["a recording", "ID3"],
  ["a recording", "OggS"],
  ["a recording", "WAVE", 8],
  ["a page of the web", "<!doctype html"],
  ["a page of the web", "<!DOCTYPE html"],
  ["a page of the web", "<html"],
  ["a document", "\u00d0\u00cf\u0011\u00e0"],
  ["a document", "{\\rtf"],
  ["an archive of another kind than exhibits are", "Rar!"],
  ["an archive of another kind than exhibits are", "7z\u00bc\u00af"],
  ["an archive of another kind than exhibits are", "\u001f\u008b"],
];

function whatItIs(bytes: Bytes): string {
  if (bytes.length === 0) return "This file is empty.";
  const what = KINDS.find(([, text, at]) => begins(bytes, text, at))?.[0];
  const found = what ? `This is ${what}; it proves nothing by itself.` : "This is neither an exhibit nor a case file nor a receipt.";
  const digest = bytes.length <= ZIP_LIMIT ? `, BLAKE3 ${blake3Hex(bytes)}` : "";
  return `${found} Give the exhibit that encloses it, or find the entry that names it by its digest${digest}.`;
}
