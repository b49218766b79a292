// For people: `node tests/book/shots.mjs _build/html FOLDER book/index.html …` saves each page in the three variants.
import { join } from "node:path";
import { HOST, VARIANTS, launch, open, settle } from "./session.mjs";

const [site, folder, ...pages] = process.argv.slice(2);
process.env.CHROMIUM ??= "/usr/bin/chromium";
const browser = await launch();
for (const variant of Object.keys(VARIANTS)) {
  for (const name of pages) {
    const { page, close } = await open(browser, site, variant);
    await page.goto(`${HOST}/${name}`);
    await settle(page);
    const path = join(folder, `${name.replace(/\W+/g, "_")}-${variant}.png`);
    await page.screenshot({ path, fullPage: true });
    console.log(path);
    await close();
  }
}
await browser.close();
