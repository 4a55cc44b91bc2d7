// Build the page: one HTML file with its style, its program and three.js in it.
// Usage: node build.mjs OUT.html
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const [out] = process.argv.slice(2);
if (!out) {
  console.error("usage: node build.mjs OUT.html");
  process.exit(2);
}

const common = { bundle: true, write: false, minify: true, charset: "utf8", legalComments: "none" };
const program = await build({
  ...common,
  entryPoints: ["src/main.ts"],
  format: "iife",
  target: ["chrome100", "firefox113", "safari16.4"],
});
const style = await build({ ...common, entryPoints: ["src/style.css"] });

const read = async (path) => (await readFile(new URL(path, import.meta.url), "utf8")).trim();
const licence = await read("node_modules/three/LICENSE");
const { version } = JSON.parse(await read("node_modules/three/package.json"));
const notice = `<!--\nThis page is a part of Auralize (Apache-2.0). It holds three.js ${version}:\n\n${licence}\n-->`;

// An end tag inside a string of the program would end the program.
const script = program.outputFiles[0].text.trim().replaceAll("</script", "<\\/script");
const parts = {
  "/*style*/": style.outputFiles[0].text.trim(),
  "/*program*/": script,
  "<!-- notice -->": notice,
};
let page = await read("src/index.html");
for (const [mark, text] of Object.entries(parts)) {
  if (page.split(mark).length !== 2) throw new Error(`src/index.html needs ${mark} once`);
  page = page.replace(mark, () => text);
}
await writeFile(out, `${page}\n`);
console.log(`${out}: ${(page.length / 1000).toFixed(0)} kB`);
