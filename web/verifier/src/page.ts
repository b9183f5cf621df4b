import { caseFileOf } from "./case.ts";
import {
  type Policy,
  policyOf,
  reasonOf,
  type Report,
  verifyEntry,
  verifyExhibit,
  ZIP_LIMIT,
} from "./verifier.js";

// What a page does with the verifier: a form that takes an exhibit, or an entry and its proof; and on the page of an
// entry one button. What is checked and what was found leave the page by no way.

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

const result = find("result");

function show(...children: Child[]): void {
  result?.replaceChildren(...children);
}

function showFault(text: string): void {
  const notice = element("div", "notice bad", element("p", "", text));
  notice.setAttribute("role", "alert");
  show(notice);
}

function showReport(title: string, report: Report): void {
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
  const verdict = element(
    "p",
    `notice verdict ${VERDICTS[report.verdict]}`,
    element("strong", "", report.words),
  );
  const said = report.sentences.map(([label, text]) =>
    element("p", "", element("span", "label", `${label}:`), ` ${text}.`),
  );
  show(element("h3", "", title), verdict, element("ol", "checks", ...lines), element("div", "said", ...said));
  // The verdict in sight, without taking the focus from whoever types.
  verdict.scrollIntoView({ block: "nearest" });
}

/** Whom the reader trusts: the log's key alone, or a whole policy. */
function trust(): Policy | undefined {
  const text = find<HTMLTextAreaElement>("trust")?.value.trim();
  if (!text) return undefined;
  return policyOf(
    new TextEncoder().encode(/\s/.test(text) ? text : `log ${text}\nquorum none`),
    "Whom you trust",
  );
}

async function run(title: string, check: Check): Promise<void> {
  const field = find("trust");
  field?.removeAttribute("aria-invalid");
  let policy;
  try {
    policy = trust();
  } catch (error) {
    field?.setAttribute("aria-invalid", "true");
    field?.focus();
    return showFault(reasonOf(error));
  }
  show(element("p", "note", "Checking…"));
  try {
    showReport(title, await check(policy));
  } catch (error) {
    showFault(error instanceof Error ? error.message : String(error));
  }
}

/** The exhibit of an entry of this site, with its key history and its words. */
function ofThisSite(index: string): [title: string, check: Check] {
  const check = async (policy: Policy | undefined) => {
    const answer = await fetch(`/exhibit/${index}.zip`, { redirect: "error" });
    if (!answer.ok) throw new Error(`this site answers ${answer.status} for the exhibit of entry ${index}`);
    return verifyExhibit(new Uint8Array(await answer.arrayBuffer()), policy, `exhibit-${index}.zip`);
  };
  return [`Entry ${index} of this site`, check];
}

function startForm(form: HTMLFormElement): void {
  const [entry, proof] = ["entry", "proof"].map((id) => find<HTMLTextAreaElement>(id)!);
  const files = find<HTMLInputElement>("exhibit")!;
  // What is looked at: whatever was given last.
  let given: [title: string, check: Check] | undefined;

  const take = (file: File | undefined) => {
    if (!file) return;
    given = [
      file.name,
      async (policy) => {
        if (file.size > ZIP_LIMIT) throw new Error("An exhibit has at most 256 MiB");
        const bytes = new Uint8Array(await file.arrayBuffer());
        const caseFile = caseFileOf(bytes);
        if (caseFile) throw new Error(caseFile);
        return verifyExhibit(bytes, policy, file.name);
      },
    ];
    void run(...given);
  };
  files.addEventListener("change", () => take(files.files?.[0]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  addEventListener("dragleave", () => form.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    take(event.dataTransfer?.files[0]);
  });

  // Copying from a browser loses the last newline, or adds one.
  const bytesOf = (field: HTMLTextAreaElement) => new TextEncoder().encode(`${field.value.trim()}\n`);
  for (const field of [entry!, proof!]) {
    field.addEventListener("input", () => {
      given = ["What you pasted", (policy) => verifyEntry(bytesOf(entry!), bytesOf(proof!), policy)];
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (given) void run(...given);
    else showFault("Choose an exhibit, or paste an entry and its proof.");
  });
  form.hidden = false;
  find("no-script")?.remove();

  if (!form.hasAttribute("data-site")) return;
  const followHash = () => {
    const [, index] = /^#entry=(\d{1,16})$/.exec(location.hash) ?? [];
    if (index !== undefined) void run(...(given = ofThisSite(index)));
  };
  addEventListener("hashchange", followHash);
  followHash();
}

const form = find<HTMLFormElement>("verify-form");
if (form) startForm(form);
const link = find<HTMLAnchorElement>("verify-here");
if (link) {
  // What acts on this page is a button, not a link.
  const button = element("button", "", link.textContent ?? "") as HTMLButtonElement;
  button.type = "button";
  button.addEventListener("click", () => void run(...ofThisSite(link.dataset.entry ?? "")));
  link.replaceWith(button);
}
