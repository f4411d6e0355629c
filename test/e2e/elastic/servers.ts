/**
 * Real Elasticsearch from Maven Central, where it is at hand. Two, since no one distribution there holds all:
 * - 8.19, stripped (`integ-test-zip`): security, templates, data streams, snapshots;
 *   no ingest processors, no lifecycle service, no SLM.
 * - 7.10 with the open modules of that version: the ingest processors and Painless.
 */
import { spawnSync } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa, type ResultPromise } from "execa";

const STRIPPED = "8.19.21";
const OPEN = "7.10.2";
const DISTRIBUTION = "org.elasticsearch.distribution.integ-test-zip:elasticsearch";
const MODULES = "org.codelibs.elasticsearch.module";
const LIBRARIES = "org.codelibs.elasticsearch.lib";
const INGEST = [
  `${MODULES}:ingest-common:${OPEN}`,
  `${LIBRARIES}:dissect:${OPEN}`,
  `${LIBRARIES}:grok:${OPEN}`,
  "org.jruby.jcodings:jcodings:1.0.44",
  "org.jruby.joni:joni:2.1.29",
];
const PAINLESS = [
  `${MODULES}:lang-painless:${OPEN}`,
  `${MODULES}:scripting-painless-spi:${OPEN}`,
  "org.antlr:antlr4-runtime:4.5.3",
  ...["asm", "asm-analysis", "asm-commons", "asm-tree", "asm-util"].map((name) => `org.ow2.asm:${name}:7.2`),
];

export type Server = { url: string; stop(): Promise<void> };
export type Servers = { folder: string; java: number };

/** What is missing on this machine, in words; undefined where all is there. Downloads some 140 MB the first time. */
export async function prepare(): Promise<Servers | string> {
  for (const tool of ["mvn", "java", "javac", "unzip", "curl"]) {
    if (spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0) return `${tool} is not installed`;
  }
  const java = Number(
    /version "(\d+)/.exec(spawnSync("java", ["-version"], { encoding: "utf8" }).stderr)?.[1] ?? 0,
  );
  if (java < 17 || java > 23)
    return `Java is ${java}; Elasticsearch ${OPEN} and ${STRIPPED} both run on 17 to 23`;
  const folder = await mkdtemp(join(tmpdir(), "plimsoll-elastic-"));
  await chmod(folder, 0o755);
  await writeFile(join(folder, "pom.xml"), pom(folder));
  const fetched = await execa("mvn", ["-q", "-B", "-f", join(folder, "pom.xml"), "dependency:copy"], {
    reject: false,
    all: true,
    timeout: 600_000,
  });
  if (fetched.exitCode !== 0) {
    await rm(folder, { recursive: true, force: true });
    return `Maven Central did not answer: ${fetched.all.split("\n").find((line) => line.includes("ERROR"))}`;
  }
  for (const version of [STRIPPED, OPEN]) {
    await execa("unzip", ["-q", join(folder, `zip/elasticsearch-${version}.zip`), "-d", folder]);
  }
  await addModule(
    folder,
    "ingest-common",
    "org.elasticsearch.ingest.common.IngestCommonPlugin",
    "lang-painless",
  );
  await addModule(folder, "lang-painless", "org.elasticsearch.painless.PainlessPlugin", "");
  await writeFile(
    join(folder, `elasticsearch-${OPEN}/modules/lang-painless/plugin-security.policy`),
    'grant { permission java.lang.RuntimePermission "createClassLoader"; permission java.lang.RuntimePermission "getClassLoader"; };\n',
  );
  await addPlugin(folder, "missing-analysis", "MissingAnalysis");
  await addPlugin(folder, "missing-data-streams", "MissingDataStreams");
  return { folder, java };
}

function pom(folder: string): string {
  const item = (coordinate: string, type: string, to: string) => {
    const [group, artifact, version] = coordinate.split(":");
    return `<artifactItem><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version><type>${type}</type><outputDirectory>${folder}/${to}</outputDirectory></artifactItem>`;
  };
  const items = [
    item(`${DISTRIBUTION}:${STRIPPED}`, "zip", "zip"),
    item(`${DISTRIBUTION}:${OPEN}`, "zip", "zip"),
    ...INGEST.map((coordinate) => item(coordinate, "jar", "ingest-common")),
    ...PAINLESS.map((coordinate) => item(coordinate, "jar", "lang-painless")),
  ];
  return `<project><modelVersion>4.0.0</modelVersion><groupId>test</groupId><artifactId>test</artifactId><version>1</version><packaging>pom</packaging><build><plugins><plugin><artifactId>maven-dependency-plugin</artifactId><configuration><artifactItems>${items.join("")}</artifactItems></configuration></plugin></plugins></build></project>`;
}

