/**
 * The balancer and the meter of the edge, run by nginx (njs). Written for both of its engines, the older of which
 * knows neither for-of nor destructuring. It keeps nothing
 * between requests outside the shared dictionaries: `chosen` and `started` live from a request's choice to its log line.
 *
 * plimsoll_weights   number, kept on disk: "SERVER" weight 0..1000, ":GROUP:maintenance" 1
 * plimsoll_notes     string, kept on disk: "SERVER" release, ":GROUP:affinity" none | address | cookie
 * plimsoll_plans     string: a group's schedule, made from the above; first letter is the mode, the rest one letter a turn
 * plimsoll_turns     number: how many turns a group has given out. One counter for all workers makes a weight exact
 * plimsoll_suspects  number: servers that refused a connection, and when; asked for their health until they answer
 * plimsoll_cells     number: "SERVER|CODE|BUCKET" count * 2^32 + milliseconds, emptied into totals
 * plimsoll_totals    number: what /metrics shows
 */
const DEFAULT_WEIGHT = 100;
const MAX_WEIGHT = 1000;
const MAX_TURNS = 10000;
const FIRST_LETTER = 48;
const ONE = 4294967296;
/** Upper bounds in milliseconds; a last bucket holds the rest. */
const BOUNDS = [5, 10, 25, 50, 100, 200, 300, 500, 1000, 2500, 5000, 10000];
const NOT_REPEATABLE = ["POST", "PATCH", "LOCK"];
/** The upstream that says 503: no server may take requests. */
const NOBODY = "plimsoll_nobody";

let chosen = "";
let started = 0;

// ---- choosing ---------------------------------------------------------------------------------------------------

function first(r, group) {
  let plan = ngx.shared.plimsoll_plans.get(group.key);
  if (plan === undefined) plan = build(group);
  started = Date.now();
  if (plan[0] !== "r") return settle(unusual(r, group, plan));
  const turn = ngx.shared.plimsoll_turns.incr(group.name, 1);
  chosen = group.servers[plan.charCodeAt(1 + (turn % (plan.length - 1))) - FIRST_LETTER];
  return chosen;
}

/** Maintenance, nobody there, or visitors who are kept on one side. */
function unusual(r, group, plan) {
  if (plan.length < 2) return NOBODY;
  const turns = plan.length - 1;
  if (plan[0] === "a") return at(group, plan, hash(r.variables.remote_addr) % turns);
  const name = `plimsoll_${group.name}`;
  const kept = r.variables[`cookie_${name}`];
  const turn = ngx.shared.plimsoll_turns.incr(group.name, 1);
  if (kept) {
    for (let i = 0; i < turns; i++) {
      const server = at(group, plan, (turn + i) % turns);
      if (side(server) === kept) return server;
    }
  }
  const server = at(group, plan, turn % turns);
  r.variables.plimsoll_cookie = `${name}=${encodeURIComponent(side(server))}; Path=/; HttpOnly; SameSite=Lax`;
  return server;
}

function at(group, plan, turn) {
  return group.servers[plan.charCodeAt(1 + turn) - FIRST_LETTER];
}

/** What a visitor is kept on: the release, or the server where none is named. */
function side(server) {
  return ngx.shared.plimsoll_notes.get(server) || server;
}

function hash(text) {
  let sum = 2166136261;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 16777619) >>> 0;
  return sum;
}

/**
 * After a failure, on the way to another server: its name, or "502" / "504" where repeating could do a thing twice.
 * Nothing was sent where no connection came about; then any method may go elsewhere.
 */
function again(r, group, tried) {
  const last = tried[tried.length - 1];
  const sent = lastOf(r.variables.upstream_connect_time) !== "-";
  if (!sent) suspect(group, last);
  const status = lastOf(r.variables.upstream_status);
  const denied = status === "504" ? "504" : "502";
  if (sent && (status === "504" || NOT_REPEATABLE.includes(r.method))) return settle(last, denied);
  const willing = group.servers.filter((server) => weightOf(server) > 0 && !tried.includes(server));
  const healthy = willing.filter((server) => !ngx.shared.plimsoll_suspects.has(server));
  const others = healthy.length > 0 ? healthy : willing;
  if (last === NOBODY || others.length === 0) return settle(last, denied);
  count(ngx.shared.plimsoll_totals, `retry|${last}`, 1);
  started = Date.now();
  return settle(others[ngx.shared.plimsoll_turns.incr("again", 1) % others.length]);
}

/** Counts for the server, and says so to nginx: by its name, or by the status to answer with. */
function settle(server, answer) {
  chosen = server;
  return answer || server;
}

