/** What the edge tells and takes inside the stack: /metrics, /control, and the work of once a second (njs). */
import fs from "fs";
import make from "plimsoll.js";

const plimsoll = make();
const shared = ngx.shared;

// ---- once a second, in one worker -------------------------------------------------------------------------------

/** Asks the suspects for their health, and forgets what workers that are gone had in flight. */
async function tick(groups) {
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i];
    const away = group.servers.filter((server) => shared.plimsoll_suspects.has(server));
    for (let j = 0; j < away.length; j++) {
      // A spare without requests need not run: nobody asks it, and it begins anew when it is wanted.
      const idle = group.spares.includes(away[j]) && plimsoll.weightOf(group, away[j]) === 0;
      if (idle || (await answers(`http://${group.addresses[away[j]]}${group.health}`))) {
        shared.plimsoll_suspects.delete(away[j]);
        plimsoll.changed(group);
      }
    }
    plimsoll.build(group);
  }
  empty();
  forget();
}

/** A worker's requests end with it, also where it crashed and none was logged. */
function forget() {
  const alive = {};
  shared.plimsoll_flight.keys(65536).forEach((key) => {
    const pid = key.split("|")[1];
    if (alive[pid] === undefined) alive[pid] = isAlive(pid);
    if (!alive[pid]) shared.plimsoll_flight.delete(key);
  });
}

function isAlive(pid) {
  try {
    fs.accessSync(`/proc/${pid}/stat`);
    return true;
  } catch (_) {
    return false;
  }
}

/** Requests that each server has and that have not ended, over all workers, those that a reload replaced included. */
function inFlight() {
  const counts = {};
  shared.plimsoll_flight.keys(65536).forEach((key) => {
    const server = key.split("|")[0];
    counts[server] = (counts[server] || 0) + (shared.plimsoll_flight.get(key) || 0);
  });
  return counts;
}

async function answers(url) {
  try {
    return (await ngx.fetch(url)).status < 500;
  } catch (_) {
    return false;
  }
}

// ---- metrics ----------------------------------------------------------------------------------------------------

/** Moves the cells into the totals. What is added meanwhile stays in its cell: nothing is lost or counted twice. */
function empty() {
  const cells = shared.plimsoll_cells;
  const totals = shared.plimsoll_totals;
  cells.keys(65536).forEach((key) => {
    const packed = cells.get(key);
    if (!packed) return;
    cells.incr(key, -packed);
    const requests = Math.floor(packed / plimsoll.ONE);
    const parts = key.split("|");
    const server = parts[0];
    totals.incr(`code|${server}|${parts[1]}`, requests);
    // What the edge answered by itself (429, 413, a preflight) says nothing about a server's speed.
    if (server === "edge" || server === plimsoll.NOBODY) return;
    totals.incr(`bucket|${server}|${parts[2]}`, requests);
    totals.incr(`sum|${server}`, packed - requests * plimsoll.ONE);
  });
}

