import { expect, it } from "vitest";
import { repositoryFault, repositoryFaultText } from "./repository-words.ts";

// In the form in which pgBackRest 2.60 and restic 0.19 say it.
it.each([
  ["HTTP request failed with 403 (Forbidden): <Error><Code>SignatureDoesNotMatch</Code>", /refuses the key/],
  ["HTTP request failed with 400 (Bad Request): <Error><Code>ExpiredToken</Code>", /refuses the key/],
  [
    "Fatal: unable to open config file: Stat: The AWS Access Key Id you provided does not exist",
    /refuses the key/,
  ],
  ["[HostConnectError] unable to connect to '10.0.0.1:9000': [111] Connection refused", /cannot be reached/],
  ["[HostConnectError] timeout connecting to '10.214.0.1:20000'", /cannot be reached/],
  ["unable to verify certificate presented by 's3:9000': [20] unable to get local issuer", /not trusted/],
  ["tls: failed to verify certificate: x509: certificate signed by unknown authority", /not trusted/],
  ["[CryptoError] unable to load info file '/x/backup.info': unable to flush", /another key/],
  ["Fatal: wrong password or no key found", /another key/],
  ["backup and archive info files exist but do not match the database", /another database/],
  ["HTTP request failed with 404 (Not Found): <Error><Code>NoSuchBucket</Code>", /does not exist/],
  ["<Error><Code>QuotaExceeded</Code>", /full/],
])("%s", (said, words) => {
  expect(repositoryFault(said).words).toMatch(words);
  expect(repositoryFaultText(said)).toContain(said);
});

it("leaves what it does not know as it is", () => {
  expect(repositoryFault(" some\nthing  else ")).toEqual({
    words: "some thing else",
    said: "some thing else",
  });
});
