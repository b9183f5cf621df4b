#!/usr/bin/env node
// Starts the built program; `npm ci && npm run build` makes it.
import { fileURLToPath } from "node:url";

const events = fileURLToPath(new URL("../../schema/events.json", import.meta.url));
let program;
try {
  program = await import("./dist/cli.js");
} catch (error) {
  console.error(`not built yet, run npm ci && npm run build: ${error.message}`);
  process.exit(2);
}
process.exitCode = await program.main(process.argv.slice(2), events);