async function addModule(folder: string, name: string, main: string, extended: string) {
  const target = join(folder, `elasticsearch-${OPEN}/modules/${name}`);
  await cp(join(folder, name), target, { recursive: true });
  await writeFile(join(target, "plugin-descriptor.properties"), descriptor(name, main, OPEN, extended));
}

function descriptor(name: string, main: string, version: string, extended?: string): string {
  return [
    `name=${name}`,
    `description=${name}`,
    `version=${version}`,
    `classname=${main}`,
    `java.version=${version === OPEN ? "1.8" : "17"}`,
    `elasticsearch.version=${version}`,
    ...(extended === undefined ? [] : [`extended.plugins=${extended}`, "has.native.controller=false"]),
    "",
  ].join("\n");
}

/** A plugin of the tests, compiled against the server itself. @param main file and class, as name-like-this is the plugin */
async function addPlugin(folder: string, name: string, main: string) {
  const home = join(folder, `elasticsearch-${STRIPPED}`);
  const target = join(home, "plugins", name);
  const classes = join(folder, "classes", name);
  await mkdir(target, { recursive: true });
  await execa("javac", ["-cp", `${home}/lib/*`, "-d", classes, join(import.meta.dirname, `${main}.java`)]);
  await execa("jar", ["--create", "--file", join(target, `${name}.jar`), "-C", classes, "."]);
  await writeFile(join(target, "plugin-descriptor.properties"), descriptor(name, main, STRIPPED));
}

/** Elasticsearch refuses to run as root. */
function asOther(command: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command[0] as string, command.slice(1)];
  return ["setpriv", ["--reuid=1000", "--regid=1000", "--clear-groups", ...command]];
}

async function start(
  home: string,
  port: number,
  environment: Record<string, string>,
  settings: Record<string, string>,
): Promise<Server> {
  if (process.getuid?.() === 0) await execa("chown", ["-R", "1000:1000", home]);
  const options = Object.entries({
    "discovery.type": "single-node",
    "http.port": String(port),
    "transport.port": String(port + 1),
    // The machine's disk may be full of images: not what is tested here.
    "cluster.routing.allocation.disk.threshold_enabled": "false",
    ...settings,
  }).map(([key, value]) => `-E${key}=${value}`);
  const [command, words] = asOther([join(home, "bin/elasticsearch"), ...options]);
  const log: string[] = [];
  const child: ResultPromise = execa(command, words, {
    env: { ES_JAVA_OPTS: "-Xms400m -Xmx400m", ...environment },
    reject: false,
    all: true,
    buffer: false,
  });
  child.all?.on("data", (chunk: Buffer) => log.push(String(chunk)));
  let ended = false;
  void child.then(() => {
    ended = true;
  });
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + 180_000;
  while (
    !(await fetch(`${url}/_cluster/health`).then(
      () => true,
      () => false,
    ))
  ) {
    if (ended || Date.now() > deadline)
      throw new Error(`Elasticsearch did not start:\n${log.join("").slice(-3000)}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return {
    url,
    async stop() {
      child.kill("SIGTERM");
      await child;
    },
  };
}

/** 7.10: the ingest processors. */
export async function startOpen({ folder, java }: Servers, port: number): Promise<Server> {
  // Java 18 and later forbid the security manager unless told.
  const manager = java >= 18 ? " -Djava.security.manager=allow" : "";
  return start(
    join(folder, `elasticsearch-${OPEN}`),
    port,
    { JAVA_HOME: await javaHome(), ES_JAVA_OPTS: `-Xms400m -Xmx400m${manager}` },
    {},
  );
}

/** 8.19 with security on, and our own elasticsearch.yml but for what names a container. */
export async function startStripped(
  { folder }: Servers,
  port: number,
  password: string,
  settings: Record<string, string>,
): Promise<Server> {
  const home = join(folder, `elasticsearch-${STRIPPED}`);
  const environment = { ES_JAVA_HOME: await javaHome() };
  const keystore = join(home, "bin/elasticsearch-keystore");
  await rm(join(home, "config/elasticsearch.keystore"), { force: true });
  await execa(keystore, ["create"], { env: environment });
  await execa(keystore, ["add", "--stdin", "--force", "bootstrap.password"], {
    env: environment,
    input: password,
  });
  return start(home, port, environment, settings);
}

async function javaHome(): Promise<string> {
  const { stdout } = await execa("sh", ["-c", "command -v java"]);
  return dirname(dirname(await realpath(stdout)));
}
