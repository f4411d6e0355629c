/**
 * Certificates: a sidecar that asks an ACME server (lego) and leaves what it gets on nginx's volume. One way for both
 * kinds of images, and not nginx's own ACME module where there is one: that has no wildcards and no DNS.
 */
import { MiB } from "../spec/words.ts";
import { certifiedNames } from "./certificates/names.ts";
import { Certificates, SERVERS } from "./certificates/options.ts";
import {
  type Build,
  type Contribution,
  copy,
  defineComponent,
  mountFolder,
  mountVolume,
  type OptionFault,
  type Secret,
  template,
} from "./component.ts";

import { mountTextFiles, WRITES_TEXT_FILES } from "./exporters/text-files.ts";

export { Certificates };

const NAME = "certificates";
/** nginx's, whose files they become. */
const UID = 101;
const TOKEN = "certificates_digitalocean_token";
const HMAC = "certificates_eab_hmac";

const build: Build = {
  name: NAME,
  files: [
    template("Dockerfile", "certificates/Dockerfile.hbs", {}),
    copy("plimsoll-certificates", "templates/certificates/plimsoll-certificates"),
  ],
};

function secretsOf({ challenge, account }: Certificates): Secret[] {
  return [
    ...(challenge === "dns"
      ? [{ name: TOKEN, supplied: "A token of DigitalOcean that may read and write domains" }]
      : []),
    ...(account === undefined
      ? []
      : [{ name: HMAC, supplied: "HMAC key of the account at the certificate authority" }]),
  ];
}

export const certificates = defineComponent({
  name: NAME,
  at: [NAME],
  options: Certificates,
  optional: true,

  absent: ({ environment }) => (environment === "local" ? "local is plain HTTP" : undefined),

  check({ challenge, names }): OptionFault[] {
    if (challenge === "dns" || names.length === 0) return [];
    const wildcard = names.find((name) => name.startsWith("*."));
    return [
      {
        path: ["names"],
        message: wildcard
          ? `${wildcard} cannot be proven over HTTP`
          : "nginx answers no name but the domain and nginx.names, so that no other can be proven over HTTP",
        remedy: wildcard
          ? "Say `challenge: dns`."
          : "Put them under `nginx.names`, or say `challenge: dns` if something else answers there.",
      },
    ];
  },

  claim: () => [
    {
      service: NAME,
      memory: { floor: 64 * MiB, weight: 0 },
      cpu: { weight: 128 },
      pids: 32,
    },
  ],

  contribute(options, grants, context): Contribution {
    const secrets = secretsOf(options);
    // Nobody else reads them.
    const figures = context.present.has("node-exporter");
    return {
      services: {
        [NAME]: {
          image: { official: build, debian: build },
          user: `${UID}:${UID}`,
          init: true,
          command: ["run"],
          environment: {
            // lego's Go runtime collects harder as it comes near, before the kernel kills.
            GOMEMLIMIT: String(Math.floor(grants.service(NAME).memory * 0.6)),
            GOMAXPROCS: "1",
            TZ: "UTC",
          },
          ...(secrets.length > 0 && { secrets: secrets.map(({ name }) => name) }),
          volumes: [
            mountFolder(NAME, "/etc/plimsoll-certificates"),
            mountVolume(NAME, "/var/lib/certificates"),
            ...(figures ? [mountTextFiles()] : []),
          ],
          tmpfs: [
            `/run/plimsoll:size=4m,mode=0700,uid=${UID},gid=${UID}`,
            `/tmp:size=4m,mode=0700,uid=${UID},gid=${UID}`,
          ],
          networks: ["edge", "egress"],
          // nginx makes the first certificate, and shows the authority its challenges.
          depends_on: { nginx: { condition: "service_started" } },
          // Each question starts openssl three times: not every ten seconds.
          healthcheck: {
            test: ["CMD", "plimsoll-certificates", "healthy"],
            interval: "60s",
            start_interval: "2s",
          },
          stop_grace_period: "15s",
        },
      },
      secrets,
      ...(serverOf(options) !== SERVERS.letsencrypt && { unknownAuthority: true }),
      rules: [NAME],
      thresholds: [
        {
          record: "plimsoll:certificates:seen",
          value: figures ? 1 : 0,
          because: "whether node-exporter hands on what the sidecar tells of the certificate",
        },
      ],
      dashboards: [NAME],
      unscraped: {
        [NAME]: figures ? WRITES_TEXT_FILES : "its figures are read by node-exporter, which is left out",
      },
      logs: { [NAME]: "supercronic" },
      settings: [
        {
          service: NAME,
          setting: "server",
          value: serverOf(options),
          because: "certificates.server",
        },
      ],
    };
  },

  collect(options, _grants, offers, context) {
    const names = certifiedNames(offers.hostNames, options.names);
    const settings = {
      host: context.spec.domain,
      names: names.join(" "),
      server: serverOf(options),
      challenge: options.challenge,
      provider: options.challenge === "dns" ? options.dns.provider : "",
      email: options.email ?? "",
      profile: options.profile ?? "",
      eab: options.account ?? "",
    };
    return {
      files: [
        {
          path: `${NAME}/settings`,
          content: {
            text: Object.entries(settings)
              .map(([key, value]) => `${key}=${value}\n`)
              .join(""),
          },
          restarts: [NAME],
        },
      ],
      settings: [
        {
          service: NAME,
          setting: "names",
          value: names.join(" "),
          because: "domain, nginx.names and certificates.names",
        },
      ],
    };
  },
});

function serverOf({ server }: Certificates): string {
  return server in SERVERS ? SERVERS[server as keyof typeof SERVERS] : server;
}
