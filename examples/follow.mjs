// Follows a ledger: prints index, id and sentence of each event, and goes on where it was after a lost connection.
//
//     npm install graphql-ws graphql ws
//     node follow.mjs http://127.0.0.1:8080 [index of the last event known]
import { createClient } from "graphql-ws";

const [ledger, last] = process.argv.slice(2);
const url = ledger.replace(/^http/, "ws") + "/graphql";
const webSocketImpl = globalThis.WebSocket ?? (await import("ws")).WebSocket; // Node 22 has its own.
const query = "subscription($after: Index) { events(after: $after) { index eventId sentence } }";

let after = last === undefined ? null : Number(last);
for (;;) {
  // The library's own retries would ask with the first `after` again, so each try makes a new client.
  const client = createClient({ url, webSocketImpl, retryAttempts: 0 });
  try {
    for await (const { data, errors } of client.iterate({ query, variables: { after } })) {
      if (errors) throw errors;
      const { index, eventId, sentence } = data.events;
      console.log(index, eventId, sentence);
      after = index;
    }
  } catch (error) {
    // Errors of GraphQL come as an array: such as an `after` that the ledger does not have (any more).
    if (Array.isArray(error)) {
      console.error(error[0].message);
      process.exit(1);
    }
    console.error("the connection ended:", error.code ?? "", error.reason ?? error.message ?? "");
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
}
