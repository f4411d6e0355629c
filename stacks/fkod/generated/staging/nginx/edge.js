import rest from "plimsoll.js";

// Runs for every request, and njs makes everything in this file anew for each: so it holds next to nothing. All that
// is not needed every time waits inside the one function that plimsoll.js is.
let chosen = "";
let started = 0;
let flight = "";

function first_0(r) {
  started = Date.now();
  const plan = ngx.shared.plimsoll_plans.get("api api-1 api-2 api-3 api-spare");
  if (plan === undefined || plan.charCodeAt(0) !== 114) {
    chosen = rest().unusual(r, {"name":"api","key":"api api-1 api-2 api-3 api-spare","servers":["api-1","api-2","api-3","api-spare"],"spares":["api-spare"],"addresses":{"api-1":"api-1:5000","api-2":"api-2:5001","api-3":"api-3:5002","api-spare":"api-spare:4999"},"health":"/health"}, plan);
  } else {
    const turn = ngx.shared.plimsoll_turns.incr("api", 1);
    chosen = ["api-1","api-2","api-3","api-spare"][plan.charCodeAt(1 + (turn % (plan.length - 1))) - 48];
  }
  flight = `${chosen}|${process.pid}`;
  ngx.shared.plimsoll_flight.incr(flight, 1);
  return chosen;
}
function again_0(r) {
  started = Date.now();
  const next = rest().again(r, {"name":"api","key":"api api-1 api-2 api-3 api-spare","servers":["api-1","api-2","api-3","api-spare"],"spares":["api-spare"],"addresses":{"api-1":"api-1:5000","api-2":"api-2:5001","api-3":"api-3:5002","api-spare":"api-spare:4999"},"health":"/health"}, 0);
  chosen = next.server;
  return next.answer;
}
// Up to 100 ms counts the whole request. Beyond, in plimsoll.js, the time until the server began its answer, so that a
// slow reader is not the server's fault. What the edge answered by itself (429, a preflight) is quick and cheap.
function log(r) {
  try {
    // nginx forgets what is in this file on an internal redirect (X-Accel-Redirect), but not whom it asked.
    if (chosen === "") chosen = r.variables.plimsoll_asked || "";
    if (chosen !== "") ngx.shared.plimsoll_flight.incr(flight || `${chosen}|${process.pid}`, -1);
    const took = chosen === "" ? 0 : Date.now() - started;
    if (took <= 100) {
      const bucket = took <= 5 ? 0 : took <= 10 ? 1 : took <= 25 ? 2 : took <= 50 ? 3 : 4;
      ngx.shared.plimsoll_cells.incr(`${chosen || "edge"}|${r.status}|${bucket}`, 4294967296 + took);
    } else {
      rest().slow(r, chosen);
    }
  } catch (error) {
    ngx.log(ngx.ERR, `plimsoll: not counted: ${error.message}`);
  }
  chosen = "";
  return "1";
}

export default { first_0, again_0, log };
