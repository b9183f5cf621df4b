// Drives Chromium over the pages that verify, as tests/pages/browser.rs tells it: node browser.mjs PLAN.json
// Prints what it did; ends with 1 at the first thing that is not as it should be.

import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const plan = JSON.parse(await readFile(process.argv[2], "utf8"));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // A name that is no loopback's: a page from there has no WebCrypto, as one that came over plain HTTP.
  args: ["--no-sandbox", `--host-resolver-rules=MAP ${plan.insecure} 127.0.0.1`],
});

/** A page that must ask nobody but its own site, send nothing, and have nothing to complain of. */
async function open(address, options = {}, remark = /^$/) {
  const context = await browser.newContext(options);
  const asked = [];
  const complaints = [];
  context.on("request", (request) => {
    asked.push(request.url());
    const own = new URL(request.url()).host === new URL(address).host;
    if (!own || request.method() !== "GET" || request.postData() !== null) {
      complaints.push(`${request.method()} ${request.url()}`);
    }
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (!remark.test(message.text())) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error}`));
  page.on("websocket", (socket) => complaints.push(`websocket: ${socket.url()}`));
  await page.goto(address);
  const done = async () => {
    assert.deepEqual(complaints, [], address);
    await context.close();
  };
  return { page, context, asked, done };
}

/** What stands below the heading that names what was checked. */
async function reportOn(page, title) {
  await page.locator("#result h3", { hasText: title }).waitFor();
  const texts = (selector) => page.locator(`#result ${selector}`).allInnerTexts();
  const [names, states, details] = [await texts(".name"), await texts(".state"), await texts(".text")];
  return {
    checks: names.map((name, i) => ({ name, state: states[i], text: details[i] })),
    verdict: (await texts(".verdict")).join(),
    whose: (await texts(".whose")).join(),
    green: await page.locator("#result .good .state").allInnerTexts(),
    said: await texts(".said p"),
  };
}

/**
 * Lines are those of the command, word for word; of a refusal the check that failed and the place. The verdict is there
 * only where the reader gave a key or a policy; else one sentence says whose key it is, and what to do.
 */
function compare({ name, wanted, trust }, found) {
  assert.equal(found.whose !== "", !trust && !wanted.verdict.startsWith("REFUSED"), `${name}: ${found.whose}`);
  assert.equal(found.verdict !== "", found.whose === "", name);
  if (found.whose) {
    const said = /^(Signed by the key \S+, which came with|By no key that says) .*: for a verdict, get the key of .* by another way than this page and what you check, and give it (under “Whom you trust”|on the page that verifies)\.$/;
    assert.match(found.whose, said, name);
  }
  // What passed is green, and nothing else.
  assert.equal(found.green.length, found.checks.filter(({ state }) => state === "ok").length, name);
  const passed = ({ state }) => state !== "FAILED";
  assert.deepEqual(found.checks.filter(passed), wanted.checks.filter(passed), name);
  const [failed, expected] = [found, wanted].map((report) => report.checks.find((check) => !passed(check)));
  assert.equal(failed?.name, expected?.name, name);
  if (expected) {
    assert.ok(failed.text.includes(wanted.place), `${name}: ${failed.text}`);
    assert.ok(found.verdict.startsWith("REFUSED "), name);
    assert.deepEqual(found.said, ["Not valid: do not rely on this exhibit."], name);
  } else {
    if (trust) assert.equal(found.verdict, wanted.verdict, name);
    assert.deepEqual(found.said, wanted.said, name);
  }
}

async function checkExhibits(page, cases) {
  for (const [i, each] of cases.entries()) {
    await page.getByLabel("Whom you trust").fill(each.trust ?? "");
    const name = each.file ?? `${i}.zip`;
    const file = { name, mimeType: "application/zip", buffer: await readFile(each.path) };
    await page.getByLabel("An exhibit").setInputFiles(file);
    compare(each, await reportOn(page, name));
  }
  // What needs the module that is loaded on use.
  await page.getByLabel("Whom you trust").fill(plan.key);
  const give = (label, files) => page.getByLabel(label).setInputFiles(files);
  await give("An exhibit", plan.caseFile.path);
  compare({ name: "a case file", wanted: plan.caseFile.wanted, trust: plan.key }, await reportOn(page, "case.zip"));
  for (const [title, name, files, how] of [
    ["anew.zip", "An exhibit", plan.anew, /^packed anew: the checks below are of its members/],
    ["unpacked", "The folder", plan.unpacked, /^unpacked: the checks below are of its members/],
  ]) {
    await give(name, files);
    const { checks, verdict } = await reportOn(page, title);
    assert.match(checks[0].text, how);
    assert.equal(checks[0].state, "not checked");
    assert.equal(verdict, "valid", title);
  }
  const receipt = plan.pasted.find(({ trust }) => trust);
  const file = (name, text) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
  const halves = [file("entry-5", receipt.entry), file("proof-5", receipt.proof)];
  await page.getByLabel("Whom you trust").fill(receipt.trust);
  await give("An exhibit", halves);
  compare({ name: "a receipt and its entry", ...receipt }, await reportOn(page, "entry-5"));
  // One after the other: the first asks for the second.
  await give("An exhibit", halves[1]);
  await page.getByRole("alert").filter({ hasText: /^This is a receipt: .* Give that entry too/ }).waitFor();
  await give("An exhibit", halves[0]);
  compare({ name: "a receipt, then its entry", ...receipt }, await reportOn(page, "entry-5"));
  for (const [name, start, what] of [
    ["letter.pdf", "%PDF-1.7", /^This is a PDF; it proves nothing by itself\. .*BLAKE3 [0-9a-f]{64}\.$/],
    ["photo.png", "\x89PNG\r\n\x1a\n", /^This is a picture; it proves nothing by itself\./],
  ]) {
    await give("An exhibit", { name, mimeType: "", buffer: Buffer.from(start, "latin1") });
    const alert = page.getByRole("alert").filter({ hasText: what });
    await alert.waitFor();
    assert.doesNotMatch(await page.locator("#result").innerText(), /rely/);
  }
  await page.getByLabel("Whom you trust").fill("");
}

// The page of the site, cut off from the network once it is there.
{
  const { page, context, asked, done } = await open(`${plan.site}/verify`);
  assert.equal(await page.title(), `Verify · ${plan.origin}`);
  // The module that every check needs comes with the page, so that it works without a network from then on.
  await page.getByText("Or a folder").click();
  await page.waitForLoadState("networkidle");
  assert.ok(asked.includes(`${plan.site}/given.js`));
  await context.setOffline(true);
  const before = asked.length;
  await checkExhibits(page, plan.cases);
  const pasted = async ({ entry, proof, trust, wanted }) => {
    if (!(await page.getByLabel("Proof,").isVisible())) await page.getByText("Or paste an entry").click();
    await page.getByLabel("Whom you trust").fill(trust ?? "");
    // As a browser copies it: without the last newline.
    await page.getByLabel("Entry,").fill(entry.trimEnd());
    await page.getByLabel("Proof,").fill(proof.trimEnd());
    await page.getByRole("button", { name: "Verify" }).click();
    compare({ name: "pasted", wanted, trust }, await reportOn(page, "What you pasted"));
  };
  for (const each of plan.pasted) await pasted(each);
  assert.equal(asked.length, before, "nothing is asked for");
  // A key that is none is said to be none.
  await page.getByLabel("Whom you trust").fill("log nobody");
  await page.getByRole("button", { name: "Verify" }).click();
  assert.match(await page.getByRole("alert").innerText(), /^Whom you trust, line 1: expected log <vkey>/);
  assert.equal(await page.getByLabel("Whom you trust").getAttribute("aria-invalid"), "true");
  await done();
  console.log(`${plan.cases.length} exhibits and ${plan.pasted.length} entries with proofs, offline`);
}

// Dropped anywhere on the page.
{
  const { page, done } = await open(`${plan.site}/verify`);
  const bytes = [...(await readFile(plan.cases[0].path))];
  const data = await page.evaluateHandle((bytes) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "dropped.zip"));
    return data;
  }, bytes);
  await page.dispatchEvent("footer", "drop", { dataTransfer: data });
  const { whose } = await reportOn(page, "dropped.zip");
  assert.match(whose, /^Signed by the key /);
  await done();
}

