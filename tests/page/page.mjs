// Drives the page of `safelight serve` in Chromium, as a person would.
//
//   npm install --prefix DIR playwright-core     (a driver only: the browser is the system's)
//   NODE_PATH=DIR/node_modules node tests/page/page.mjs target/debug/safelight [FOLDER for screenshots]
import { spawn, execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";

const require = createRequire(import.meta.url);
// NODE_PATH is for `require` alone.
const { chromium } = require(require.resolve("playwright-core", { paths: (process.env.NODE_PATH || "").split(":") }));
const [binary, shots] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), "safelight-page-"));
execFileSync(binary, ["simulate", "--quiet", "-n", "6", "--seed", "5", "--out", join(scratch, "photos")]);
const photos = readdirSync(join(scratch, "photos"), { recursive: true })
  .filter(name => name.endsWith(".jpg")).map(name => join(scratch, "photos", name)).sort();

const service = spawn(binary, ["serve", "--quiet", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
const url = await new Promise(resolve => service.stdout.once("data", line => resolve(line.toString().trim())));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  for (const [width, scheme] of [[1280, "light"], [400, "light"], [1280, "dark"], [400, "dark"]]) {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme, acceptDownloads: true });
    const wrong = [], asked = [];
    page.on("pageerror", error => wrong.push(String(error)));
    page.on("console", message => message.type() === "error" && wrong.push(message.text()));
    page.on("request", request => asked.push(request.url()));
    await page.goto(url);
    const shot = name => shots && page.screenshot({ path: join(shots, `${name}-${width}-${scheme}.png`), fullPage: true });
    await shot("empty");

    // By the file dialogue.
    await page.setInputFiles("#file", photos[0]);
    await page.waitForSelector("#pictures:not([hidden])");
    const said = await page.textContent("#status");
    assert.match(said, /^Blanked: \d+ plates?, \d+ faces?\.$|^Nothing was found/);
    await page.waitForFunction(() => document.getElementById("after").naturalWidth === 1280);
    await shot("blanked");
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    assert.equal(overflow, false, `the page is wider than ${width}`);

    // What is offered is what was shown, and what the service makes.
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
    const saved = readFileSync(await download.path());
    const made = Buffer.from(await (await fetch(`${url}redact`, { method: "POST", body: readFileSync(photos[0]) })).arrayBuffer());
    assert.ok(saved.equals(made) && download.suggestedFilename() === "blanked.jpg");

    // By dropping and by pasting.
    for (const [kind, photo] of [["drop", photos[1]], ["paste", photos[2]]]) {
      const before = await page.getAttribute("#after", "src");
      await page.evaluate(([kind, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], "x.jpg", { type: "image/jpeg" }));
        const event = kind === "drop" ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
          : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
        document.body.dispatchEvent(event);
      }, [kind, readFileSync(photo).toString("base64")]);
      await page.waitForFunction(before => {
        const after = document.getElementById("after").getAttribute("src");
        return after && after !== before;
      }, before);
    }

    // Another choice is another picture.
    const before = await page.getAttribute("#after", "src");
    await page.selectOption("#only", "faces");
    await page.waitForFunction(before => { const now = document.getElementById("after").getAttribute("src"); return now && now !== before; }, before);

    // What is no picture is not shown.
    assert.deepEqual(wrong, []);
    await page.setInputFiles("#file", { name: "x.txt", mimeType: "image/jpeg", buffer: Buffer.from("no picture <b>at all</b>") });
    await page.waitForSelector("#status.wrong");
    assert.match(await page.textContent("#status"), /^Not blanked: .*cannot be examined/);
    assert.ok(await page.isHidden("#pictures"));
    await shot("refused");
    assert.ok(asked.every(one => one.startsWith(url) || one.startsWith("blob:")), asked.join(" "));
    await page.close();
  }
  console.log("page: light and dark, 1280 and 400 wide: shown, dropped, pasted, saved, refused");
} finally {
  await browser.close();
  service.kill();
  rmSync(scratch, { recursive: true });
}
