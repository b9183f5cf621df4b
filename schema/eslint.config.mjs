// How schema/schema.graphql is judged: the rules of graphql-eslint for schemas and for Relay, and what is left out of
// them. tests/graphql/schema.rs runs it.
import graphql from "@graphql-eslint/eslint-plugin";

export default [
  {
    files: ["**/*.graphql"],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: "./schema.graphql" } },
    },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...graphql.configs["flat/schema-recommended"].rules,
      ...graphql.configs["flat/schema-relay"].rules,
      // Fields and values are described too. Arguments are as well, which a test holds: this rule would ask it of the
      // directives that GraphQL itself defines.
      "@graphql-eslint/require-description": [
        "error",
        {
          types: true,
          rootField: true,
          FieldDefinition: true,
          EnumValueDefinition: true,
          DirectiveDefinition: true,
        },
      ],

      // What has a page of its own is a `Node`: events, cases, parties. All else is a value that belongs to one of
      // them, at two instants; an id of its own would promise that it can be asked for by it.
      "@graphql-eslint/strict-id-in-types": "off",
      // `eventId` is what every signed byte, every path and every other field calls the id of an event; `id` is taken
      // by `Node`.
      "@graphql-eslint/no-typename-prefix": "off",
      // Connections have `nodes` beside `edges`, and short lists that belong to a thing are lists. Notices, demands,
      // hits and lines of a timeline stand in pages though they are no nodes.
      "@graphql-eslint/relay-edge-types": [
        "error",
        { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false },
      ],
      // `search` is paged through forward alone; every other page has all four arguments, which a test holds.
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
    },
  },
];
