// Opens pages in Chromium as tests/pages/in_a_browser.rs tells it: node pages.mjs PLAN.json
// Each at a narrow and a wide window, light and dark: what axe finds, what runs over the edge, what is too small to hit.
// With `every` in the plan: all pages that links lead to from there, at more widths, each by all rules in the dark too, and with
// letters of twice the size.
// Prints all that is wrong, and ends with 1 if anything is.

import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const plan = JSON.parse(await readFile(process.argv[2], "utf8"));
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const launch = (...args) =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", ...args],
  });
const browser = await launch();

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe finds in the page, one line each. */
async function findings(page, only) {
  const { violations } = await page.evaluate((runOnly) => window.axe.run(document, { runOnly, resultTypes: ["violations"] }), only);
  return violations.flatMap(({ id, nodes }) =>
    nodes.slice(0, 4).map(({ target, html, any }) => {
      const why = any.map(({ message }) => message).join("; ");
      return `axe ${id}, ${nodes.length} in all: ${target} ${html.slice(0, 160)} ${why.slice(0, 200)}`;
    }),
  );
}

/** Elements that make the page wider than the window. */
function overflow() {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const inScroll = (element) => element.parentElement?.closest(".scroll");
  const wide = [...document.querySelectorAll("main *, header *, footer *")].filter(
    (element) => element.getBoundingClientRect().right > room + 0.5 && !inScroll(element),
  );
  const said = wide.slice(0, 5).map((element) => element.outerHTML.slice(0, 100));
  return [`${document.documentElement.scrollWidth} px wide in ${room} px: ${said.join(" | ")}`];
}

/**
 * What can be pressed and is smaller than 24 px, unless it stands in a sentence (WCAG 2.2, 2.5.8). The marks of a timeline
 * have their like in the list below it.
 */
function small() {
  const least = 24;
  const inText = (element) => {
    if (getComputedStyle(element).display !== "inline") return false;
    const block = element.closest("p, li, dd, dt, td, th, h1, h2, h3, figcaption");
    return block !== null && block.innerText.trim() !== element.innerText.trim();
  };
  return [...document.querySelectorAll("a[href], button, input, select, textarea, summary")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest("svg"))
    .map((element) => ({ element, box: element.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0 && box.right > 0 && Math.min(box.width, box.height) < least - 0.01)
    .filter(({ element }) => !inText(element))
    .map(({ element, box }) => `${Math.round(box.width)} by ${Math.round(box.height)} px: ${element.outerHTML.slice(0, 120)}`);
}

/** More pages than the links of a story lead to; where there are more, the end was not seen. */
const MOST = 1_000;

/** Paths of other pages that the page links to. Other instants and parts of lists are the same page with other words. */
async function linked(page) {
  // Of an `a` in a drawing, `href` is no text.
  const links = await page.evaluate(() =>
    [...document.querySelectorAll("a")].map((link) => link.getAttribute("href")).filter((href) => href !== null),
  );
  const here = links
    .map((href) => new URL(href, page.url()))
    .filter(({ origin, search }) => origin === plan.site && search === "");
  return here.map(({ pathname }) => pathname);
}

/** Adds the pages that links lead to, until there are no others. */
async function follow(pages) {
  const page = await browser.newPage();
  const seen = new Set(pages.map(({ path }) => path));
  for (const { path, status } of pages) {
    if (status !== 200) continue;
    await page.goto(plan.site + path);
    for (const next of await linked(page)) {
      if (seen.has(next)) continue;
      seen.add(next);
      const head = await fetch(plan.site + next, { method: "HEAD" });
      const isPage = head.headers.get("content-type")?.startsWith("text/html") && !head.headers.has("content-disposition");
      if (isPage) pages.push({ path: next, status: 200 });
    }
    if (pages.length > MOST) throw new Error(`more than ${MOST} pages`);
  }
  await page.close();
}

const wrong = [];
if (plan.every) await follow(plan.pages);
for (const width of plan.every ? [320, 360, 768, 1280, 1920] : [320, 1280]) {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  for (const { path, status } of plan.pages) {
    const note = (how, found) => wrong.push(...found.map((what) => `${path} at ${width} px, ${how}: ${what}`));
    await page.emulateMedia({ colorScheme: "light" });
    const reply = await page.goto(plan.site + path);
    if (reply.status() !== status) note("light", [`status ${reply.status()}`]);
    // What is folded away counts too.
    await page.evaluate(() => document.querySelectorAll("details").forEach((each) => (each.open = true)));
    // By the browser's own hand: the policy of the page lets no other script in.
    await page.evaluate(axe);
    note("light", [...(await page.evaluate(overflow)), ...(await page.evaluate(small)), ...(await findings(page, RULES))]);
    // Colours are all that is different in the dark.
    await page.emulateMedia({ colorScheme: "dark" });
    note("dark", await findings(page, plan.every ? RULES : { type: "rule", values: ["color-contrast"] }));
  }
  await page.close();
}
await browser.close();
if (plan.every) {
  // As a reader has it who sets letters of twice the size in the browser (WCAG 2.2, 1.4.4).
  const large = await launch("--blink-settings=defaultFontSize=32");
  for (const width of [320, 360, 1280]) {
    const page = await large.newPage({ viewport: { width, height: 900 } });
    for (const { path } of plan.pages) {
      await page.goto(plan.site + path);
      await page.evaluate(() => document.querySelectorAll("details").forEach((each) => (each.open = true)));
      const found = await page.evaluate(overflow);
      wrong.push(...found.map((what) => `${path} at ${width} px, letters of twice the size: ${what}`));
    }
    await page.close();
  }
  await large.close();
}
for (const line of wrong) console.log(line);
if (wrong.length > 0) process.exit(1);
console.log(`${plan.pages.length} pages at ${plan.every ? 5 : 2} widths, all as they should be`);
