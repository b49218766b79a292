// The browser gates: `node tests/book/check.mjs SITE PAGE…` looks at each page in each variant and prints JSON.
// It only reports; what is allowed is decided by test_browser.py.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { HOST, VARIANTS, launch, open, settle } from "./session.mjs";

const [site, ...pages] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LEDGER = "book/ledger.html";

// Runs inside the page.
function facts() {
  const root = document.documentElement;
  const formulas = [...document.querySelectorAll(".math")];
  const wider = (node) => [node, ...node.querySelectorAll("mjx-container")].some((n) => n.scrollWidth > n.clientWidth + 2);
  return {
    title: document.title,
    lang: root.lang,
    overflow: root.scrollWidth - root.clientWidth,
    formulas: formulas.length,
    rendered: document.querySelectorAll("mjx-container").length,
    broken: document.querySelectorAll("mjx-merror").length,
    wide: formulas.filter((node) => node.tagName === "DIV" && wider(node)).length,
    raw: formulas.filter((node) => /\\[([]/.test(node.textContent)).length,
  };
}

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map((n) => n.target.join(" ")) }));
}

async function lookAt(browser, name, variant) {
  const { page, seen, close } = await open(browser, site, variant);
  await page.goto(`${HOST}/${name}`);
  await settle(page);
  const report = { page: name, variant, ...(await page.evaluate(facts)), violations: await violations(page), ...seen };
  await close();
  return report;
}

// As a reader would open it: the file itself, nothing served.
async function lookFromDisk(browser, name) {
  const { page, seen, close } = await open(browser, site, "light");
  await page.goto(pathToFileURL(resolve(site, name)).href);
  await settle(page);
  const report = { page: name, variant: "disk", ...(await page.evaluate(facts)), ...seen };
  await close();
  return report;
}

async function search(browser, word, variant) {
  const { page, seen, close } = await open(browser, site, variant);
  await page.goto(`${HOST}/search.html?q=${encodeURIComponent(word)}`);
  // Summaries come last: wait until each hit has one.
  await page.waitForFunction(() => {
    const hits = [...document.querySelectorAll("#search-results ul.search > li")];
    return hits.length > 0 && hits.every((hit) => hit.querySelector(".context"));
  });
  const hits = await page.locator("#search-results ul.search > li a").evaluateAll((all) => all.map((a) => a.pathname));
  const report = { page: "search.html", variant, word, hits, violations: await violations(page), ...seen };
  await close();
  return report;
}

const state = (page) =>
  page.evaluate(() => ({
    said: document.getElementById("ledger-shown").textContent,
    shown: [...document.querySelectorAll("table.ledger tbody tr")].filter((row) => row.checkVisibility()).length,
  }));

async function tabTo(page, id, key = "Tab") {
  for (let presses = 0; presses < 1000; presses += 1) {
    if (await page.evaluate((wanted) => document.activeElement.id === wanted, id)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`#${id} is not reachable by ${key}`);
}

// The filter by keyboard alone, then a permalink to a row that the filter hides.
async function ledger(browser) {
  const { page, seen, close } = await open(browser, site, "light");
  await page.goto(`${HOST}/${LEDGER}`);
  await settle(page);
  const report = { all: await state(page) };
  await tabTo(page, "ledger-verdict");
  await page.keyboard.press("ArrowDown");
  report.verdict = { chosen: await page.inputValue("#ledger-verdict"), ...(await state(page)) };
  await tabTo(page, "ledger-words");
  await page.keyboard.type("no-row-says-this");
  report.none = await state(page);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  report.reset = await state(page);
  await tabTo(page, "ledger-words", "Shift+Tab");
  await page.keyboard.type("no-row-says-this");
  report.target = await page.evaluate(() => {
    const rows = document.querySelectorAll("table.ledger tbody tr");
    return rows[rows.length - 1].id;
  });
  await page.evaluate((id) => (location.hash = id), report.target);
  await page.waitForFunction((id) => document.getElementById(id).checkVisibility(), report.target);
  report.inView = await page.evaluate((id) => {
    const box = document.getElementById(id).getBoundingClientRect();
    return box.top < innerHeight && box.bottom > 0;
  }, report.target);
  await close();
  return { ...report, ...seen };
}

async function withoutScript(browser) {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(pathToFileURL(resolve(site, LEDGER)).href);
  const rows = await page.locator("table.ledger tbody tr:visible").count();
  const controls = await page.locator("#ledger-filter").count();
  await context.close();
  return { rows, controls };
}

const browser = await launch();
try {
  const report = { pages: [], disk: [], search: [] };
  const look = async (variant) => {
    for (const name of pages) report.pages.push(await lookAt(browser, name, variant));
    report.search.push(await search(browser, "contradicted", variant));
  };
  await Promise.all(Object.keys(VARIANTS).map(look));
  for (const name of pages) report.disk.push(await lookFromDisk(browser, name));
  report.ledger = await ledger(browser);
  report.withoutScript = await withoutScript(browser);
  console.log(JSON.stringify(report));
} finally {
  await browser.close();
}