// A folder that is dropped, as a file manager does.
{
  const { page, context, done } = await open(`${plan.site}/verify`);
  await page.getByLabel("Whom you trust").fill(plan.key);
  const devtools = await context.newCDPSession(page);
  const data = { items: [], files: [plan.unpacked], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"])
    await devtools.send("Input.dispatchDragEvent", { type, x: 200, y: 200, data });
  const { checks, verdict } = await reportOn(page, "unpacked");
  assert.match(checks[0].text, /^unpacked: the checks below are of its members/);
  assert.equal(verdict, "valid");
  await done();
}

// A key that is kept says since when, and decides nothing: the site could have put it there.
{
  const { page, context, done } = await open(`${plan.site}/verify`);
  const kept = page.locator("#kept");
  const stored = () => page.evaluate(() => JSON.stringify({ ...localStorage }));
  const check = async () => {
    // A browser says nothing of a file that is chosen already.
    await page.getByLabel("An exhibit").setInputFiles([]);
    await page.evaluate(() => document.getElementById("result").replaceChildren());
    await page.getByLabel("An exhibit").setInputFiles(plan.cases[0].path);
    return reportOn(page, "0.zip");
  };
  await page.getByLabel("Whom you trust").fill(plan.key);
  assert.equal((await check()).verdict, "valid");
  assert.equal(await stored(), "{}", "nothing is kept unasked");
  await page.getByLabel("Keep it in this browser").check();
  const today = new Date().toISOString().slice(0, 10);
  await kept.filter({ hasText: `is kept in this browser since ${today}. It decides nothing` }).waitFor();
  const keep = (text, since) =>
    page.evaluate((kept) => localStorage.setItem("onrecord-trust", kept), JSON.stringify({ text, since }));
  await keep(plan.key, "2026-01-02");
  for (const address of [`${plan.site}/verify`, `${plan.site}/e/${plan.entry.index}`]) {
    await page.goto(address);
    let found;
    if (address.endsWith("/verify")) {
      assert.equal(await page.getByLabel("Whom you trust").inputValue(), "");
      found = await check();
    } else {
      await page.getByRole("button", { name: "Verify in this browser" }).click();
      found = await reportOn(page, "of this site");
    }
    assert.match(found.whose, /^Signed by \S+, kept in this browser since 2026-01-02, where this site could/);
    assert.equal(found.verdict, "");
    assert.equal(found.checks.find(({ name }) => name === "checkpoint").state, "not checked");
    assert.equal(found.green.length, found.checks.filter(({ state }) => state === "ok").length);
    assert.equal(await page.locator("#result .notice.good").count(), 0);
  }
  // Another key is kept than the one that signed.
  await page.goto(`${plan.site}/verify`);
  await keep(plan.otherKey, "2026-01-02");
  assert.match((await check()).whose, /^Not signed as trusted by \S+, kept in this browser since 2026-01-02/);
  // What is given on this visit is followed.
  await page.getByLabel("Whom you trust").fill(plan.key);
  assert.equal((await check()).verdict, "valid");
  // Nonsense in the store is nothing.
  for (const [text, since] of [["log nobody", "2026-01-02"], [plan.key, "<b>"], [1, 2]]) {
    await keep(text, since);
    await page.goto(`${plan.site}/verify`);
    assert.ok(!(await kept.isVisible()));
    assert.match((await check()).whose, /^Signed by the key \S+, which came with/);
  }
  await keep(plan.key, "2026-01-02");
  await page.reload();
  await page.getByRole("button", { name: "Forget it" }).click();
  assert.equal(await stored(), "{}");
  assert.ok(!(await kept.isVisible()));
  await context.clearCookies();
  await done();
}

// A policy as a file, whose octets need not be text.
async function givesPolicyFile(page) {
  const policy = Buffer.concat([Buffer.from(`# caf`), Buffer.from([0xe9]), Buffer.from(`\nlog ${plan.key}\nquorum none\n`)]);
  await page.getByLabel("An exhibit").setInputFiles(plan.cases[0].path);
  assert.equal((await reportOn(page, "0.zip")).verdict, "");
  const file = (buffer) => ({ name: "trust.policy", mimeType: "", buffer });
  await page.getByLabel("Or a policy file").setInputFiles(file(policy));
  await page.locator("#result .verdict.good").waitFor();
  await page.getByLabel("Or a policy file").setInputFiles(file(Buffer.from("quorum nobody")));
  const broken = page.getByRole("alert").filter({ hasText: /^trust.policy, line 1: expected/ });
  await broken.waitFor();
  // It is never passed over, nor is one of two things that were given.
  const verify = page.getByRole("button", { name: "Verify", exact: true });
  await verify.click();
  await broken.waitFor();
  assert.equal(await page.locator("#result .verdict").count(), 0);
  await page.getByLabel("Or a policy file").setInputFiles(file(policy));
  await page.locator("#result .verdict.good").waitFor();
  await page.getByLabel("Whom you trust").fill(plan.key);
  await verify.click();
  await page.getByRole("alert").filter({ hasText: /not both/ }).waitFor();
  assert.equal(await page.locator("#result .verdict").count(), 0);
  await page.getByLabel("Whom you trust").fill("");
  await page.getByLabel("Or a policy file").setInputFiles([]);
  // Two exhibits at once accuse nobody of keeping others back.
  const exhibits = [1, 2].map((n) => ({ name: `exhibit-${n}.zip`, mimeType: "", buffer: readFileSync(plan.cases[0].path) }));
  await page.getByLabel("An exhibit").setInputFiles(exhibits);
  await page.getByRole("alert").filter({ hasText: /^Give one exhibit at a time/ }).waitFor();
  await page.getByLabel("An exhibit").setInputFiles(plan.cases[0].path);
  await reportOn(page, "0.zip");
}
{
  const { page, done } = await open(`${plan.site}/verify`);
  await givesPolicyFile(page);
  await done();
}

// A verdict is of what was given last, and of whom the reader trusts now.
{
  const { page, done } = await open(`${plan.site}/verify`);
  const [trust, give] = [page.getByLabel("Whom you trust"), (path) => page.getByLabel("An exhibit").setInputFiles(path)];
  const verdict = page.locator("#result .verdict");
  await trust.fill(plan.key);
  for (const pause of [0, 50, 200]) {
    await give(plan.caseFile.path);
    await page.waitForTimeout(pause);
    await give(plan.cases[0].path);
    await reportOn(page, "0.zip");
    await page.waitForTimeout(1500);
    assert.equal(await page.locator("#result h3").innerText(), "0.zip", `after ${pause} ms`);
  }
  const verify = page.getByRole("button", { name: "Verify", exact: true });
  const file = page.getByLabel("Or a policy file");
  const policy = { name: "trust.policy", mimeType: "", buffer: Buffer.from(`log ${plan.key}\nquorum none\n`) };
  for (const change of [
    () => trust.fill(""),
    () => trust.fill(plan.key),
    () => page.getByLabel("How old a cosignature may be").fill("1h"),
  ]) {
    await trust.fill(plan.key);
    await page.getByLabel("How old a cosignature may be").fill("");
    await verify.click();
    await page.locator("#result .verdict.good").waitFor();
    await change();
    assert.equal(await verdict.count(), 0, String(change));
  }
  await trust.fill("");
  await page.getByLabel("How old a cosignature may be").fill("");
  await file.setInputFiles(policy);
  await page.locator("#result .verdict.good").waitFor();
  await file.setInputFiles([]);
  assert.equal(await verdict.count(), 0);
  await done();
}

// How old a cosignature may be.
{
  const { page, done } = await open(`${plan.site}/verify`);
  const cosigned = plan.cases.find(({ trust }) => /quorum two/.test(trust ?? ""));
  const age = page.getByLabel("How old a cosignature may be");
  const verify = page.getByRole("button", { name: "Verify", exact: true });
  await page.getByLabel("An exhibit").setInputFiles(cosigned.path);
  await page.getByLabel("Whom you trust").fill(plan.key);
  for (const [text, words] of [["1x", /^The age 1x: expected seconds/], ["1h", /^The age needs a policy that asks for witnesses/]]) {
    await age.fill(text);
    await verify.click();
    await page.getByRole("alert").filter({ hasText: words }).waitFor();
    assert.equal(await age.getAttribute("aria-invalid"), "true");
    assert.equal(await page.locator("#result .verdict").count(), 0);
  }
  await page.getByLabel("Whom you trust").fill(cosigned.trust);
  await verify.click();
  // It was cosigned in 2096, which is yet to come.
  await page.locator("#result .verdict.bad").waitFor();
  await page.clock.setFixedTime(new Date(4_000_000_030_000));
  await verify.click();
  await page.locator("#result .verdict.good").waitFor();
  await page.clock.setFixedTime(new Date(4_000_010_000_000));
  await verify.click();
  await page.locator("#result .verdict.bad").waitFor();
  assert.match(await page.locator("#result").innerText(), /too old/);
  await age.fill("1d");
  await verify.click();
  await page.locator("#result .verdict.good").waitFor();
  await done();
}

// By keyboard alone, each field by its label.
{
  const { page, done } = await open(`${plan.site}/verify`);
  const focused = () =>
    page.evaluate(() => {
      const { labels, textContent } = document.activeElement;
      return (labels?.[0] ?? { textContent }).textContent.trim();
    });
  const order = [];
  await page.getByRole("link", { name: "API" }).first().focus();
  for (let i = 0; i < 11; i++) {
    await page.keyboard.press("Tab");
    order.push(await focused());
    if (/^Or (paste|a folder)/.test(order.at(-1))) await page.keyboard.press("Enter");
  }
  const names = [
    ...["An exhibit", "Or a folder", "The folder", "Or paste", "Entry, as", "Proof, as", "Whom you trust"],
    ...["Or a policy file", "How old a cosignature", "Keep it in this browser", "Verify"],
  ];
  assert.ok(
    order.every((name, i) => name.startsWith(names[i])),
    order.join(", "),
  );
  await page.keyboard.press("Enter");
  assert.match(await page.getByRole("alert").innerText(), /^Choose an exhibit/);
  assert.equal(await page.locator("#result").getAttribute("role"), "status");
  await done();
}

// The panel of an entry: one key, and the lines stand there.
{
  const { page, asked, done } = await open(`${plan.site}/e/${plan.entry.index}`);
  await page.getByRole("button", { name: "Verify in this browser" }).focus();
  await page.keyboard.press("Enter");
  compare(
    { name: "panel", wanted: plan.entry.wanted },
    await reportOn(page, `Entry ${plan.entry.index} of this site`),
  );
  // The exhibit, and the module by which the types of its events are judged.
  assert.deepEqual(asked.slice(-2), [`exhibit/${plan.entry.index}.zip`, "given.js"].map((path) => `${plan.site}/${path}`));
  await page.getByRole("link", { name: "With a key of your own" }).click();
  compare(
    { name: "link", wanted: plan.entry.wanted },
    await reportOn(page, `Entry ${plan.entry.index} of this site`),
  );
  await page.getByLabel("Whom you trust").fill(plan.key);
  await page.getByRole("button", { name: "Verify" }).click();
  await page.locator("#result .verdict.good").waitFor();
  assert.equal((await reportOn(page, "of this site")).verdict, "valid");
  await done();
}

// Without a script all stays of use, and nothing that needs one is there.
{
  const { page, done } = await open(`${plan.site}/e/${plan.entry.index}`, { javaScriptEnabled: false });
  await page.getByRole("link", { name: "Verify in this browser" }).click();
  await page.getByText("This needs JavaScript").waitFor();
  assert.ok(!(await page.locator("form").isVisible()));
  await done();
}

// One file on a disk, with the WebCrypto that such a page has.
{
  const { page, asked, done } = await open(pathToFileURL(plan.file).href);
  await page.getByText("Or a folder").click();
  await checkExhibits(page, plan.cases);
  assert.deepEqual(asked, [pathToFileURL(plan.file).href]);
  // It stores nothing, and takes a policy file.
  await givesPolicyFile(page);
  await page.evaluate((text) => localStorage.setItem("onrecord-trust", JSON.stringify({ text, since: "2026-01-02" })), plan.key);
  await page.evaluate(() => document.getElementById("result").replaceChildren());
  await page.getByLabel("An exhibit").setInputFiles([]);
  await page.getByLabel("An exhibit").setInputFiles(plan.cases[0].path);
  assert.match((await reportOn(page, "0.zip")).whose, /^Signed by the key \S+, which came with/);
  await page.evaluate(() => localStorage.clear());
  await page.getByLabel("Whom you trust").fill(plan.key);
  await page.getByRole("button", { name: "Verify" }).click();
  await page.locator("#result .verdict.good").waitFor();
  assert.ok(!(await page.getByText("Keep it in this browser").count()));
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length), 0);
  // It can't reach a network even if its code were another.
  const reached = await page.evaluate((site) => fetch(site).then(String, () => "stopped"), plan.site);
  assert.equal(reached, "stopped");
  await page.close();
  void done; // the browser complains of what it stopped
}

// Over plain HTTP there is no WebCrypto, and the verdicts are the same.
{
  // Chromium remarks there that one header is for HTTPS.
  const remark = /^The Cross-Origin-Opener-Policy header has been ignored/;
  const { page, done } = await open(`http://${plan.insecure}:${new URL(plan.site).port}/verify`, {}, remark);
  assert.equal(await page.evaluate(() => typeof crypto.subtle), "undefined");
  await page.getByText("Or a folder").click();
  await checkExhibits(page, plan.cases);
  await done();
}

await browser.close();
console.log("all as it should be");
