import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { listOwn, readOwn } from "../../package.ts";
import { masked } from "../../testing/masked.ts";
import { quote } from "./lscl.ts";
import { MASKS } from "./masks.ts";

/** So that no key of a test looks like a real one to a scanner of secrets. */
const key = (prefix: string, length = 24) => prefix + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6".slice(0, length);

const CREDENTIALS: [string, string][] = [
  ["Authorization: Bearer abcdefgh12345678", "Authorization: Bearer [masked]"],
  ["authorization: basic dXNlcjpwYXNz", "authorization: basic [masked]"],
  ["authorization: bearer abcdefghijkl", "authorization: bearer [masked]"],
  ["sent basic dXNlcjpwYXNz", "sent basic [masked]"],
  ["Login(token='abc def', n=1)", "Login(token='[masked]', n=1)"],
  ["+ PGPASSWORD='hunter 2' psql", "+ PGPASSWORD='[masked]' psql"],
  ["host=postgres-1 password='a b c' user=app", "host=postgres-1 password='[masked]' user=app"],
  [String.raw`{"m":"sent\nBearer abcdefgh12345678\n"}`, String.raw`{"m":"sent\nBearer [masked]\n"}`],
  ["postgresql://app:s3cret@postgres:5432/fkod", "postgresql://app:[masked]@postgres:5432/fkod"],
  ["token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.abc_DEF-123 used", "token [masked] used"],
  [
    '{"url":"http://api-1:5000","dsn":"redis://app:a1b2@redis:6379/0"}',
    '{"url":"http://api-1:5000","dsn":"redis://app:[masked]@redis:6379/0"}',
  ],
  // Redis has a password and need not have a user.
  ["redis://:s3cretpw@redis-cache:6379/0 is ready", "redis://:[masked]@redis-cache:6379/0 is ready"],
  [`charged with ${key("sk_live_")}.`, "charged with sk_live_[masked]."],
  [`{"m":"key ${key("rk_test_")}"}`, '{"m":"key rk_test_[masked]"}'],
  [`webhook ${key("whsec_")}`, "webhook whsec_[masked]"],
  [`push with ${key("ghp_", 32)}`, "push with ghp_[masked]"],
  [`push with ${key("github_pat_", 22)}_${key("", 30)}`, "push with github_pat_[masked]"],
  [`npm: ${key("npm_", 32)}`, "npm: npm_[masked]"],
  [`droplet ${key("dop_v1_", 32)}`, "droplet dop_v1_[masked]"],
  [`post to ${key("xoxb-")}`, "post to xoxb-[masked]"],
  [`Incorrect API key provided: ${key("sk-proj-", 30)}`, "Incorrect API key provided: sk-[masked]"],
  [`mail by ${key("SG.")}.${key("")}`, "mail by SG.[masked]"],
  [`identity AGE-SECRET-KEY-1${"QPZRY9X8".repeat(4)}`, "identity AGE-SECRET-KEY-1[masked]"],
  [`signed by AKIA${"ABCD2345".repeat(2)}, refused`, "signed by AKIA[masked], refused"],
  [`signed by DO00${"ABCD2345".repeat(2)}`, "signed by DO00[masked]"],
  ["GET /reset?token=abc.def-1&lang=de HTTP/1.1", "GET /reset?token=[masked]&lang=de HTTP/1.1"],
  [
    "/files?X-Amz-Date=20261129T000000Z&X-Amz-Signature=0a1b2c",
    "/files?X-Amz-Date=20261129T000000Z&X-Amz-Signature=[masked]",
  ],
  ["aws_secret_access_key=wJalr/XUtn+FEMI exported", "aws_secret_access_key=[masked] exported"],
  ["SECRET_KEY=topsecret DEBUG=1", "SECRET_KEY=[masked] DEBUG=1"],
  [
    '{"secret_key":"a1","secretKey":"b2","secret_keys":"kept"}',
    '{"secret_key":"[masked]","secretKey":"[masked]","secret_keys":"kept"}',
  ],
  ["level=info db_password=hunter2 msg=ok", "level=info db_password=[masked] msg=ok"],
  ['level=info password="hunter 2" msg="all is well"', 'level=info password="[masked]" msg="all is well"'],
  [
    String.raw`{"msg":"user=me password=\"hunter 2\" ok","n":1}`,
    String.raw`{"msg":"user=me password=\"[masked]\" ok","n":1}`,
  ],
  [
    String.raw`{"body":{"email":1,"userPassword":"a\"b\\","accessToken" : "x y"},"n":1}`,
    '{"body":{"email":1,"userPassword":"[masked]","accessToken" : "[masked]"},"n":1}',
  ],
  [
    String.raw`{"body":"{\"password\":\"hunter2\",\"n\":1}"}`,
    String.raw`{"body":"{\"password\":\"[masked]\",\"n\":1}"}`,
  ],
  [
    '{"headers":{"authorization":"Token abc","x-api-key":"abc","cookie":"sid=1; a=2","set-cookie":["sid=1"]}}',
    '{"headers":{"authorization":"[masked]","x-api-key":"[masked]","cookie":"[masked]","set-cookie":["[masked]"]}}',
  ],
  // As Node has it: each cookie is one of a list.
  [
    '{"set-cookie":["sid=1; Path=/","refresh=topsecret456; HttpOnly"],"n":[1,"a"]}',
    '{"set-cookie":["[masked]"],"n":[1,"a"]}',
  ],
  [
    String.raw`{"tokens":["kept"],"token" : [ null, "a\"],\"b" , 2, 1.5e-7,"c\\","d" , 1 ],"n":1}`,
    '{"tokens":["kept"],"token" : [ null, "[masked]" , 1 ],"n":1}',
  ],
  ['{"set-cookie":["sid=1","refresh=cut of', '{"set-cookie":["[masked]'],
  [
    String.raw`{"body":"{\"set-cookie\":[\"sid=\\\"1\\\"\",7, \"refresh=top\\\\\"],\"n\":[1,\"a\"]}"}`,
    String.raw`{"body":"{\"set-cookie\":[\"[masked]\"],\"n\":[1,\"a\"]}"}`,
  ],
  // JSON in a text of JSON: with quotes of its own, with its lines broken, and with escapes that the outer one made.
  [
    String.raw`{"body":"{\"password\":\"\\\"pa\\\"ss\\\\word2\",\"n\":1}"}`,
    String.raw`{"body":"{\"password\":\"[masked]\",\"n\":1}"}`,
  ],
  [
    String.raw`{"body":"{\n  \"set-cookie\": [\n    \"sid=1\",\n    \"refresh=top\"\n  ],\n  \"n\": 1\n}"}`,
    String.raw`{"body":"{\n  \"set-cookie\": [\n    \"[masked]\"\n  ],\n  \"n\": 1\n}"}`,
  ],
  [
    String.raw`{"body":"{\"token\":\"a\u0026b\",\"set-cookie\":[\"sid=1\u0026x\",\"refresh=to\/p\"]}"}`,
    String.raw`{"body":"{\"token\":\"[masked]\",\"set-cookie\":[\"[masked]\"]}"}`,
  ],
  ["Set-Cookie: sid=s%3Aabc.def; Path=/; HttpOnly", "Set-Cookie: sid=[masked]"],
  ["> Cookie: a=1; b=2", "> Cookie: a=[masked]"],
  ["{ user: 'me', password: 'hunter2', n: 1 }", "{ user: 'me', password: '[masked]', n: 1 }"],
  [
    `ALTER ROLE app WITH LOGIN PASSWORD 'SCRAM-SHA-256$4096:abc';`,
    "ALTER ROLE app WITH LOGIN PASSWORD '[masked]';",
  ],
  [
    String.raw`{"m":"-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----\n"}`,
    String.raw`{"m":"-----BEGIN RSA PRIVATE KEY-----[masked]-----END RSA PRIVATE KEY-----\n"}`,
  ],
];

