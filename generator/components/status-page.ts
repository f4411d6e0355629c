/** A page that tells the application's users how it is: files, made every minute from what Prometheus knows, served by nginx. */
import { z } from "zod";
import { MiB, UrlPath } from "../spec/words.ts";
import { type Build, type Contribution, copy, defineComponent, mountVolume, template } from "./component.ts";

export const StatusPage = z.strictObject(
  {
    path: UrlPath.refine((path) => path !== "/" && !path.endsWith("/"), {
      error: "expected a path such as /status, and no slash at its end",
    })
      // A file there would answer for servers that do not.
      .refine((path) => path !== "/health", {
        error: "expected a path such as /status: at /health the probe asks",
      })
      .default("/status")
      .describe("Where it is, on the stack's own domain; with .json at its end for programs"),
    title: z
      .string()
      .regex(/^[\p{L}\p{N}][\p{L}\p{N} .,:'()-]{0,59}$/u, {
        error: "expected 1 to 60 letters, digits and spaces: Our API",
      })
      .optional()
      .describe("Its headline; the domain if absent"),
    days: z
      .int({ error: "expected days between 2 and 90" })
      .min(2, { error: "expected days between 2 and 90" })
      .max(90, { error: "expected days between 2 and 90" })
      .default(30)
      .describe("For how many days it shows how often the application answered"),
  },
  { error: "expected a map such as { path: /status }, or {} for all that is usual" },
);
export type StatusPage = z.output<typeof StatusPage>;

const NAME = "status-page";
/** nginx's, which reads what it writes. */
const UID = 101;
const FOLDER = "/page";

const build: Build = {
  name: NAME,
  files: [
    template("Dockerfile", "status-page/Dockerfile.hbs", { uid: UID }),
    ...["plimsoll-status-page", "status.jq", "page.jq", "page.css"].map((file) =>
      copy(file, `templates/status-page/${file}`),
    ),
  ],
};

export const statusPage = defineComponent({
  name: NAME,
  at: ["status_page"],
  options: StatusPage.optional().describe(
    "A page for the application's users that tells how it is; none if absent",
  ),
  optional: true,

  check(_options, { present }) {
    if (present.has("prometheus") && present.has("blackbox")) return [];
    return [
      {
        path: [],
        message: "the status page shows what Prometheus knows by its probe, and this stack has none of it",
        remedy: "Leave out status_page, or let monitoring have prometheus and blackbox.",
      },
    ];
  },

  claim: () => [
    {
      service: NAME,
      memory: { floor: 24 * MiB, weight: 0 },
      cpu: { weight: 64 },
      pids: 32,
      disk: { [NAME]: { floor: 8 * MiB, weight: 0 } },
    },
  ],

  contribute(given, _grants, context): Contribution {
    const options = given as StatusPage;
    return {
      services: {
        [NAME]: {
          image: { official: build, debian: build },
          user: `${UID}:${UID}`,
          init: true,
          command: ["run"],
          environment: { PAGE_TITLE: options.title ?? context.spec.domain, PAGE_DAYS: String(options.days) },
          networks: ["monitoring"],
          volumes: [mountVolume(NAME, FOLDER)],
          tmpfs: [`/tmp:size=4m,mode=0700,uid=${UID},gid=${UID}`],
          healthcheck: {
            test: ["CMD", "plimsoll-status-page", "healthy"],
            interval: "60s",
            start_interval: "1s",
          },
          stop_grace_period: "5s",
        },
      },
      volumes: [NAME],
      pages: [
        {
          path: options.path,
          volume: NAME,
          file: "index.html",
          type: "text/html",
          style: "status-page/page.css",
        },
        { path: `${options.path}.json`, volume: NAME, file: "status.json", type: "application/json" },
      ],
      unscraped: { [NAME]: "a shell script that writes two files; how old they are is on the page" },
      logs: { [NAME]: "supercronic" },
      backups: [{ what: NAME, none: "Made anew every minute" }],
    };
  },
});
