// Shared ground of the browser gates: Chromium with the network cut off, and pages answered from a folder.
// The site is served at a made-up host straight from disk, so a run needs no port and no server.
import { existsSync, statSync } from "node:fs";
import { join, normalize } from "node:path";
import { chromium } from "playwright-core";

export const HOST = "http://book.test";

export const VARIANTS = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  phone: {
    viewport: { width: 390, height: 844 },
    colorScheme: "light",
    isMobile: true,
    hasTouch: true,
    deviceScaleFactor: 2,
  },
};

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });

const fileOf = (site, url) => join(site, normalize(decodeURIComponent(new URL(url).pathname)));

// A page whose every request is answered from `site` (or from disk for file:), or is cut off and written down.
export async function open(browser, site, variant) {
  const context = await browser.newContext(VARIANTS[variant]);
  const page = await context.newPage();
  const seen = { outside: [], console: [], failed: [] };
  page.setDefaultTimeout(30_000);

  await context.route("**/*", async (route) => {
    const url = route.request().url();
    if (/^(file|data|blob):/.test(url)) return route.continue();
    if (!url.startsWith(`${HOST}/`)) {
      seen.outside.push(`${route.request().resourceType()} ${url}`);
      return route.abort();
    }
    const path = fileOf(site, url);
    const found = existsSync(path) && statSync(path).isFile();
    return found ? route.fulfill({ path }) : route.fulfill({ status: 404, body: "not found" });
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) seen.console.push(message.text());
  });
  page.on("pageerror", (error) => seen.console.push(String(error)));
  page.on("response", (response) => {
    if (response.status() >= 400) seen.failed.push(`${response.status()} ${response.url()}`);
  });
  return { page, seen, close: () => context.close() };
}

// Loaded, formulas set, fonts in place: nothing is waited for by the clock.
export async function settle(page) {
  await page.waitForLoadState("load");
  await page.evaluate(async () => {
    await globalThis.MathJax?.startup?.promise;
    await document.fonts.ready;
  });
}
