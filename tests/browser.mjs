// Drives Chromium over the pages that verify, as tests/browser.rs tells it: node browser.mjs PLAN.json
// Prints what it did; ends with 1 at the first thing that is not as it should be.

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
    said: await texts(".said p"),
  };
}

/** Lines are those of the command, word for word; of a refusal the check that failed and the place. */
function compare({ name, wanted }, found) {
  const passed = ({ state }) => state !== "FAILED";
  assert.deepEqual(found.checks.filter(passed), wanted.checks.filter(passed), name);
  const [failed, expected] = [found, wanted].map((report) => report.checks.find((check) => !passed(check)));
  assert.equal(failed?.name, expected?.name, name);
  if (expected) {
    assert.ok(failed.text.includes(wanted.place), `${name}: ${failed.text}`);
    assert.ok(found.verdict.startsWith("REFUSED "), name);
    assert.deepEqual(found.said, ["Not valid: do not rely on this exhibit."], name);
  } else {
    assert.equal(found.verdict, wanted.verdict, name);
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
  await page.getByLabel("An exhibit").setInputFiles(plan.caseFile);
  await page.locator("#result [role=alert]", { hasText: /^This is a case file/ }).waitFor();
}

// The page of the site, cut off from the network once it is there.
{
  const { page, context, asked, done } = await open(`${plan.site}/verify`);
  assert.equal(await page.title(), `Verify · ${plan.origin}`);
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
    compare({ name: "pasted", wanted }, await reportOn(page, "What you pasted"));
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
  const { verdict } = await reportOn(page, "dropped.zip");
  assert.match(verdict, /brought$/);
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
  for (let i = 0; i < 6; i++) {
    await page.keyboard.press("Tab");
    order.push(await focused());
    if (order.at(-1).startsWith("Or paste")) await page.keyboard.press("Enter");
  }
  const names = ["An exhibit", "Or paste", "Entry, as", "Proof, as", "Whom you trust", "Verify"];
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
  assert.equal(asked.at(-1), `${plan.site}/exhibit/${plan.entry.index}.zip`);
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
  await checkExhibits(page, plan.cases);
  assert.deepEqual(asked, [pathToFileURL(plan.file).href]);
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
  await checkExhibits(page, plan.cases);
  await done();
}

await browser.close();
console.log("all as it should be");
