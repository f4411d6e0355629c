/** What the words of `backup` must not say together. */
import type { Early, OptionFault } from "../component.ts";
import { followFaults } from "./follow.ts";
import type { Backup } from "./options.ts";
import { recipientsOf } from "./repository.ts";

export function faultsOf(options: Backup, context: Early): OptionFault[] {
  const { repository } = options;
  return [
    ...(context.present.has("postgres") || Object.keys(options.checks).length === 0
      ? []
      : [{ path: ["checks"], message: "there is no PostgreSQL to ask", remedy: "Leave them out." }]),
    ...followFaults(options, context),
    ...(context.environment === "production" ? lossFaults(options, context.spec.name) : []),
    ...(repository === "local" || repository.s3.ca === undefined
      ? []
      : authorityFaults(repository.s3.ca, context.beside[repository.s3.ca])),
  ];
}

/** What the loss of production's machine would take with it. */
function lossFaults(options: Backup, stack: string): OptionFault[] {
  if (options.repository === "local") {
    if (options.lost_with_machine === "accepted") return [];
    return [
      {
        path: ["repository"],
        message:
          "production's backups would be lost together with its machine: they are on it, and nowhere else",
        remedy: [
          "Name a bucket of DigitalOcean Spaces, or of any S3 service with TLS:",
          "  backup:",
          "    repository:",
          `      s3: { endpoint: fra1.digitaloceanspaces.com, region: fra1, bucket: ${stack}-backups }`,
          "    recipient: age1…  # plimsoll dr key makes one",
          "Or write that it may be lost: backup: { lost_with_machine: accepted }",
        ].join("\n    "),
      },
    ];
  }
  if (recipientsOf(options).length > 0) return [];
  return [
    {
      path: ["recipient"],
      message:
        "is missing: a repository that nobody can open once the host is gone, since what opens it is on the host alone",
      remedy: [
        "Name the public key of a pair whose private key is kept elsewhere:",
        "  backup: { recipient: age1… }",
        "`plimsoll dr key` makes one.",
      ].join("\n    "),
    },
  ];
}

function authorityFaults(file: string, text: string | undefined): OptionFault[] {
  const path = ["repository", "s3", "ca"];
  if (text === undefined) {
    return [
      {
        path,
        message: `there is no ${file} beside stack.yaml`,
        remedy:
          "Put the authority's certificates there, as PEM; for a service on the internet remove the word.",
      },
    ];
  }
  if (/PRIVATE KEY-----/.test(text)) {
    return [
      {
        path,
        message: `${file} holds a private key: it would be copied to where everybody reads it`,
        remedy: "Keep the certificates alone in it.",
      },
    ];
  }
  if (/-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(text)) return [];
  return [
    {
      path,
      message: `${file} holds no certificate`,
      remedy: "It begins with -----BEGIN CERTIFICATE-----. From DER: openssl x509 -inform der -in FILE",
    },
  ];
}
