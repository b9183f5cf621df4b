// Builds what browsers and Node run. `npm run build` checks types first.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

/** Bytes that verifier.js may have, so that a page stays light. */
const LIMIT = 30_000;

/**
 * What of noble's Ed25519 nothing here calls, by its first line; each ends at the next line of that indentation.
 * No minifier can tell that a method is never called.
 */
const UNUSED = [
  "    static CURVE() {",
  "    static fromAffine(p) {",
  "    static fromHex(hex, zip215) {",
  "    get x() {",
  "    get y() {",
  "    assertValidity() {",
  "    toHex() {",
  "    clearCofactor() {",
  "    isSmallOrder() {",
  "    isTorsionFree() {",
];
/** A table for speed, where the fallback takes milliseconds anyway. */
const TABLE = "        if (this.equals(G))\n            return wNAF(n).p;\n";

const leaner = {
  name: "leaner",
  setup(it) {
    it.onLoad({ filter: /@noble\/ed25519\/index\.js$/ }, async ({ path }) => {
      let text = await readFile(path, "utf8");
      const cut = (from, to) => {
        const at = text.indexOf(from);
        if (at < 0 || text.indexOf(from, at + 1) >= 0) throw new Error(`${path}: expected once: ${from}`);
        text = text.slice(0, at) + text.slice(text.indexOf(to, at) + to.length);
      };
      for (const first of UNUSED) cut(first, "\n    }\n");
      cut(TABLE, TABLE);
      return { contents: text };
    });
  },
};

/** Members that only our own code and noble's points have, so that no object of the platform loses one. */
const PRIVATE = [
  ...["textBytes", "checkpointText", "keyHex", "atLeast", "signers", "timestamps"],
  ...["checkpoint", "witness", "members", "earliest", "proof", "rules", "place", "quorum", "logs", "thread"],
  ...["chain", "lines", "note"],
  ...[
    "multiplyUnsafe",
    "toAffine",
    "fromBytes",
    "toBytes",
    "subtract",
    "negate",
    "equals",
    "double",
    "isValid",
  ],
];

/** The licence of what is not ours asks for its notice in every copy. */
const LICENCE =
  "/*! With noble-hashes (c) 2022, noble-ed25519 (c) 2019 Paul Miller (paulmillr.com), MIT License */";

const common = {
  bundle: true,
  minify: true,
  format: "esm",
  banner: { js: LICENCE },
  legalComments: "none",
  logLevel: "warning",
};
const mangleProps = new RegExp(`^(${PRIVATE.join("|")})$`);
const browser = { ...common, target: "es2022", plugins: [leaner], mangleProps };
const { metafile } = await build({
  ...browser,
  entryPoints: ["src/verifier.ts"],
  outfile: "dist/verifier.js",
  metafile: true,
});
// A page takes both files; one that is kept on a disk can't, and has them in one.
await build({
  ...browser,
  entryPoints: ["src/page.ts"],
  outfile: "dist/page.js",
  external: ["./verifier.js"],
});
await build({ ...browser, entryPoints: ["src/page.ts"], outfile: "dist/alone.js" });
await build({
  ...common,
  entryPoints: ["src/cli.ts"],
  outfile: "dist/cli.js",
  platform: "node",
  target: "node20",
  external: ["./verifier.js"],
});

const { bytes, inputs } = metafile.outputs["dist/verifier.js"];
const noble = Object.entries(inputs).filter(([path]) => path.includes("@noble"));
const sum = noble.reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0);
console.log(`verifier.js ${bytes} bytes, ${sum} of them noble's; at most ${LIMIT}`);
if (bytes > LIMIT) process.exitCode = 1;
