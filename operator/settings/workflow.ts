/** A workflow for GitHub Actions: checks, staging, then production with a canary. Pure. */
import { stringify } from "yaml";

export type WorkflowOptions = {
  /** Name of the stack below stacks/. */
  stack: string;
  /** Environments that have a host, in the order they are deployed. */
  environments: readonly ("staging" | "production")[];
  /** Folder of the application with a package.json, from the repository's root; its checks run there. */
  application?: string;
};

/** By commit, as a tag can be moved; the tag beside it is for people and for tools that renew it. */
const ACTIONS = {
  checkout: { uses: "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd", version: "v6.0.2" },
  node: { uses: "actions/setup-node@6044e13b5dc448c55e2357c09f80417699197238", version: "v6.2.0" },
} as const;

const CHECKOUT = { uses: ACTIONS.checkout.uses, with: { "persist-credentials": false } };
const NODE = { uses: ACTIONS.node.uses, with: { "node-version": 24 } };
const INSTALL = { name: "Install plimsoll", run: "npm ci" };

function secret(name: string): string {
  return `\${{ secrets.${name} }}`;
}

/** The key and the host's key come from secrets of the GitHub environment; nothing of them is ever printed. */
const SSH = {
  name: "Open the way to the host",
  env: { DEPLOY_KEY: secret("DEPLOY_KEY"), KNOWN_HOSTS: secret("KNOWN_HOSTS") },
  run: [
    "umask 077",
    "mkdir -p ~/.ssh",
    `printf '%s\\n' "$KNOWN_HOSTS" >> ~/.ssh/known_hosts`,
    `printf '%s\\n' "$DEPLOY_KEY" > ~/.ssh/id_plimsoll`,
    "ssh-keygen -l -f ~/.ssh/id_plimsoll > /dev/null",
    `printf 'Host *\\n  IdentityFile ~/.ssh/id_plimsoll\\n  IdentitiesOnly yes\\n  StrictHostKeyChecking yes\\n' >> ~/.ssh/config`,
    "",
  ].join("\n"),
};

const FORGET = { name: "Forget the key", if: "always()", run: "rm -f ~/.ssh/id_plimsoll" };

export function deployWorkflow({ stack, environments, application }: WorkflowOptions): string {
  const jobs: Record<string, unknown> = { checks: checks(stack, application) };
  let before = "checks";
  for (const environment of environments) {
    jobs[environment] = deployJob(stack, environment, before);
    before = environment;
  }
  const workflow = {
    name: "Deploy",
    on: { push: { branches: ["main"] }, pull_request: {}, workflow_dispatch: {} },
    // Nothing of the repository is written from here.
    permissions: { contents: "read" },
    jobs,
  };
  const text = stringify(workflow, { lineWidth: 0, blockQuote: "literal", aliasDuplicateObjects: false });
  return `${HEAD}${Object.values(ACTIONS).reduce((whole, { uses, version }) => whole.replaceAll(uses, `${uses} # ${version}`), text)}`;
}

const HEAD = `# Written by \`plimsoll ci init\`; yours to change. It needs, in each of the repository's environments (Settings, Environments):
#   DEPLOY_KEY   a private key made for this alone: ssh-keygen -t ed25519 -N '' -f ci
#                let it in: plimsoll access production add ci --key ci.pub
#   KNOWN_HOSTS  the host's public key: the line of your own ~/.ssh/known_hosts, compared once with the console
# Give \`production\` required reviewers there if a person is to say yes.
`;

function checks(stack: string, application: string | undefined) {
  return {
    "runs-on": "ubuntu-24.04",
    "timeout-minutes": 30,
    steps: [
      CHECKOUT,
      NODE,
      INSTALL,
      {
        name: "The stack is well-formed, and what is generated is what is written",
        run: `npx plimsoll validate ${stack}\nnpx plimsoll generate ${stack} --check\n`,
      },
      ...(application === undefined
        ? []
        : [
            {
              name: "The application's own checks",
              "working-directory": application,
              run: "npm ci\nnpm run --if-present lint\nnpm test --if-present\n",
            },
          ]),
    ],
  };
}

function deployJob(stack: string, environment: "staging" | "production", needs: string) {
  const production = environment === "production";
  return {
    needs,
    if: "github.event_name != 'pull_request' && github.ref == 'refs/heads/main'",
    "runs-on": "ubuntu-24.04",
    environment,
    // One at a time, and never one that is cut short: the host would finish or undo it, but nobody would have seen how.
    concurrency: { group: `plimsoll-${stack}-${environment}`, "cancel-in-progress": false },
    "timeout-minutes": 90,
    steps: [
      CHECKOUT,
      NODE,
      INSTALL,
      SSH,
      ...(production
        ? [{ name: "Preflight", run: `npx plimsoll check ${environment} --stack ${stack}` }]
        : []),
      {
        name: production ? "A canary, then everything; it rolls back by itself" : "Deploy",
        run: production
          ? `npx plimsoll canary start ${environment} --stack ${stack} --yes`
          : `npx plimsoll deploy ${environment} --stack ${stack} --yes`,
      },
      FORGET,
    ],
  };
}