const PERSONAL: [string, string][] = [
  ["mail to ana.maria+x@example.com.", "mail to [masked]@example.com."],
  ["mail to josé@mail.example.co.uk, sent", "mail to [masked]@mail.example.co.uk, sent"],
  ["GET /users?email=ana%40example.com&n=1", "GET /users?email=[masked]%40example.com&n=1"],
  [String.raw`{"m":"users:\nana@example.com\n"}`, String.raw`{"m":"users:\n[masked]@example.com\n"}`],
  [String.raw`{"m":"jos\u00e9@example.com"}`, '{"m":"[masked]@example.com"}'],
  [
    '{"url":"http://api-1:5000","user":"me@example.com"}',
    '{"url":"http://api-1:5000","user":"[masked]@example.com"}',
  ],
  ["card 4111 1111 1111 1234 declined", "card [masked] 1234 declined"],
  ["card 5500-0000-0000-0004", "card [masked]-0004"],
  ["card 4111111111111234.", "card 4100000000001234."],
  ["card 371449635398431", "card 370000000008431"],
  ['{"card":4111111111111234}', '{"card":4100000000001234}'],
  ["from 203.0.113.9: refused", "from 203.0.113.0: refused"],
  ['{"client.ip":"203.0.113.9"}', '{"client.ip":"203.0.113.0"}'],
  [String.raw`{"m":"a\n203.0.113.9\n"}`, String.raw`{"m":"a\n203.0.113.0\n"}`],
  ["x-forwarded-for: 203.0.113.99, 10.0.0.5", "x-forwarded-for: 203.0.113.0, 10.0.0.5"],
  ["client: 172.32.1.2, server: 172.15.0.1:443", "client: 172.32.1.0, server: 172.15.0.0:443"],
  ["http://203.0.113.9/a", "http://203.0.113.0/a"],
  [String.raw`{"m":"to\n/203.0.113.9:443"}`, String.raw`{"m":"to\n/203.0.113.0:443"}`],
  ["::ffff:203.0.113.9", "::ffff:203.0.113.0"],
  ["2001:db8:1:2:3:4:5:6 came", "2001:db8:1:: came"],
  ["[2001:db8:1:2::5]:443", "[2001:db8:1::]:443"],
  ['{"client.ip":"2001:db8::5"}', '{"client.ip":"2001:db8::"}'],
  ["2a02::1 and 2001:db8:1::", "2a02:: and 2001:db8:1::"],
];

