// Builds what browsers and Node run. `npm run build` checks types first.
import { build } from "esbuild";

/** Bytes that verifier.js may have, so that a page stays light. */
const LIMIT = 48_000;

/** The licence of the libraries asks for its notice in every copy. */
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
const browser = { ...common, target: "es2022" };
const { metafile } = await build({
  ...browser,
  entryPoints: ["src/verifier.ts"],
  outfile: "dist/verifier.js",
  external: ["./given.js"],
  metafile: true,
});
// A page loads page.js and verifier.js, and given.js when it is needed. A page that is kept on a disk has all in one file.
await build({
  ...browser,
  entryPoints: ["src/given.ts", "src/page.ts"],
  outdir: "dist",
  external: ["./verifier.js", "./given.js"],
});
await build({ ...browser, entryPoints: ["src/page.ts"], outfile: "dist/alone.js" });
await build({
  ...common,
  entryPoints: ["src/cli.ts"],
  outfile: "dist/cli.js",
  platform: "node",
  target: "node20",
  external: ["./verifier.js", "./given.js"],
});

const { bytes, inputs } = metafile.outputs["dist/verifier.js"];
const noble = Object.entries(inputs).filter(([path]) => path.includes("@noble"));
const sum = noble.reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0);
console.log(`verifier.js ${bytes} bytes, ${sum} of them noble's; at most ${LIMIT}`);
if (bytes > LIMIT) process.exitCode = 1;
