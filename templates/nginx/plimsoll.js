/**
 * The balancer's rarer work and its schedule, run by nginx (njs). Written for both of its engines, the older of which
 * knows neither for-of nor destructuring. One function that makes the rest when called: see edge.js.
 *
 * Nothing is kept between requests outside the shared dictionaries:
 *
 * plimsoll_weights   number, kept on disk: "SERVER" weight 0..1000, ":GROUP:maintenance" 1
 * plimsoll_notes     string, kept on disk: "SERVER" release, ":GROUP:affinity" none | address | cookie
 * plimsoll_plans     string: a group's schedule, made from the above; first letter is the mode, the rest one letter a turn
 * plimsoll_turns     number: how many turns a group has given out. One counter for all workers makes a weight exact
 * plimsoll_flight    number: "SERVER|PID" requests that a worker gave to a server and that have not ended
 * plimsoll_suspects  number: servers that refused a connection, and when; asked for their health until they answer
 * plimsoll_cells     number: "SERVER|CODE|BUCKET" count * 2^32 + milliseconds, emptied into totals
 * plimsoll_totals    number: what /metrics shows
 */
export default function plimsoll() {
  /** A spare has none until it is given one. */
  const DEFAULT_WEIGHT = 100;
  const FIRST_LETTER = 48;
  const ONE = 4294967296;
  /** Upper bounds in milliseconds; a last bucket holds the rest. */
  const BOUNDS = [5, 10, 25, 50, 100, 200, 300, 500, 1000, 2500, 5000, 10000];
  const NOT_REPEATABLE = ["POST", "PATCH", "LOCK"];
  /** The upstream that says 503: no server may take requests. */
  const NOBODY = "plimsoll_nobody";
  const shared = ngx.shared;

  // ---- choosing ---------------------------------------------------------------------------------------------------

  /** No schedule yet, maintenance, nobody there, or visitors who are kept on one side. */
  function unusual(r, group, known) {
    const plan = known === undefined ? build(group) : known;
    const turns = plan.length - 1;
    if (turns < 1) return NOBODY;
    const at = (turn) => group.servers[plan.charCodeAt(1 + (turn % turns)) - FIRST_LETTER];
    if (plan[0] === "a") return at(hash(r.variables.remote_addr));
    const turn = shared.plimsoll_turns.incr(group.name, 1);
    if (plan[0] === "r") return at(turn);
    const name = `plimsoll_${group.name}`;
    const kept = r.variables[`cookie_${name}`];
    for (let i = 0; kept && i < turns; i++) {
      if (side(at(turn + i)) === kept) return at(turn + i);
    }
    r.variables.plimsoll_cookie = `${name}=${side(at(turn))}; Path=/; HttpOnly; SameSite=Lax`;
    return at(turn);
  }

  /** What a visitor is kept on: the release, or the server where none is named. */
  function side(server) {
    return shared.plimsoll_notes.get(server) || server;
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
  function again(r, group, index) {
    const tried = [r.variables[`plimsoll_first_${index}`]];
    if (r.variables.plimsoll_second !== "") tried.push(r.variables.plimsoll_second);
    const last = tried[tried.length - 1];
    const sent = lastOf(r.variables.upstream_connect_time) !== "-";
    const status = lastOf(r.variables.upstream_status);
    const denied = { server: last, answer: status === "504" ? "504" : "502" };
    if (last === NOBODY) return denied;
    if (!sent) suspect(group, last);
    if (sent && (status === "504" || NOT_REPEATABLE.includes(r.method))) return denied;
    const willing = group.servers.filter((server) => weightOf(group, server) > 0 && !tried.includes(server));
    const healthy = willing.filter((server) => !shared.plimsoll_suspects.has(server));
    const others = healthy.length > 0 ? healthy : willing;
    // The only server: once more, since it may have closed a kept-alive connection at just that moment.
    if (others.length === 0 && sent && tried.length === 1) others.push(last);
    if (others.length === 0) return denied;
    shared.plimsoll_totals.incr(`retry|${last}`, 1);
    const server = others[shared.plimsoll_turns.incr(":again", 1) % others.length];
    if (tried.length === 1) r.variables.plimsoll_second = server;
    // What failed here has ended here, though the request goes on.
    shared.plimsoll_flight.incr(`${last}|${process.pid}`, -1);
    shared.plimsoll_flight.incr(`${server}|${process.pid}`, 1);
    return { server, answer: server };
  }

  /** Of "0.001, 0.002 : 0.003": what the last attempt says. */
  function lastOf(values) {
    if (!values) return "-";
    return values.split(/[,:] /).pop().trim();
  }

  // ---- the schedule -----------------------------------------------------------------------------------------------

  function weightOf(group, server) {
    const weight = shared.plimsoll_weights.get(server);
    if (weight !== undefined) return weight;
    return group.spares.includes(server) ? 0 : DEFAULT_WEIGHT;
  }

  function affinityOf(group) {
    return shared.plimsoll_notes.get(`:${group.name}:affinity`) || "none";
  }

  function isInMaintenance(group) {
    return Boolean(shared.plimsoll_weights.get(`:${group.name}:maintenance`));
  }

  function greatestDivisor(a, b) {
    return b === 0 ? a : greatestDivisor(b, a % b);
  }

  /** How many turns until the weights come out even. */
  function turnsOf(weights) {
    const divisor = weights.reduce((a, b) => greatestDivisor(a, b), 0) || 1;
    return weights.reduce((sum, weight) => sum + weight, 0) / divisor;
  }

  /** Smooth weighted round robin, written out: 45, 45, 10 gives 20 letters, two of them the third's. */
  function schedule(shares) {
    const total = shares.reduce((sum, share) => sum + share.weight, 0);
    const length = turnsOf(shares.map((share) => share.weight));
    let letters = "";
    for (let i = 0; i < length; i++) {
      let best = shares[0];
      for (let j = 0; j < shares.length; j++) {
        shares[j].credit += shares[j].weight;
        if (shares[j].credit > best.credit) best = shares[j];
      }
      best.credit -= total;
      letters += best.letter;
    }
    return letters;
  }

  /** After every change of what a schedule is made from. */
  function changed(group) {
    shared.plimsoll_turns.incr(":changes", 1);
    return build(group);
  }

  /** Made again where something changed meanwhile: or the older of two would stand, and a drained server get requests. */
  function build(group) {
    let plan;
    let changes;
    do {
      changes = shared.plimsoll_turns.get(":changes");
      plan = planOf(group);
      if (shared.plimsoll_plans.get(group.key) !== plan) shared.plimsoll_plans.set(group.key, plan);
    } while (shared.plimsoll_turns.get(":changes") !== changes);
    return plan;
  }

  function planOf(group) {
    const all = group.servers
      .map((server, index) => ({
        server,
        weight: weightOf(group, server),
        letter: String.fromCharCode(FIRST_LETTER + index),
        credit: 0,
      }))
      .filter((share) => share.weight > 0);
    // Where all are suspected, suspicion says nothing: each is tried again, or one moment of trouble would be an outage.
    const healthy = all.filter((share) => !shared.plimsoll_suspects.has(share.server));
    const affinity = affinityOf(group);
    const mode = affinity === "address" ? "a" : affinity === "cookie" ? "c" : "r";
    const open = all.length > 0 && !isInMaintenance(group);
    return open ? mode + schedule(healthy.length > 0 ? healthy : all) : "m";
  }

  function suspect(group, server) {
    const fresh = !shared.plimsoll_suspects.has(server);
    shared.plimsoll_suspects.set(server, Date.now());
    if (!fresh) return;
    ngx.log(ngx.WARN, `plimsoll: ${server} refuses connections, its turns go to the others until it answers`);
    changed(group);
  }

  // ---- counting ---------------------------------------------------------------------------------------------------

  /** A request of more than 100 ms: until the server began its answer, so that a slow reader is not its fault. */
  function slow(r, chosen) {
    const took = headerTime(r);
    let bucket = 0;
    while (bucket < BOUNDS.length && took > BOUNDS[bucket]) bucket++;
    shared.plimsoll_cells.incr(`${chosen}|${r.status}|${bucket}`, ONE + took);
  }

  /** Milliseconds; where an answer never began, until nginx gave up. */
  function headerTime(r) {
    const header = Number(lastOf(r.variables.upstream_header_time));
    if (header >= 0) return Math.round(header * 1000);
    const whole = Number(lastOf(r.variables.upstream_response_time));
    return whole >= 0 ? Math.round(whole * 1000) : 0;
  }

  return {
    affinityOf,
    again,
    BOUNDS,
    build,
    changed,
    isInMaintenance,
    MAX_TURNS: 10000,
    MAX_WEIGHT: 1000,
    NOBODY,
    ONE,
    slow,
    turnsOf,
    unusual,
    weightOf,
  };
}
