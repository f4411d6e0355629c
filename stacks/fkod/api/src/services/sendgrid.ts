import type { Logger } from "../log.ts";

export type Email = { to: string; subject: string; text: string };
export type Mailer = { send(email: Email): Promise<void> };

/** Sends by SendGrid's HTTP API; without a key it logs instead. Throws where SendGrid does not take the email. */
export function createMailer(
  env: { SENDGRID_API_KEY?: string | undefined; SENDGRID_FROM_EMAIL: string },
  log: Logger,
  endpoint = "https://api.sendgrid.com/v3/mail/send",
): Mailer {
  if (!env.SENDGRID_API_KEY)
    return {
      async send({ subject }) {
        log.info({ "email.subject": subject }, "an email is not sent, as SENDGRID_API_KEY is not set");
      },
    };
  return {
    async send({ to, subject, text }) {
      const answer = await fetch(endpoint, {
        method: "POST",
        headers: { Authorization: `Bearer ${env.SENDGRID_API_KEY}`, "Content-Type": "application/json" },
        body: JSON.stringify({
          personalizations: [{ to: [{ email: to }] }],
          from: { email: env.SENDGRID_FROM_EMAIL },
          subject,
          content: [{ type: "text/plain", value: text }],
        }),
        signal: AbortSignal.timeout(10_000),
      });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`SendGrid answered ${answer.status}`);
    },
  };
}
