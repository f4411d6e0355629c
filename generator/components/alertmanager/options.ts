/** The words of `monitoring.alertmanager` in stack.yaml. Whatever is secret (keys, URLs with a token) is no word here. */
import { z } from "zod";
import { Name, Port } from "../../spec/words.ts";

const severities = ["page", "warn"] as const;
export type Severity = (typeof severities)[number];

const common = {
  name: Name.describe("Names the receiver, and its secret: alertmanager_NAME"),
  on: z
    .array(z.enum(severities, { error: "expected page or warn" }))
    .min(1, { error: "expected page, warn or both" })
    .default(["page", "warn"])
    .describe("What it gets: page (somebody must act now), warn (somebody should look)"),
};

const Mail = z.email({ error: "expected an address such as ops@example.com" });
const SmartHost = z.string().regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?:\d{1,5}$/, {
  error: "expected a mail server such as smtp.example.com:587",
});
/** Slack reads these as templates: nothing that could be one. */
const Channel = z
  .string()
  .regex(/^[#@]?[A-Za-z0-9._-]{1,80}$/, { error: "expected a channel such as #operations" });
const UserName = z
  .string()
  .regex(/^[A-Za-z0-9._%+@-]{1,200}$/, { error: "expected a user name such as ops@example.com" });

export const Receiver = z.discriminatedUnion(
  "type",
  [
    z.strictObject({ type: z.literal("webhook").describe("POSTs JSON; the secret is the URL"), ...common }),
    z.strictObject({
      type: z.literal("slack").describe("An incoming webhook; the secret is its URL"),
      ...common,
      channel: Channel.optional().describe("Channel, where the webhook may choose one"),
    }),
    z.strictObject({
      type: z
        .literal("email")
        .describe(
          "Mail over TLS; the secret is the password. SendGrid: smarthost smtp.sendgrid.net:587, username apikey, the secret an API key that may send mail, and a from that it has verified",
        ),
      ...common,
      to: Mail.describe("Who gets it"),
      from: Mail.describe("Who it comes from"),
      smarthost: SmartHost.describe("Mail server and port"),
      username: UserName.describe("User at the mail server"),
    }),
    z.strictObject({
      type: z.literal("pagerduty").describe("Events API v2; the secret is the integration key"),
      ...common,
    }),
    z.strictObject({
      type: z.literal("telegram").describe("A bot; the secret is its token"),
      ...common,
      chat: z.int({ error: "expected a chat's number" }).describe("The chat's number"),
    }),
  ],
  { error: "expected a receiver with type webhook, slack, email, pagerduty or telegram" },
);
export type Receiver = z.output<typeof Receiver>;

/** The setting that says who is told of a page, and what it says where that is nobody. */
export const PAGES = { setting: "pages go to", nobody: "nobody" } as const;

/** The receiver of alertmanager.yaml that `plimsoll alerts test` asks for, of one in stack.yaml. */
export function testReceiver(name: string): string {
  return `test-${name}`;
}

/** Names of the receivers that are told of pages. */
export function pagedBy(receivers: readonly Receiver[]): string[] {
  return receivers.filter(({ on }) => on.includes("page")).map(({ name }) => name);
}

/** It stands in templates and in links: nothing that could be syntax. */
const Folder = z.string().regex(/^https:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?(?:\/[A-Za-z0-9._~@%-]+)*$/, {
  error: "expected the address of a folder such as https://example.com/plimsoll/docs/runbooks",
});

export const Alertmanager = z
  .strictObject({
    port: Port.default(9093).describe("Port on 127.0.0.1 of the machine; reach it through an SSH tunnel"),
    receivers: z
      .array(Receiver)
      .max(20)
      .default([])
      .describe("Who is told; without any, alerts show on the page only"),
    runbooks: Folder.optional().describe(
      "Where plimsoll's docs/runbooks can be read by whoever is told: each text then links to its alert's heading there, instead of naming the command that prints it",
    ),
    watchdog: z
      .boolean()
      .default(false)
      .describe(
        "Calls a URL every minute while all is well, for a service that raises the alarm when the calls stop",
      ),
  })
  .prefault({})
  .describe("Alertmanager: groups alerts, one for one cause, and tells people");
export type Alertmanager = z.output<typeof Alertmanager>;