/** Nobody's, and what faults are found by. */
const KEPT = [
  "GET http://127.0.0.1:5000/health @ 12:30",
  "connect ECONNREFUSED 10.0.0.5:6379, 172.18.0.3:5432, 192.168.1.1, 169.254.0.1, 0.0.0.0:80",
  "listening on http://:5000/@docs, and on tcp://:6379 @ 12:30",
  "listening on [::]:80 and [::1]:5000, fe80::1, fd00:1:2:3::4",
  '10.0.0.6:41234 [23/Nov/2026:01:00:00.123] app 0/0/0/5/5 "GET /a HTTP/1.1"',
  "2026-11-29T14:10:05.123Z at 20:26:11:29 took 3000:80",
  "SyntaxError: Unexpected token '<' is not valid JSON; unexpected token: '}'",
  "no token, bad password, secret sauce, a cookie: none, basic auth, bearer of news",
  "max_tokens=256 total_tokens: 12 password= secret:",
  '{"tokens":"12","secretary":"x","kind":"token","password":"","passwordChanged":"yes"}',
  '{"m":"the last word is password","k":"secret","n":1}',
  "postgres@16 pino@9.0.0 @fastify/cors@10.0.1 typescript@5.0.0-dev.abc node:internal/a.js:3000:12",
  "nginx/1.27.3 Chrome/120.0.6099.109 v1.2.3.4 lib-1.2.3.4.tgz Electron/30.0.6.1",
  "basic authentication failed, Basic Authentication failed, bearer credentials missing",
  "task-list-of-the-week-2026-11-29-done risk-sk-1 npm_config_registry_of_the_whole_company",
  "9f0c2a9be1d37786 4bf92f3577b34da6a3ce929d0e0e4736 123e4567-4e89-4111-8222-426614174000",
  '{"pid":9297,"time":1764425405123,"ns":1764425405123456789,"us":1764425405123456,"ratio":0.4111111111111111}',
  "AKIA is a prefix, sk_live_ too",
  "aa:bb:cc:dd:ee:ff 2e:2f:3a:4b:5c:6d",
];

