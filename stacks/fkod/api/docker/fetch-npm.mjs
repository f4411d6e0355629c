// Fetches npm's tarball and refuses it unless its hash is the one given: fetch-npm.mjs VERSION INTEGRITY FILE
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";

const [version, integrity, file] = process.argv.slice(2);
const answer = await fetch(`https://registry.npmjs.org/npm/-/npm-${version}.tgz`);
if (!answer.ok) throw new Error(`npm ${version}: the registry answered ${answer.status}`);
const bytes = Buffer.from(await answer.arrayBuffer());
const found = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
if (found !== integrity) throw new Error(`npm ${version}: expected ${integrity}, found ${found}`);
writeFileSync(file, bytes);
