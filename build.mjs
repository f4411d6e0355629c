/** `npm run build`: the command line in one bundle that starts fast, its templates compiled beforehand. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import Handlebars from "handlebars";

/** Takes the place of generator/render/compiled.ts; the same options, the same result. */
function precompiled() {
  const files = readdirSync("templates", { recursive: true }).filter((path) => path.endsWith(".hbs"));
  const entries = files.sort().map((path) => {
    const text = readFileSync(join("templates", path), "utf8");
    return `${JSON.stringify(path)}: ${Handlebars.precompile(text, { strict: true, noEscape: true })}`;
  });
  return `import Handlebars from "handlebars/runtime.js";
const templates = {\n${entries.join(",\n")}\n};
export function compiledTemplate(path) {
  return Handlebars.template(templates[path]);
}`;
}

/** Tests build one of their own: `dist` may be in use. */
const outdir = process.argv[2] ?? "dist";
rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: ["cli/main.ts"],
  outdir,
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node20",
  format: "esm",
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: "warning",
  // Its native parts cannot be bundled; loaded only by the commands that speak to an engine.
  external: ["dockerode"],
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
  plugins: [
    {
      name: "precompiled templates",
      setup(plugins) {
        plugins.onLoad({ filter: /generator\/render\/compiled\.ts$/ }, () => ({
          contents: precompiled(),
          loader: "js",
          resolveDir: process.cwd(),
        }));
      },
    },
  ],
});
