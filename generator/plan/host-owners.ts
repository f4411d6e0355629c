/**
 * What in a Compose service gives the host away. Loosening a container's own walls (read_only: false, user, ports, a
 * harmless capability) is a person's own choice; this is refused, since no wall around the others would hold after it.
 */
import { posix } from "node:path";
import { isMap } from "../spec/merge.ts";
import { shortVolume } from "./merge-compose.ts";

type Words = Readonly<Record<string, unknown>>;
export type Report = (path: readonly string[], message: string, remedy?: string) => void;

const REMEDY =
  "Compose itself takes it, without plimsoll's word for it: docker compose -f compose.yaml -f yours.yaml up";

const NAMESPACES = ["pid", "ipc", "uts", "userns_mode", "cgroup", "network_mode"];

/** With one of these a container becomes root on its host, or reads what is not its own. */
const CAPABILITIES = new Set(
  "ALL SYS_ADMIN SYS_MODULE SYS_RAWIO SYS_PTRACE SYS_BOOT DAC_READ_SEARCH BPF PERFMON MAC_ADMIN MAC_OVERRIDE SYSLOG".split(
    " ",
  ),
);

/** Folders with an engine's socket or its data somewhere below them. */
const ABOVE_ENGINE =
  /^\/$|^\/(?:var\/)?run$|^\/var$|^\/var\/lib(?:\/docker|\/containerd)?$|^\/run\/containerd$/;
const SYSTEM = /^\/(?:bin|boot|dev|etc|lib|lib64|proc|root|sbin|sys|usr)(?:\/|$)/;

export function reportHostOwners(service: Words, report: Report): void {
  const refuse = (path: readonly string[], why: string) => report(path, `is refused: ${why}`, REMEDY);
  const fixed = (path: readonly string[], value: unknown) => {
    const varies = typeof value === "string" && value.replaceAll("$$", "").includes("$");
    if (varies) refuse(path, "a variable here could give the host away");
    return !varies;
  };
  const given = (word: string) => service[word] !== undefined && service[word] !== null;
  for (const word of ["privileged", "use_api_socket"]) {
    if (given(word) && String(service[word]) !== "false")
      refuse([word], word === "privileged" ? "a privileged container owns the host" : SOCKET);
  }
  for (const word of NAMESPACES) {
    const value = service[word];
    if (given(word) && fixed([word], value) && /^host$|^container:/.test(String(value)))
      refuse([word], `${String(value)} takes down the wall between container and host`);
  }
  for (const word of ["devices", "device_cgroup_rules", "cgroup_parent", "provider", "extends"]) {
    if (given(word)) refuse([word], WHY[word] as string);
  }
  for (const [index, value] of listOf(service.cap_add).entries()) {
    const path = ["cap_add", String(index)];
    if (fixed(path, value) && CAPABILITIES.has(String(value).toUpperCase().replace(/^CAP_/, "")))
      refuse(path, `who has ${String(value)} owns the host`);
  }
  for (const [index, value] of listOf(service.security_opt).entries()) {
    const path = ["security_opt", String(index)];
    if (fixed(path, value) && /unconfined|disable|no-new-privileges[:=]false/i.test(String(value)))
      refuse(path, `${String(value)} takes a wall down that every service has`);
  }
  for (const [index, mount] of listOf(service.volumes).entries()) {
    const { source, readOnly } = sourceOf(mount);
    const path = ["volumes", String(index)];
    if (fixed(path, source)) reportHostPath(path, source, readOnly, report);
  }
  for (const word of ["post_start", "pre_stop"]) {
    for (const [index, hook] of listOf(service[word]).entries()) {
      if (isMap(hook) && hook.privileged !== undefined && String(hook.privileged) !== "false")
        refuse([word, String(index), "privileged"], "a privileged process owns the host");
    }
  }
  const { build } = service;
  if (isMap(build) && (build.privileged !== undefined || build.entitlements !== undefined))
    refuse(["build"], "a privileged build owns the host");
}

/** A path of the host that a container would see, as a mount, a volume's device, or a secret's file. */
export function reportHostPath(
  path: readonly string[],
  source: unknown,
  readOnly: boolean,
  report: Report,
): void {
  if (typeof source !== "string") return;
  const full = posix.normalize(source).replace(/(?<=.)\/$/, "");
  if (/(?:docker|containerd|podman|crio)\.sock$/.test(full) || ABOVE_ENGINE.test(full))
    report(path, `is refused: ${SOCKET}`, REMEDY);
  else if (!readOnly && SYSTEM.test(full))
    report(
      path,
      `is refused: who writes ${full} owns the host`,
      "Mount it read-only: read_only: true, or :ro",
    );
}

const SOCKET = "who holds Docker's socket owns the host";
const WHY: Record<string, string> = {
  devices: "who holds a device of the host reads and writes past every wall",
  device_cgroup_rules: "who makes devices of the host reads and writes past every wall",
  cgroup_parent: "under another parent no limit of the budget holds",
  provider: "it runs a program of the host",
  extends: "what another file says is not checked here; write it out",
};

function sourceOf(mount: unknown): { source?: unknown; readOnly: boolean } {
  if (isMap(mount)) return { source: mount.source, readOnly: mount.read_only === true };
  return shortVolume(String(mount));
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
