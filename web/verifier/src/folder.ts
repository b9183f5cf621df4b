import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { type Given, isLeftBySystems, nameOf, NothingToCheck } from "./given.js";
import { read } from "./read.ts";

// The files in a folder where an exhibit or a case file was unpacked. Only names are read, and no more of them than an
// exhibit can have: a file that is no member is not opened.

/** The folders in which an exhibit has members. */
const INNER = ["files", "chain", "timestamps"];
/** The most names in a folder: as many as an exhibit may have, as many again that a system adds, and a few. */
const NAMES_LIMIT = 40_016;

/** A file or folder in a folder: its name as text, and its path, which need not be text. */
interface Named {
  readonly name: string;
  readonly path: Buffer;
}

/** The files of a folder by paths that begin with its name, as browsers give them. */
export async function filesIn(path: string): Promise<Given[]> {
  const base = basename(await realpath(path)) || "folder";
  const here = await namesIn(Buffer.from(path));
  const names = here.map(({ name }) => name);
  if (isExhibit(names)) return listed(base, here, INNER);
  if (await isLedger(path, names)) throw new NothingToCheck("This is the folder of a ledger: give it with --ledger.");
  const inner = innerOf(names);
  const files = await listed(base, here, inner);
  const folders: Given[] = [];
  for (const { name, path } of here.filter(({ name }) => !inner.includes(name))) {
    const inside = await namesIn(path).catch((): Named[] => []);
    const within = inside.map(({ name }) => name);
    const isMeant = names.some((other) => other.startsWith(`${name}\\`));
    if (isExhibit(within) || isMeant) folders.push(...(await listed(`${base}/${name}`, inside, INNER)));
    else if (within.includes("README.txt") || within.some(hasFolder))
      folders.push(...(await listed(`${base}/${name}`, inside, innerOf(within))));
    else continue;
    files.splice(files.findIndex((file) => file.name === `${base}/${name}`), 1);
  }
  return [...files, ...folders];
}

function isExhibit(names: string[]): boolean {
  return names.includes("entry") && names.includes("proof.tlog-proof");
}

/** Whether it is a ledger's folder, or one of its public files. A checkpoint alone may have been saved beside an exhibit. */
async function isLedger(path: string, names: string[]): Promise<boolean> {
  if (await isThere(resolve(path, "public", "checkpoint"))) return true;
  const isFolder = async (name: string) => names.includes(name) && (await isFolderAt(Buffer.from(resolve(path, name))));
  return names.includes("checkpoint") && !(await isFolder("checkpoint")) && isFolder("tile");
}

/** Whether an error says that nothing is there. After any other, such as a lack of permission, nobody knows. */
export function isAbsence(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** Whether anything has that name, even a link to nowhere. True also if that can't be found out. */
export function isThere(path: string): Promise<boolean> {
  return lstat(path).then(() => true, (error: unknown) => !isAbsence(error));
}

async function isFolderAt(path: Buffer): Promise<boolean> {
  return Boolean((await stat(path).catch(() => undefined))?.isDirectory());
}

/** Whether a name holds a folder: programs that do not take a backslash for a separator make it a part of names. */
function hasFolder(name: string): boolean {
  return name.includes("\\");
}

/** Those names that hold a folder and end in one in which an exhibit has members, such as `exhibit-41\files`. */
function innerOf(names: string[]): string[] {
  return names.filter((name) => hasFolder(name) && INNER.includes(name.slice(name.lastIndexOf("\\") + 1)));
}

/** What lies in a folder, sorted by names, without what systems add. */
async function namesIn(path: Buffer): Promise<Named[]> {
  const all = await readdir(path, { encoding: "buffer" }).catch((error: Error) => {
    throw new NothingToCheck(error.message);
  });
  const found = all.map((octets) => ({ name: nameOf(octets), path: Buffer.concat([path, Buffer.from("/"), octets]) }));
  const names = found.filter(({ name }) => !isLeftBySystems(name));
  if (names.length > NAMES_LIMIT) throw new NothingToCheck(`${path}: more files than an exhibit has`);
  return names.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The files of a folder, each named behind `prefix`, and the files in those of its folders that `into` names. */
async function listed(prefix: string, all: Named[], into: string[]): Promise<Given[]> {
  const files: Given[] = [];
  for (const { name, path } of all) {
    // A folder that may not be read ends the check: nobody knows which members are in it.
    const inside = into.includes(name) && (await isFolderAt(path)) ? await namesIn(path) : undefined;
    if (inside) files.push(...(await listed(`${prefix}/${name}`, inside, [])));
    else files.push(await given(path, `${prefix}/${name}`));
  }
  return files;
}

/** A file under another name. Its kind is checked before it is opened, since opening a pipe would wait for ever. */
export async function given(path: string | Buffer, name: string): Promise<Given> {
  const there = await stat(path).catch(() => undefined);
  const fail = (what: string) => {
    throw new NothingToCheck(`${path}: ${what}`);
  };
  if (!there?.isFile()) return { name, size: 0, read: async () => fail("not a plain file") };
  const size = there.size;
  return { name, size, read: (most) => read(path, most).catch((error: Error) => fail(error.message)) };
}
