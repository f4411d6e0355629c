/** What users write, read back through a real nginx: each word must come out as it went in. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DOLLAR, literal, quote } from "../../generator/components/nginx/quote.ts";
import { renderTemplate } from "../../generator/render/template.ts";
import { engineOrSkip } from "./engine.ts";
import { edgeFiles, RUN } from "./nginx-edge.ts";

const IMAGE = `${RUN}-quote`;
const folders: string[] = [];

const word = fc.string({
  unit: fc.constantFrom(
    ..."$\";'\\{}#% `~=@^*.:/-aZ0ü ",
    "{{",
    "}}",
    "../",
    "$" + "{host}",
    "$host",
    "\\n",
    "; return 200 owned;",
  ),
  minLength: 1,
  maxLength: 16,
});

/** Runs a script with nginx beside these files. */
async function run(files: Record<string, string>, script: string) {
  const folder = mkdtempSync(join(tmpdir(), `${RUN}-quote-`));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  await execa("chmod", ["755", folder]);
  const limits = ["--rm", "--network", "none", "--user", "101:101", "--read-only", "--cap-drop", "ALL"];
  const room = [
    "--tmpfs",
    "/tmp:uid=101",
    "--tmpfs",
    "/var/cache/nginx:uid=101",
    "--tmpfs",
    "/var/lib/nginx:uid=101",
    "--tmpfs",
    "/var/lib/certificates:uid=101",
  ];
  const mounts = [...room, "--volume", `${folder}:/etc/nginx/plimsoll:ro`];
  return execa("docker", ["run", ...limits, ...mounts, "--entrypoint", "sh", IMAGE, "-c", script], {
    reject: false,
    stripFinalNewline: false,
  });
}

const engine = await engineOrSkip();

describe.skipIf(!engine)("words in nginx", () => {
  beforeAll(async () => {
    await execa("docker", ["build", "--quiet", "--tag", IMAGE, "-"], {
      input: renderTemplate("nginx/Dockerfile.debian.hbs", {}),
    });
  });
  afterAll(async () => {
    await execa("docker", ["image", "rm", IMAGE], { reject: false });
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  it("gives back every quoted value", async () => {
    const values = fc.sample(word, { numRuns: 400, seed: 7 });
    const conf = `pid /tmp/pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
  map_hash_bucket_size 256; map_hash_max_size 8192;
  geo $${DOLLAR} { default "$"; }
  map $arg_i $value { ${values.map((value, index) => `${index} ${quote(value)};`).join("\n")} }
  server { listen 127.0.0.1:8080; location / { return 200 $value; } }
}`;
    const script = `nginx -c /etc/nginx/plimsoll/nginx.conf && for i in $(seq 0 ${values.length - 1}); do curl -s "http://127.0.0.1:8080/?i=$i"; printf '\\036'; done`;
    const { stdout, stderr } = await run({ "nginx.conf": conf }, script);
    expect(stdout.split("\u001e").slice(0, -1), stderr).toEqual(values);
  });

  it("matches every literal, and nothing by pattern", async () => {
    const seen = new Set<string>();
    const words = fc.sample(word, { numRuns: 600, seed: 11 }).filter((text) => {
      try {
        literal(text);
      } catch {
        return false;
      }
      const key = text.toLowerCase();
      if (seen.has(key) || text !== text.trim() || /[^\x20-\x7e]/.test(text)) return false;
      seen.add(key);
      return true;
    });
    expect(words.length).toBeGreaterThan(100);
    const conf = `pid /tmp/pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
  map_hash_bucket_size 256; map_hash_max_size 8192;
  map $http_x_word $value { default none; ${words.map((text, index) => `${literal(text)} ${index};`).join("\n")} }
  server { listen 127.0.0.1:8080; location / { return 200 "$value\\n"; } }
}`;
    const headers = words.map((text, index) => [`h${index}`, `X-Word: ${text}`]);
    const script = `nginx -c /etc/nginx/plimsoll/nginx.conf && for i in $(seq 0 ${words.length - 1}); do curl -s -H "@/etc/nginx/plimsoll/h$i" http://127.0.0.1:8080/; done`;
    const { stdout, stderr } = await run({ "nginx.conf": conf, ...Object.fromEntries(headers) }, script);
    expect(stdout.trim().split("\n"), stderr).toEqual(words.map((_, index) => String(index)));
  });

  it("takes the whole configuration of every environment, with every option set", async () => {
    const options = {
      names: ["www.example.com"],
      trusted_proxies: ["10.0.0.0/8", "2400:cb00::/32"],
      client_address: "CF-Connecting-IP",
      cors: { origins: ["https://fkod.com", "http://localhost:5173"] },
      uploads: { paths: ["/files", "/a/b/"], body: "1GB" },
      headers: { content_security_policy: `"; return 200 'owned'; $host \${x} {{y}} \\` },
    };
    const routes = [
      { path: "/", upstream: "api", servers: [{ service: "api-1", port: 5000 }], health: "/healthz" },
      { path: "/live", upstream: "live", servers: [{ service: "live", port: 9000 }], health: "/health" },
    ];
    const pages = [
      { path: "/status", volume: "x", file: "x.html", type: "text/html", style: "status-page/page.css" },
    ] as const;
    for (const environment of ["local", "staging", "production"] as const) {
      for (const words of [{}, options, { rate: false, gzip: false }]) {
        const { rendered } = edgeFiles({ environment, options: words, routes, pages });
        const files = Object.fromEntries(
          Object.entries(rendered).map(([path, text]) => [path.slice("nginx/".length), text]),
        );
        const { exitCode, stderr } = await run(files, "sh /etc/nginx/plimsoll/start.sh -t");
        expect(exitCode, stderr).toBe(0);
        expect(stderr).not.toMatch(/\[(?:warn|error|emerg)\]/);
      }
    }
  });
});
