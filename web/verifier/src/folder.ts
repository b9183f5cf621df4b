import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Given, isLeftBySystems, NothingToCheck } from "./given.js";
import { read } from "./read.ts";

// What is in a folder where an exhibit or a case file was unpacked. Only names are asked for, and no more of them than an
// exhibit can have: what is no member is not opened.

/** The folders in which an exhibit has members. */
const INNER = ["files", "chain", "timestamps"];
/** What an exhibit has at most, and as many that a system adds. */
const NAMES_LIMIT = 40_016;

/** The files of a folder by paths that begin with its name, as browsers give them. */
export async function filesIn(path: string): Promise<Given[]> {
  const base = basename(await realpath(path)) || "folder";
  const here = await namesIn(path);
  if (isExhibit(here)) return listed(path, base, here, INNER);
  if (here.includes("checkpoint") || here.includes("public"))
    throw new NothingToCheck("This is the folder of a ledger: give it with --ledger.");
  const files = await listed(path, base, here, []);
  const folders: Given[] = [];
  for (const name of here) {
    const inside = await namesIn(join(path, name)).catch((): string[] => []);
    if (isExhibit(inside)) folders.push(...(await listed(join(path, name), `${base}/${name}`, inside, INNER)));
    else if (inside.includes("README.txt")) folders.push(...(await listed(join(path, name), `${base}/${name}`, inside, [])));
    else continue;
    files.splice(files.findIndex((file) => file.name === `${base}/${name}`), 1);
  }
  return [...files, ...folders];
}

function isExhibit(names: string[]): boolean {
  return names.includes("entry") && names.includes("proof.tlog-proof");
}

/** The names in a folder, sorted, without what systems add. */
async function namesIn(path: string): Promise<string[]> {
  const names = (await readdir(path)).filter((name) => !isLeftBySystems(name));
  if (names.length > NAMES_LIMIT) throw new NothingToCheck(`${path}: more files than an exhibit has`);
  return names.sort();
}

/** What bears these names, and what is in those that are to be looked into. */
async function listed(path: string, prefix: string, names: string[], into: string[]): Promise<Given[]> {
  const files: Given[] = [];
  for (const name of names) {
    const inside = into.includes(name) ? await namesIn(join(path, name)).catch(() => undefined) : undefined;
    if (inside) files.push(...(await listed(join(path, name), `${prefix}/${name}`, inside, [])));
    else files.push(await given(join(path, name), `${prefix}/${name}`));
  }
  return files;
}

/** A file by another name. Asked before it is opened, since opening a pipe would wait for ever. */
export async function given(path: string, name: string): Promise<Given> {
  const there = await stat(path).catch(() => undefined);
  const fail = (what: string) => {
    throw new NothingToCheck(`${path}: ${what}`);
  };
  if (!there?.isFile()) return { name, size: 0, read: async () => fail("not a plain file") };
  const size = there.size;
  return { name, size, read: (most) => read(path, most).catch((error: Error) => fail(error.message)) };
}