describe("masks", () => {
  it.each([...CREDENTIALS, ...PERSONAL])("mask %s", (before, after) => {
    expect(masked(before)).toBe(after);
    expect(masked(after)).toBe(after);
  });

  it.each(KEPT)("keep %s", (line) => expect(masked(line)).toBe(line));

  it("are each needed by a line", () => {
    for (const [at, [pattern]] of MASKS.entries()) {
      const others = MASKS.filter((_, index) => index !== at);
      const without = (line: string) => masked(line, others);
      expect(
        [...CREDENTIALS, ...PERSONAL].some(([before, after]) => without(before) !== after),
        pattern,
      ).toBe(true);
    }
  });

  it("are texts that a pipeline can hold, without what Logstash would replace", () => {
    for (const text of MASKS.flat()) {
      expect(() => quote(text)).not.toThrow();
      expect(text).not.toContain("%{");
    }
  });

  it("leave each line of JSON among the samples JSON", () => {
    for (const line of listOwn("elk/samples")
      .filter((name) => name.endsWith(".log"))
      .flatMap((name) => readOwn(`elk/samples/${name}`).split("\n"))
      .filter((text) => text.startsWith("{") && text.endsWith("}")))
      expect(() => JSON.parse(masked(line))).not.toThrow();
  });

  it("leave whatever is JSON JSON, with the same fields", () => {
    const pieces = [...CREDENTIALS, ...PERSONAL].map(([line]) => line);
    const part = fc.oneof(
      fc.constantFrom(...pieces),
      fc.constantFrom(
        "password=",
        'token="',
        "Cookie: a=",
        "me@",
        "\\",
        '"',
        "'",
        "\n",
        "\u0001",
        "é",
        "-",
        ": '",
        "token='",
        "basic ",
      ),
      fc.string(),
    );
    const text = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
    const name = fc.oneof(
      fc.constantFrom("password", "db_token", "secretKey", "cookie", "message", "card"),
      text,
    );
    const field = fc.oneof(text, fc.integer(), fc.maxSafeInteger(), fc.double({ noNaN: true }), fc.boolean());
    const fields = fc.array(fc.tuple(name, fc.oneof(field, fc.array(field, { maxLength: 3 }))), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(fields, (entries) => {
        // Two names that differ in what is masked would be one afterwards.
        const before = Object.fromEntries(entries.map(([name, value], at) => [`${at}.${name}`, value]));
        // Also as a text within, and with other programs' escapes and spaces.
        for (const line of [
          JSON.stringify(before),
          JSON.stringify({ before: JSON.stringify(before) }),
          JSON.stringify(before).replace(
            /[^\x20-\x7e]/g,
            (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
          ),
        ]) {
          const after = JSON.parse(masked(line)) as object;
          expect(Object.keys(after)).toHaveLength(Object.keys(JSON.parse(line)).length);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("read a long line once: no pattern takes its length squared", () => {
    for (const piece of [
      "a",
      "1",
      "a.",
      "1.",
      "2001:",
      "@",
      "password",
      "\\u00e9",
      "Cookie: ",
      "sk-a",
      "eyJ",
      "eyJ.",
      "4111 ",
      "x@y.",
      "://a:",
      "://:",
      'token="',
      '"token":"',
      '"token":["a",',
      '"token":[ ',
      '"token":[1,',
      '"token":["a",1,',
      "1,",
      String.raw`\"token\":[\"a\",`,
      String.raw`\"token\":[\"\\`,
      "password '",
      "token='",
      "basic ",
      "Authorization: ",
    ]) {
      const took = (length: number) => {
        const long = piece.repeat(Math.ceil(length / piece.length));
        const tries = [1, 2, 3].map(() => {
          const began = process.cpuUsage();
          masked(long);
          return process.cpuUsage(began).user / 1000;
        });
        // The quickest, in the processor's time: others use this machine too. Below some milliseconds it says nothing.
        return Math.max(5, Math.min(...tries));
      };
      // Eight times as long: sixty-four times, were it squared.
      expect(took(160_000) / took(20_000), piece).toBeLessThan(30);
    }
  });
});
