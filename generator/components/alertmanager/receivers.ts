/** One receiver of stack.yaml as Alertmanager's own words, with its secret read from a file. */
import type { Secret } from "../component.ts";
import type { Receiver } from "./options.ts";
import type { Texts } from "./texts.ts";

const WHAT: Record<Receiver["type"], string> = {
  webhook: "URL that alerts are POSTed to",
  slack: "URL of Slack's incoming webhook",
  email: "password at the mail server",
  pagerduty: "integration key of PagerDuty's Events API v2",
  telegram: "token of the Telegram bot",
};

export const watchdogSecret = {
  name: "alertmanager_watchdog",
  supplied: "URL that is called every minute while all is well",
} satisfies Secret;

export function receiverSecret({ name, type }: Receiver) {
  return { name: secretName(name), supplied: `${WHAT[type]}, for the receiver ${name}` } satisfies Secret;
}

function secretName(name: string): string {
  return `alertmanager_${name.replaceAll("-", "_")}`;
}

export function secretFile(name: string): string {
  return `/run/secrets/${name}`;
}

/** The key of a receiver in alertmanager.yaml, and the entry under it. */
export function integration(
  receiver: Receiver,
  { title, text, links }: Texts,
): { key: string; config: Record<string, unknown> } {
  const file = secretFile(secretName(receiver.name));
  const send_resolved = true;
  switch (receiver.type) {
    case "webhook":
      // The alerts as JSON, with every label and annotation: what reads it is a program.
      return { key: "webhook_configs", config: { send_resolved, url_file: file } };
    case "slack":
      return {
        key: "slack_configs",
        config: {
          send_resolved,
          api_url_file: file,
          ...(receiver.channel && { channel: receiver.channel }),
          title,
          text,
        },
      };
    case "email":
      return {
        key: "email_configs",
        config: {
          send_resolved,
          to: receiver.to,
          from: receiver.from,
          smarthost: receiver.smarthost,
          auth_username: receiver.username,
          auth_password_file: file,
          require_tls: true,
          headers: { Subject: title },
          // Empty: mail of text alone, which every reader shows, and a pager's small screen too.
          html: "",
          text,
        },
      };
    case "pagerduty":
      return {
        key: "pagerduty_configs",
        config: {
          send_resolved,
          routing_key_file: file,
          description: `{{ with .CommonAnnotations.summary }}{{ . }}: {{ end }}${title}`,
          details: { text },
          ...(links.length > 0 && { links }),
          severity: '{{ if eq .CommonLabels.severity "page" }}critical{{ else }}warning{{ end }}',
        },
      };
    case "telegram":
      // Plain text: a < in an alert's words would break HTML.
      return {
        key: "telegram_configs",
        config: {
          send_resolved,
          bot_token_file: file,
          chat_id: receiver.chat,
          parse_mode: "",
          message: `${title}\n\n${text}`,
        },
      };
  }
}