function metrics(r, groups) {
  empty();
  const totals = shared.plimsoll_totals;
  const lines = {
    codes: [],
    buckets: [],
    retries: [],
    weights: [],
    flights: [],
    suspects: [],
    releases: [],
    maintenance: [],
  };
  const seen = {};
  const flying = inFlight();
  totals.keys(65536).forEach((key) => {
    const parts = key.split("|");
    const of = `server="${parts[1]}"`;
    if (parts[0] === "code") lines.codes.push(`{${of},code="${parts[2]}"} ${totals.get(key)}`);
    else if (parts[0] === "retry") lines.retries.push(`{${of}} ${totals.get(key)}`);
    else seen[parts[1]] = true;
  });
  Object.keys(seen)
    .sort()
    .forEach((server) => {
      histogram(lines.buckets, totals, server);
    });
  groups.forEach((group) => {
    lines.maintenance.push(`{group="${group.name}"} ${plimsoll.isInMaintenance(group) ? 1 : 0}`);
    group.servers.forEach((server) => {
      // A spare at rest is no drained server, which would be worth an alert.
      if (group.spares.includes(server) && plimsoll.weightOf(group, server) === 0 && !flying[server]) return;
      const of = `server="${server}",group="${group.name}"`;
      const release = shared.plimsoll_notes.get(server);
      lines.weights.push(`{${of}} ${plimsoll.weightOf(group, server)}`);
      lines.flights.push(`{${of}} ${flying[server] || 0}`);
      lines.suspects.push(`{${of}} ${shared.plimsoll_suspects.has(server) ? 1 : 0}`);
      if (release) lines.releases.push(`{${of},release="${release}"} 1`);
    });
  });
  const connections = ["active", "reading", "writing", "waiting"].map(
    (state) => `{state="${state}"} ${r.variables[`connections_${state}`]}`,
  );
  r.headersOut["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8";
  r.return(
    200,
    [
      family("requests_total", "counter", "Requests by answering server and status.", lines.codes.sort()),
      family("request_duration_seconds", "histogram", "Until the server began its answer.", lines.buckets),
      family("upstream_retries_total", "counter", "Failed here, repeated elsewhere.", lines.retries.sort()),
      family("server_weight", "gauge", "Share of the turns; 0 is drained.", lines.weights),
      family("in_flight", "gauge", "Requests it was given that have not ended.", lines.flights),
      family("server_suspected", "gauge", "1 while it refuses connections.", lines.suspects),
      family("server_release", "gauge", "The release it runs, as the operator says.", lines.releases),
      family("maintenance", "gauge", "1 while the group answers 503 on purpose.", lines.maintenance),
      family("connections", "gauge", "Connections of clients by state.", connections),
    ].join(""),
  );
}

function histogram(lines, totals, server) {
  let sum = 0;
  for (let bucket = 0; bucket <= plimsoll.BOUNDS.length; bucket++) {
    sum += totals.get(`bucket|${server}|${bucket}`) || 0;
    const bound = bucket < plimsoll.BOUNDS.length ? plimsoll.BOUNDS[bucket] / 1000 : "+Inf";
    lines.push(`_bucket{server="${server}",le="${bound}"} ${sum}`);
  }
  lines.push(`_sum{server="${server}"} ${(totals.get(`sum|${server}`) || 0) / 1000}`);
  lines.push(`_count{server="${server}"} ${sum}`);
}

function family(name, type, help, lines) {
  if (lines.length === 0) return "";
  const full = `plimsoll_edge_${name}`;
  const text = lines.map((line) => `${full}${line}\n`).join("");
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${text}`;
}

// ---- control ----------------------------------------------------------------------------------------------------

/**
 * GET /control: all groups. GET and PATCH /control/GROUP: one. A change is taken whole or not at all.
 * With ?format=text in lines that a shell can read: `# GROUP maintenance affinity turns`, then for each server
 * `SERVER weight in_flight suspected release address`; `-` where no release is named.
 */
function control(r, groups) {
  const name = r.uri.replace(/^\/control\/?/, "");
  if (name === "") {
    if (r.method !== "GET") return answer(r, 405, { error: "expected GET, or PATCH /control/GROUP" });
    const all = {};
    groups.forEach((each) => {
      all[each.name] = show(each);
    });
    return shown(r, all);
  }
  const group = groups.find((each) => each.name === name);
  if (!group) return answer(r, 404, { error: `no group ${name}`, groups: groups.map((each) => each.name) });
  if (r.method === "GET") return shown(r, show(group), name);
  if (r.method !== "PATCH") return answer(r, 405, { error: "expected GET or PATCH" });
  let change;
  try {
    change = JSON.parse(r.requestText);
  } catch (_) {
    return answer(r, 400, { error: "expected a JSON object" });
  }
  const faults = faultsOf(group, change);
  if (faults.length > 0) return answer(r, 422, { error: faults.join("; ") });
  apply(group, change);
  return shown(r, show(group), name);
}

function answer(r, status, body) {
  r.headersOut["Content-Type"] = "application/json";
  r.return(status, `${JSON.stringify(body)}\n`);
}

function shown(r, body, name) {
  if (r.args.format !== "text") return answer(r, 200, body);
  const groups = {};
  if (name) groups[name] = body;
  r.headersOut["Content-Type"] = "text/plain; charset=utf-8";
  r.return(200, text(name ? groups : body));
}

function text(groups) {
  let lines = "";
  Object.keys(groups).forEach((name) => {
    const group = groups[name];
    lines += `# ${name} ${group.maintenance ? "on" : "off"} ${group.affinity} ${group.turns}\n`;
    Object.keys(group.servers).forEach((server) => {
      const of = group.servers[server];
      const words = [server, of.weight, of.in_flight, of.suspected ? 1 : 0, of.release || "-", of.address];
      lines += `${words.join(" ")}\n`;
    });
  });
  return lines;
}

function show(group) {
  const servers = {};
  const flying = inFlight();
  group.servers.forEach((server) => {
    servers[server] = {
      address: group.addresses[server],
      weight: plimsoll.weightOf(group, server),
      in_flight: flying[server] || 0,
      release: shared.plimsoll_notes.get(server) || null,
      suspected: shared.plimsoll_suspects.has(server),
    };
  });
  return {
    maintenance: plimsoll.isInMaintenance(group),
    affinity: plimsoll.affinityOf(group),
    turns: plimsoll.build(group).length - 1,
    servers,
  };
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWeight(value) {
  return Number.isInteger(value) && value >= 0 && value <= plimsoll.MAX_WEIGHT;
}

function isRelease(value) {
  return typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value);
}

function faultsOf(group, change) {
  if (!isObject(change)) return ["expected a JSON object"];
  const faults = [];
  Object.keys(change).forEach((key) => {
    if (!["weights", "releases", "affinity", "maintenance"].includes(key)) faults.push(`unknown key ${key}`);
  });
  const each = (key, test, expected) => {
    const given = change[key];
    if (given === undefined) return;
    if (!isObject(given)) {
      faults.push(`${key}: expected an object by server`);
      return;
    }
    Object.keys(given).forEach((server) => {
      if (!group.servers.includes(server)) faults.push(`${key}: no server ${server} in ${group.name}`);
      else if (!test(given[server])) faults.push(`${key}: ${server}: expected ${expected}`);
    });
  };
  each("weights", isWeight, `a whole number from 0 to ${plimsoll.MAX_WEIGHT}`);
  each("releases", isRelease, "letters, digits, dots and hyphens, at most 64");
  if (change.affinity !== undefined && !["none", "address", "cookie"].includes(change.affinity)) {
    faults.push("affinity: expected none, address or cookie");
  }
  if (change.maintenance !== undefined && typeof change.maintenance !== "boolean") {
    faults.push("maintenance: expected true or false");
  }
  if (faults.length === 0 && change.weights) {
    const turns = plimsoll.turnsOf(
      group.servers.map((server) => change.weights[server] ?? plimsoll.weightOf(group, server)),
    );
    if (turns > plimsoll.MAX_TURNS) {
      faults.push(`weights: ${turns} turns until they come out even, at most ${plimsoll.MAX_TURNS} fit`);
    }
  }
  return faults;
}

function apply(group, change) {
  Object.keys(change.weights || {}).forEach((server) => {
    shared.plimsoll_weights.set(server, change.weights[server]);
  });
  Object.keys(change.releases || {}).forEach((server) => {
    shared.plimsoll_notes.set(server, change.releases[server]);
  });
  if (change.affinity !== undefined) {
    shared.plimsoll_notes.set(`:${group.name}:affinity`, change.affinity);
  }
  if (change.maintenance !== undefined) {
    shared.plimsoll_weights.set(`:${group.name}:maintenance`, change.maintenance ? 1 : 0);
  }
  plimsoll.changed(group);
}

export default { tick, metrics, control };
