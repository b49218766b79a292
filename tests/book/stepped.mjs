// Used by test_stepped.py: `CHROMIUM=… node stepped.mjs SITE PAGE FOLDER` steps through the figure by keyboard, with
// and without motion, without script and on paper, and prints JSON; pictures go to FOLDER.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { HOST, VARIANTS, launch, open, settle } from "./session.mjs";

const [site, name, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Runs inside the page: what a reader sees, and what is read out.
function state() {
  const figure = document.querySelector(".frames");
  const slider = figure.querySelector("input");
  const images = [...figure.querySelectorAll("img")].filter((image) => image.checkVisibility());
  return {
    shown: images.map((image) => image.alt),
    labels: [...figure.querySelectorAll(".frame-label")].filter((label) => label.checkVisibility()).length,
    columns: new Set(images.map((image) => image.getBoundingClientRect().left)).size,
    loaded: images.every((image) => image.complete && image.naturalWidth > 0),
    value: slider?.value,
    valueText: slider?.getAttribute("aria-valuetext"),
    said: figure.querySelector("output")?.textContent,
    play: figure.querySelector(".frames-play")?.textContent,
    focus: document.activeElement?.getAttribute("aria-label"),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
}

async function axeFindings(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(".frames", { resultTypes: ["violations"] }));
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" "))}`);
}

async function tabTo(page, label) {
  for (let presses = 0; presses < 200; presses += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.getAttribute("aria-label") === wanted, label)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`${label} is not reachable by the Tab key`);
}

async function byKeyboard(page) {
  const report = { start: await page.evaluate(state) };
  const press = async (key) => {
    await page.keyboard.press(key);
    return page.evaluate(state);
  };
  await tabTo(page, "Epoch");
  report.right = await press("ArrowRight");
  report.end = await press("End");
  report.home = await press("Home");
  await tabTo(page, "Next frame");
  report.next = await press("Enter");
  report.last = await press("Enter");
  report.back = await press("Enter");
  return report;
}

async function playing(page) {
  const play = page.locator(".frames-play");
  await page.keyboard.press("Tab");
  await play.focus();
  await page.keyboard.press("Enter");
  const during = await page.evaluate(state);
  await page.waitForFunction(() => document.querySelector(".frames-play").textContent === "Play");
  return { during, after: await page.evaluate(state) };
}

const browser = await launch();
try {
  const report = { variants: {} };
  for (const variant of Object.keys(VARIANTS)) {
    const { page, seen, close } = await open(browser, site, variant);
    await page.goto(`${HOST}/${name}`);
    await settle(page);
    const keyboard = await byKeyboard(page);
    await page.locator(".frames").screenshot({ path: join(folder, `stepped-${variant}.png`) });
    const violations = await axeFindings(page);
    report.variants[variant] = { ...keyboard, ...(await playing(page)), violations, ...seen };
    await page.emulateMedia({ media: "print" });
    report.variants[variant].paper = await page.evaluate(state);
    await close();
  }
  const still = await browser.newContext({ reducedMotion: "reduce" });
  const quiet = await still.newPage();
  await quiet.goto(pathToFileURL(resolve(site, name)).href);
  report.still = await quiet.evaluate(state);
  await still.close();
  const bare = await browser.newContext({ javaScriptEnabled: false });
  const page = await bare.newPage();
  await page.goto(pathToFileURL(resolve(site, name)).href);
  await page.locator(".frames").screenshot({ path: join(folder, "stepped-without-script.png") });
  report.bare = await page.evaluate(state);
  await bare.close();
  console.log(JSON.stringify(report));
} finally {
  await browser.close();
}
