/** Certificates: how long the one in use still lives, and whether asking for the next one works. */
import { board } from "../library/board.ts";
import { lines, number, strips } from "../library/panels.ts";
import { objective, query } from "../library/words.ts";

const figure = (name: string) => `max(plimsoll_certificate_${name})`;
const LEFT = `${figure("not_after_timestamp_seconds")} - time()`;
const LIFETIME = `(${figure("not_after_timestamp_seconds")} - ${figure("not_before_timestamp_seconds")})`;

export function certificates() {
  return board({
    stem: "certificates",
    title: "Certificates",
    description:
      "The certificate for HTTPS: when it ends, who gave it, and how asking for the next one goes.",
    from: "now-30d",
    sections: {
      Now: [
        number({
          title: "Ends in",
          description: "Time until the newest certificate ends. It is renewed with a third of its life left.",
          unit: "s",
          none: "no certificate",
          queries: [query(LEFT, "left")],
        }),
        number({
          title: "Life left",
          description:
            "The same as a share of its whole life. Renewal is due at a third, of short-lived ones at half.",
          unit: "percentunit",
          limits: { warnBelow: 0.25, below: 0.125 },
          none: "no certificate",
          queries: [query(`(${LEFT}) / ${LIFETIME}`, "left")],
        }),
        number({
          title: "Self-signed",
          description:
            "Yes where no authority gave the certificate: browsers refuse it. So every stack begins.",
          unit: "none",
          limits: { above: 1 },
          called: { "0": "no", "1": "yes" },
          queries: [query(figure("self_signed"), "self-signed")],
        }),
        number({
          title: "Failures",
          description: "Tries that failed since one succeeded. The sidecar's log has the authority's words.",
          unit: "none",
          limits: { warnAbove: 1, above: 3 },
          queries: [query(figure("failures"), "failures")],
        }),
        number({
          title: "Last given",
          description: "Time since the authority gave a certificate.",
          unit: "s",
          none: "never",
          queries: [query(`time() - (${figure("last_success_timestamp_seconds")} > 0)`, "since")],
        }),
        number({
          title: "nginx behind",
          description:
            "How much earlier the certificate that nginx shows ends than the newest one: 0 where it shows that.",
          unit: "s",
          limits: { above: 3600 },
          none: "not probed",
          queries: [
            query(
              `${figure("not_after_timestamp_seconds")} - on () max(probe_ssl_earliest_cert_expiry{job="probe", instance="edge"})`,
              "behind",
            ),
          ],
        }),
      ],
      "Over time": [
        lines({
          title: "Left to live",
          description: "A saw: it rises with each renewal. A line that falls through the dashed one warns.",
          unit: "suffix:days",
          queries: [
            query(`(${LEFT}) / 86400`, "left"),
            objective(`clamp_max(${LIFETIME} / 4, 14 * 86400) / 86400`, "warns at"),
          ],
        }),
        strips({
          title: "State",
          description: "Whether what nginx was given is an authority's, and whether the last try succeeded.",
          good: "yes",
          bad: "no",
          queries: [
            query(`1 - ${figure("self_signed")}`, "from an authority"),
            query(`${figure("failures")} == bool 0`, "last try succeeded"),
          ],
        }),
      ],
    },
  });
}
