/** The S3 server that other suites lean on: does it refuse what a real one refuses? */
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineOrSkip } from "./engine.ts";
import { type S3, startS3 } from "./s3.ts";
import { s3Image } from "./s3-image.ts";

describe.skipIf(!(await engineOrSkip()))("the S3 server for tests", () => {
  let s3: S3;
  beforeAll(async () => {
    s3 = await startS3({ name: "self" });
  });
  afterAll(() => s3?.stop());

  /** From a container that has nothing to do with it but a way out. This machine's own curl may be too old to sign. */
  async function ask(words: readonly string[], secret = s3.secretKey, key = s3.accessKey): Promise<string> {
    return askFrom("bridge", words, secret, key);
  }

  async function askFrom(
    network: string,
    words: readonly string[],
    secret = s3.secretKey,
    key = s3.accessKey,
  ): Promise<string> {
    const { stdout, stderr } = await execa(
      "docker",
      [
        ...["run", "--rm", "--network", network, "--volume", `${s3.ca}:/ca.pem:ro`, await s3Image(), "curl"],
        ...["--silent", "--show-error", "--max-time", "3", "--cacert", "/ca.pem"],
        ...["--aws-sigv4", `aws:amz:${s3.region}:s3`, "--user", `${key}:${secret}`],
        ...words,
      ],
      { reject: false },
    );
    return stdout + stderr;
  }

  it("keeps an object, whatever its name, for a request that is signed", async () => {
    const url = `https://${s3.endpoint}/${s3.bucket}`;
    expect(
      await ask([
        "--request",
        "PUT",
        "--header",
        "content-type: text/plain",
        "--data",
        "known",
        `${url}/a/b%3Dc`,
      ]),
    ).toBe("");
    expect(await s3.list("a/")).toEqual([{ key: "a/b=c", size: 5 }]);
    expect(String(await s3.read("a/b=c"))).toBe("known");
    expect(await ask([`${url}/a/b%3Dc`])).toBe("known");
    await s3.remove("a/b=c");
    expect(await s3.list()).toEqual([]);
  });

  it("refuses a wrong, an unknown and an expired key, an unsigned request, and what goes beyond its limit", async () => {
    const url = `https://${s3.endpoint}/${s3.bucket}/one`;
    expect(await ask([url], "wrong")).toContain("SignatureDoesNotMatch");
    expect(await ask([url], "wrong", "NOBODY")).toContain("InvalidAccessKeyId");
    const unsigned = await execa("curl", ["-s", "--noproxy", "*", "--cacert", s3.ca, url], { reject: false });
    expect(unsigned.stdout).toContain("AccessDenied");
    for (const [state, code] of [
      ["expired", "ExpiredToken"],
      ["wrong", "SignatureDoesNotMatch"],
      ["unknown", "InvalidAccessKeyId"],
    ] as const) {
      await s3.key(state);
      expect(await ask([url])).toContain(code);
    }
    await s3.key("good");
    await s3.limit(3);
    expect(await ask(["--request", "PUT", "--data", "four", url])).toContain("QuotaExceeded");
    await s3.limit(undefined);
    expect(await ask(["--request", "PUT", "--data", "four", url])).toBe("");
  });

  it("is cut off and comes back under the same address, silent or refusing", async () => {
    const url = `https://${s3.endpoint}/${s3.bucket}/one`;
    await s3.put("one", "1");
    for (const [how, said] of [
      ["silent", /timed out/],
      ["refused", /Couldn't connect|Connection refused|Failed to connect/i],
    ] as const) {
      await s3.cut(how);
      expect(await ask([url])).toMatch(said);
      await s3.restore();
      expect(await ask([url])).toBe("1");
    }
  });

  it("is nobody's for one that does not know its authority", async () => {
    const { exitCode } = await execa("curl", ["-s", "--noproxy", "*", `https://${s3.endpoint}/`], {
      reject: false,
    });
    expect(exitCode).toBe(60);
  });

  it("has a certificate for its address in another network", async () => {
    const network = `${s3.container}-other`;
    await execa("docker", ["network", "create", "--label", "plimsoll.test.droplet=yes", network]);
    try {
      const address = await s3.connect(network);
      expect(await askFrom(network, [`https://${address}/${s3.bucket}/one`])).toBe("1");
      await s3.disconnect(network);
    } finally {
      await execa("docker", ["network", "rm", network], { reject: false });
    }
  });
});
