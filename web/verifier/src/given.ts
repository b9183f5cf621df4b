import { isExhibitName, verifyCase } from "./case.ts";
import { Broken, Unreadable, unzip } from "./unzip.ts";
import {
  blake3Hex,
  examineMembers,
  isMember,
  type Member,
  membersOf,
  type Policy,
  type Report,
  verifyEntry,
  verifyExhibit,
  ZIP_LIMIT,
} from "./verifier.js";

// What people hand in that is not an exhibit as it was made: case files, exhibits that another program packed anew, what
// is in one as a folder or as several files, a receipt with its entry, and what proves nothing. Loaded when it is needed.

/** Says what was given and what to give instead: nothing can be checked, and nothing is wrong. */
export class NothingToCheck extends Error {}

const ANEW = "packed anew: the checks below are of its members";
const UNPACKED = "unpacked: the checks below are of its members";

/** Files that were given together, each by its path. */
export async function verifyGiven(files: Member[], policy?: Policy): Promise<Report> {
  const [file, more] = files;
  if (!file) throw new NothingToCheck("Nothing is in it.");
  if (!more && isZip(file.bytes)) return verifyZip(file, policy);
  const receipt = receiptAmong(files);
  if (receipt.entry && receipt.proof && files.length === 2)
    return verifyEntry(receipt.entry, receipt.proof, policy);
  if (!more) throw new NothingToCheck(whatItIs(file, receipt));
  return verifyMembers(files, UNPACKED, undefined, policy);
}

/** A receipt (c2sp.org/tlog-proof) and an entry, by how they begin. */
export function receiptAmong(files: Member[]): { entry?: Bytes; proof?: Bytes } {
  const beginning = (text: string) => files.find(({ bytes }) => begins(bytes, text))?.bytes;
  return { entry: beginning("onrecord/entry/v1\n"), proof: beginning("c2sp.org/tlog-proof@v1\n") };
}

type Bytes = Member["bytes"];

/** A zip: an exhibit or a case file as it was made, or packed anew. */
async function verifyZip({ name, bytes }: Member, policy?: Policy): Promise<Report> {
  let members;
  try {
    members = membersOf(bytes);
  } catch {
    try {
      members = await unzip(bytes);
    } catch (error) {
      if (error instanceof Unreadable)
        throw new NothingToCheck(`This zip was packed anew, and can’t be read here: ${error.message}. Unpack it, and give its folder.`);
      // Whoever broke it may have changed it: what it is refused for stands in the words of exhibits.
      if (error instanceof Broken) return verifyExhibit(bytes, policy, name);
      throw error;
    }
    return verifyMembers(members, ANEW, name, policy);
  }
  if (members[0] && isExhibitName(members[0].name)) return verifyCase(members, policy);
  const report = await verifyExhibit(bytes, policy, name);
  const isUnread = report.checks[0]?.state === "FAILED";
  return isUnread ? verifyMembers(members, ANEW, name, policy) : report;
}

/** Members in any order, in a folder or not, with what systems leave beside them. */
async function verifyMembers(
  members: Member[],
  how: string,
  fileName: string | undefined,
  policy?: Policy,
): Promise<Report> {
  const files = members
    .map(({ name, bytes }) => ({ name: name.replaceAll("\\", "/").replace(/^(\.\/)+/, ""), bytes }))
    .filter(({ name, bytes }) => !(name.endsWith("/") && bytes.length === 0) && !isLeftBySystems(name));
  const folders = (isOne: (name: string) => boolean) =>
    new Set(files.map(({ name }) => folderOf(name)).filter((folder) => files.some(({ name }) => folderOf(name) === folder && isOne(name.slice(folder.length)))));
  // What was unpacked of a case file has its README; without it these are exhibits that were given together.
  const isCase = (folder: string) => how !== UNPACKED || files.some(({ name }) => name === `${folder}README.txt`);
  const cases = new Set([...folders(isExhibitName)].filter(isCase));
  const [folder, ...others] = cases.size > 0 ? cases : folders((name) => name === "proof.tlog-proof");
  if (folder === undefined && how === UNPACKED && files.some(({ bytes }) => isZip(bytes)))
    throw new NothingToCheck("Give one exhibit at a time, or the members of one.");
  if (folder === undefined)
    throw new NothingToCheck("This is no exhibit: it holds no entry and proof. Give an exhibit, or a case file.");
  if (others.length > 0) throw new NothingToCheck("There are several exhibits in it: give one of them.");
  const own = files.flatMap(({ name, bytes }) =>
    name.startsWith(folder) ? { name: name.slice(folder.length), bytes } : [],
  );
  if (new Set(own.map(({ name }) => name)).size < own.length)
    throw new NothingToCheck("Two of its members have one name, so it is not clear what it holds.");
  const isKnown = (name: string) => (cases.size > 0 ? isExhibitName(name) || name === "README.txt" : isMember(name));
  const foreign = [...own.filter(({ name }) => !isKnown(name)).map(({ name }) => name)];
  const passed = foreign.slice(0, 3).map((name) => JSON.stringify(name.slice(0, 80))).join(", ");
  const more = foreign.length > 3 ? ` and ${foreign.length - 3} more` : "";
  const said = foreign.length > 0 ? `${how}; not among them, and passed over: ${passed}${more}` : how;
  if (cases.size > 0) return verifyCase(own, policy, said);
  if (!own.some(({ name }) => name === "entry"))
    throw new NothingToCheck("This is no whole exhibit: it holds a proof and no entry.");
  return (await examineMembers(own, said, policy, fileName)).report;
}

function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/") + 1);
}

/** What macOS and Windows put beside files. */
function isLeftBySystems(name: string): boolean {
  return /(^|\/)(__MACOSX\/|\._[^/]*$|\.DS_Store$|Thumbs\.db$|desktop\.ini$)/i.test(name);
}

function isZip(bytes: Bytes): boolean {
  return begins(bytes, "PK\u0003\u0004") || begins(bytes, "PK\u0005\u0006");
}

function begins(bytes: Bytes, text: string, at = 0): boolean {
  return bytes.length >= at + text.length && [...text].every((character, i) => bytes[at + i] === character.charCodeAt(0));
}

/** Kinds of files by how they begin, or by what stands at a place. */
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

function whatItIs({ bytes }: Member, { entry, proof }: { entry?: Bytes; proof?: Bytes }): string {
  if (proof) return "This is a receipt: it proves that an entry is in the log. Give that entry too, as /entry/n gives it.";
  if (entry) return "This is an entry. Give its receipt too, as /proof/n gives it, or give its exhibit.";
  const what = KINDS.find(([, text, at]) => begins(bytes, text, at))?.[0];
  const found = what ? `This is ${what}; it proves nothing by itself.` : "This is neither an exhibit nor a case file nor a receipt.";
  if (bytes.length === 0) return "This file is empty.";
  const digest = bytes.length <= ZIP_LIMIT ? `, BLAKE3 ${blake3Hex(bytes)}` : "";
  return `${found} Give the exhibit that encloses it, or find the entry that names it by its digest${digest}.`;
}