/** Of "0.001, 0.002 : 0.003": what the last attempt says. */
function lastOf(values) {
  if (!values) return "-";
  return values.split(/[,:] /).pop().trim();
}

// ---- the schedule -----------------------------------------------------------------------------------------------

function weightOf(server) {
  const weight = ngx.shared.plimsoll_weights.get(server);
  return weight === undefined ? DEFAULT_WEIGHT : weight;
}

function greatestDivisor(a, b) {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/** How many turns until the shares come out even. */
function turnsOf(weights) {
  const divisor = weights.reduce(greatestDivisor, 0) || 1;
  return weights.reduce((sum, weight) => sum + weight, 0) / divisor;
}

/** Smooth weighted round robin, written out for one whole turn: 45, 45, 10 gives 20 letters, two of them the third's. */
function turns(shares) {
  const all = shares.map((share) => ({ letter: share.letter, weight: share.weight, credit: 0 }));
  const total = all.reduce((sum, share) => sum + share.weight, 0);
  const length = turnsOf(all.map((share) => share.weight));
  let schedule = "";
  for (let i = 0; i < length; i++) {
    let best = null;
    for (let j = 0; j < all.length; j++) {
      all[j].credit += all[j].weight;
      if (best === null || all[j].credit > best.credit) best = all[j];
    }
    best.credit -= total;
    schedule += best.letter;
  }
  return schedule;
}

function build(group) {
  const suspects = ngx.shared.plimsoll_suspects;
  const all = group.servers
    .map((server, index) => ({
      server,
      weight: weightOf(server),
      letter: String.fromCharCode(FIRST_LETTER + index),
    }))
    .filter((share) => share.weight > 0);
  const healthy = all.filter((share) => !suspects.has(share.server));
  // Where all are suspected, suspicion says nothing: each is tried again, or one moment of trouble would be an outage.
  const plan = ngx.shared.plimsoll_weights.get(`:${group.name}:maintenance`)
    ? "m"
    : modeOf(group) + turns(healthy.length > 0 ? healthy : all);
  const shown = plan.length < 2 ? "m" : plan;
  if (ngx.shared.plimsoll_plans.get(group.key) !== shown) ngx.shared.plimsoll_plans.set(group.key, shown);
  return shown;
}

function affinityOf(group) {
  return ngx.shared.plimsoll_notes.get(`:${group.name}:affinity`) || "none";
}

function modeOf(group) {
  const affinity = affinityOf(group);
  return affinity === "address" ? "a" : affinity === "cookie" ? "c" : "r";
}

function suspect(group, server) {
  if (!group.servers.includes(server)) return;
  const fresh = !ngx.shared.plimsoll_suspects.has(server);
  ngx.shared.plimsoll_suspects.set(server, Date.now());
  if (fresh) {
    ngx.log(ngx.WARN, `plimsoll: ${server} refuses connections, its turns go to the others until it answers`);
    build(group);
  }
}

// ---- counting ---------------------------------------------------------------------------------------------------

/** Called once a request, when its log line is written. A meter that fails must not cost the line. */
function log(r) {
  try {
    const server = chosen || "edge";
    let took = Date.now() - started;
    // Up to the first bound the whole request was that quick; beyond it, a slow reader must not be the server's fault.
    if (took > BOUNDS[0] || started === 0) took = headerTime(r);
    let bucket = 0;
    while (bucket < BOUNDS.length && took > BOUNDS[bucket]) bucket++;
    ngx.shared.plimsoll_cells.incr(`${server}|${r.status}|${bucket}`, ONE + took);
  } catch (error) {
    ngx.log(ngx.ERR, `plimsoll: not counted: ${error.message}`);
  }
  chosen = "";
  started = 0;
  return "1";
}

/** Milliseconds until the server began its answer; where it never did, until nginx gave up. */
function headerTime(r) {
  const header = Number(lastOf(r.variables.upstream_header_time));
  if (header >= 0) return Math.round(header * 1000);
  const whole = Number(lastOf(r.variables.upstream_response_time));
  return whole >= 0 ? Math.round(whole * 1000) : 0;
}

function count(dict, key, by) {
  try {
    dict.incr(key, by);
  } catch (error) {
    ngx.log(ngx.ERR, `plimsoll: not counted: ${error.message}`);
  }
}

export default {
  affinityOf,
  again,
  BOUNDS,
  build,
  count,
  first,
  log,
  MAX_TURNS,
  MAX_WEIGHT,
  NOBODY,
  ONE,
  turnsOf,
  weightOf,
};
