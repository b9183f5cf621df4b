import {
  type Member,
  type Policy,
  policyOf,
  POLICY_LIMIT,
  reasonOf,
  type Report,
  verifyEntry,
  verifyExhibit,
} from "./verifier.js";
import { AgeFault, noOlder } from "./age.ts";
import type { Given } from "./given.js";

// What a page does with the verifier: a form that takes an exhibit, or an entry and its proof; and on the page of an
// entry one button. What is checked and what was found never leave the page.

type Check = (policy: Policy | undefined) => Promise<Report>;
type Child = Node | string;

const CLASSES = { ok: "good", FAILED: "bad", "not checked": "open", "not enclosed": "absent" };
const VERDICTS = { valid: "good", brought: "open", incomplete: "open", refused: "bad" };

function find<Kind extends HTMLElement>(id: string): Kind | undefined {
  return (document.getElementById(id) ?? undefined) as Kind | undefined;
}

/** All text comes in as text, so nothing that an exhibit holds becomes markup. */
function element(tag: string, className: string, ...children: Child[]): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** What acts on this page is a button, not a link. */
function button(text: string, act: () => void): HTMLElement {
  const made = element("button", "", text) as HTMLButtonElement;
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

const form = find<HTMLFormElement>("verify-form");
/** Whether a site serves this page: the file that is kept on a disk has a form without it. */
const isSite = !form || form.hasAttribute("data-site");
const result = find("result");

function show(...children: Child[]): void {
  result?.replaceChildren(...children);
}

function showFault(text: string): void {
  const notice = element("div", "notice bad", element("p", "", text));
  notice.setAttribute("role", "alert");
  show(notice);
}

// Whom the reader trusts. Only what he gave on this visit decides: what is kept in the browser came there by a page of
// this site, which could have put anything there.

interface Kept {
  readonly text: string;
  readonly since: string;
}

const KEPT = "onrecord-trust";

function keptTrust(): Kept | undefined {
  if (!isSite) return undefined;
  try {
    const { text, since } = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Partial<Kept>;
    const good = typeof text === "string" && /^\d{4}-\d\d-\d\d$/.test(since ?? "") && trustIn(text);
    return good ? { text: text!, since: since! } : undefined;
  } catch {
    return undefined; // no store, or something else in it
  }
}

function keep(text: string): void {
  const since = keptTrust()?.text === text ? keptTrust()!.since : new Date().toISOString().slice(0, 10);
  try {
    localStorage.setItem(KEPT, JSON.stringify({ text, since }));
  } catch {
    // A browser that keeps nothing.
  }
  showKept();
}

/** Reads whom the reader trusts: the log's key alone, or a whole policy. */
function trustIn(text: string): Policy {
  return policyOf(new TextEncoder().encode(/\s/.test(text) ? text : `log ${text}\nquorum none`), "Whom you trust");
}

function namesOf({ logs }: Policy): string {
  return logs.map(({ name, id }) => `${name}+${id}`).join(", ") || "no log";
}

function showKept(): void {
  const [place, kept] = [find("kept"), keptTrust()];
  if (!place) return;
  place.hidden = !kept;
  if (!kept) return;
  const forget = () => {
    localStorage.removeItem(KEPT);
    showKept();
  };
  const what = `${namesOf(trustIn(kept.text))} is kept in this browser since ${kept.since}. It decides nothing: this site could have put it there. `;
  place.replaceChildren(what, button("Forget it", forget));
}

/** The policy of a file, whose octets need not be text. Parsed at each check, so that a broken one is never passed over. */
let policyFile: (() => Policy) | undefined;

function trust(): Policy | undefined {
  const age = find<HTMLInputElement>("max-age")?.value.trim();
  return age ? noOlder(trusted(), age, "The age") : trusted();
}

function trusted(): Policy | undefined {
  const text = find<HTMLTextAreaElement>("trust")?.value.trim();
  const twice = "Give the key or the policy in the field, or a policy as a file: not both.";
  if (text && policyFile) throw Object.assign(new Error(twice), { code: "", place: "" });
  if (!text) return policyFile?.();
  const policy = trustIn(text);
  if (find<HTMLInputElement>("keep")?.checked) keep(text);
  return policy;
}

/** Whose key it is, and how to get a verdict, in one sentence. */
async function whose(report: Report, check: Check): Promise<HTMLElement> {
  const { key, origin = "the log" } = report;
  const kept = keptTrust();
  let said = key
    ? `Signed by the key ${key}, which came with what you check: `
    : "By no key that says whose log it is: ";
  if (kept) {
    const policy = trustIn(kept.text);
    const { checks } = await check(policy);
    const signed = checks.some(({ name, state }) => name === "checkpoint" && state === "ok");
    const by = `${namesOf(policy)}, kept in this browser since ${kept.since}`;
    said = `${signed ? "Signed" : "Not signed as trusted"} by ${by}, where this site could have put it: `;
  }
  said += `for a verdict, get the key of ${origin} from its operator by another way than this page and what you check, and give it `;
  const isHere = find("trust") !== undefined;
  const where = element("a", "", isHere ? "under “Whom you trust”" : "on the page that verifies");
  where.setAttribute("href", isHere ? "#trust" : `/verify#entry=${link?.dataset.entry ?? ""}`);
  return element("p", "notice whose", said, where, ".");
}

/** Without trust of the reader's own there is no verdict, but for a refusal, which needs none. */
async function verdictOf(report: Report, check: Check, policy?: Policy): Promise<HTMLElement> {
  return policy || report.verdict === "refused"
    ? element("p", `notice verdict ${VERDICTS[report.verdict]}`, element("strong", "", report.words))
    : await whose(report, check);
}

function showReport(title: string, report: Report, verdict: HTMLElement): void {
  const lines = report.checks.map(({ name, state, text }) =>
    element(
      "li",
      CLASSES[state],
      element("span", "name", name),
      " ",
      element("strong", "state", state),
      " ",
      element("span", "text", text),
    ),
  );
  const said = report.sentences.map(([label, text]) =>
    element("p", "", element("span", "label", `${label}:`), ` ${text}.`),
  );
  show(element("h3", "", title), verdict, element("ol", "checks", ...lines), element("div", "said", ...said));
  // Shows the verdict without taking the focus from a field.
  verdict.scrollIntoView({ block: "nearest" });
}

/** How many checks were begun or made void. A check is not shown if the number rose meanwhile: it is out of date. */
let begun = 0;

async function run(title: string, check: Check): Promise<void> {
  const own = ++begun;
  for (const id of ["trust", "max-age"]) find(id)?.removeAttribute("aria-invalid");
  let policy;
  try {
    policy = trust();
  } catch (error) {
    const field = find(error instanceof AgeFault ? "max-age" : "trust");
    field?.setAttribute("aria-invalid", "true");
    field?.focus();
    return showFault(reasonOf(error));
  }
  show(element("p", "note", "Checking…"));
  try {
    const report = await check(policy);
    const verdict = await verdictOf(report, check, policy);
    if (own === begun) showReport(title, report, verdict);
  } catch (error) {
    if (own === begun) showFault(error instanceof Error ? error.message : String(error));
  }
}

/** Removes a verdict that was reached by another trust than the one given now. */
function forgetVerdict(): void {
  begun += 1;
  if (result?.firstChild) show(element("p", "note", "Whom you trust has changed: verify again."));
}

/** The exhibit of an entry of this site, with its key history and its words. */
function ofThisSite(index: string): [title: string, check: Check] {
  let asked: Promise<Member["bytes"]> | undefined;
  const ask = async () => {
    const answer = await fetch(`/exhibit/${index}.zip`, { redirect: "error" });
    if (!answer.ok) throw new Error(`this site answers ${answer.status} for the exhibit of entry ${index}`);
    return new Uint8Array(await answer.arrayBuffer());
  };
  const check = async (policy: Policy | undefined) =>
    verifyExhibit(await (asked ??= ask()), policy, `exhibit-${index}.zip`);
  return [`Entry ${index} of this site`, check];
}

/** A file by its path in what was given, read when it is needed. */
function given(name: string, file: File): Given {
  const read = async (most: number) => new Uint8Array(await file.slice(0, most + 1).arrayBuffer());
  return { name, size: file.size, read };
}

/** The most files that are listed: as many as an exhibit may have, as many again that a system adds, and a few. */
const FILES_LIMIT = 40_016;

/** How deep folders are entered: those of an exhibit have one level, in a folder or two. */
const DEPTH_LIMIT = 8;

/** The files of what was dropped, with those in folders. */
async function dropped(transfer: DataTransfer): Promise<Given[]> {
  const all: Given[] = [];
  const walk = async (entry: FileSystemEntry, depth: number): Promise<void> => {
    if (depth > DEPTH_LIMIT) return;
    if (all.length > FILES_LIMIT) throw new Error("That folder holds more than an exhibit has");
    if (entry.isFile) {
      const file = await new Promise<File>((good, bad) => (entry as FileSystemFileEntry).file(good, bad));
      all.push(given(entry.fullPath.replace(/^\//, ""), file));
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      // A reader gives a hundred at a time.
      const some = await new Promise<FileSystemEntry[]>((good, bad) => reader.readEntries(good, bad));
      if (some.length === 0) return;
      for (const each of some) await walk(each, depth + 1);
    }
  };
  // Taken before the first `await`: after it the browser has emptied them.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? undefined);
  const files = [...transfer.files].map((file) => given(file.name, file));
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  for (const entry of entries) if (entry) await walk(entry, 0);
  return all;
}

function startForm(form: HTMLFormElement): void {
  const [entry, proof] = ["entry", "proof"].map((id) => find<HTMLTextAreaElement>(id)!);
  // The check of what was given last.
  let current: [title: string, check: Check] | undefined;
  /** A receipt or an entry that was given alone, and waits for the other. */
  let half: Given | undefined;

  const take = async (gathered: Promise<Given[]>) => {
    const own = ++begun;
    let files: Given[];
    try {
      files = await gathered;
    } catch (error) {
      return showFault(error instanceof Error ? error.message : String(error));
    }
    if (own !== begun) return;
    const [first, more] = files;
    if (!first) return;
    const title = more && first.name.includes("/") ? first.name.slice(0, first.name.indexOf("/")) : first.name;
    const before = half;
    half = undefined;
    const check: Check = async (policy) => {
      const { receiptAmong, verifyGiven } = await import("./given.js");
      const receipt = await receiptAmong([first]);
      const other = before && (await receiptAmong([before]));
      const isWhole = !more && other && ((receipt.entry && other.proof) || (receipt.proof && other.entry));
      if (!isWhole && !more && (receipt.entry || receipt.proof)) half = first;
      return verifyGiven(isWhole ? [before, first] : files, policy);
    };
    current = [title, check];
    await run(...current);
  };
  for (const id of ["exhibit", "folder"]) {
    const field = find<HTMLInputElement>(id);
    field?.addEventListener("change", () => {
      const files = [...(field.files ?? [])];
      void take(Promise.resolve(files.map((file) => given(file.webkitRelativePath || file.name, file))));
    });
  }
  addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  addEventListener("dragleave", () => form.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (event.dataTransfer) void take(dropped(event.dataTransfer));
  });

  const policyField = find<HTMLInputElement>("policy");
  policyField?.addEventListener("change", () => {
    const file = policyField.files?.[0];
    policyFile = undefined;
    if (!file) return forgetVerdict();
    // A check that is running does not know this policy, so it is made void.
    begun += 1;
    const bytes = file.slice(0, POLICY_LIMIT + 1).arrayBuffer();
    void bytes
      .then((bytes) => {
        if (policyField.files?.[0] !== file) return;
        policyFile = () => policyOf(new Uint8Array(bytes), file.name);
        return current ? run(...current) : void policyFile();
      })
      .catch((error: unknown) => showFault(reasonOf(error)));
  });
  for (const id of ["trust", "max-age"]) find(id)?.addEventListener("input", forgetVerdict);

  find("keep")?.addEventListener("change", () => {
    try {
      trust();
    } catch (error) {
      showFault(reasonOf(error));
    }
  });

  // Copying from a browser loses the last newline, or adds one.
  const bytesOf = (field: HTMLTextAreaElement) => new TextEncoder().encode(`${field.value.trim()}\n`);
  for (const field of [entry!, proof!]) {
    field.addEventListener("input", () => {
      current = ["What you pasted", (policy) => verifyEntry(bytesOf(entry!), bytesOf(proof!), policy)];
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (current) void run(...current);
    else showFault("Choose an exhibit, or paste an entry and its proof.");
  });
  // Each check needs this module. Once it is loaded, no network is needed any more.
  void import("./given.js").catch(() => undefined);
  form.hidden = false;
  find("no-script")?.remove();
  showKept();

  if (!isSite) return;
  const followHash = () => {
    const [, index] = /^#entry=(\d{1,16})$/.exec(location.hash) ?? [];
    if (index !== undefined) void run(...(current = ofThisSite(index)));
  };
  addEventListener("hashchange", followHash);
  followHash();
}

const link = find<HTMLAnchorElement>("verify-here");
if (form) startForm(form);
if (link) link.replaceWith(button(link.textContent ?? "", () => void run(...ofThisSite(link.dataset.entry ?? ""))));
