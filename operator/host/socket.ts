/** From an endpoint as the Docker CLI writes it to a client. */
import Docker from "dockerode";

/** An endpoint on this machine: what we mount from here exists there too. */
export function isLocalEndpoint(endpoint: string): boolean {
  return (
    /^(unix|npipe):/.test(endpoint) ||
    /^(tcp|https?):\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|$)/.test(endpoint)
  );
}

export function dockerClient(endpoint: string): Docker {
  const path = /^(?:unix|npipe):\/\/(.+)$/.exec(endpoint)?.[1];
  if (path) return new Docker({ socketPath: path });
  // tcp and ssh, with TLS and the agent: the client reads the same variables as the CLI.
  if (process.env.DOCKER_HOST === endpoint) return new Docker();
  const url = new URL(endpoint);
  if (url.protocol === "ssh:") {
    return new Docker({
      protocol: "ssh",
      host: url.hostname,
      port: url.port || 22,
      username: url.username,
      sshOptions: { agent: process.env.SSH_AUTH_SOCK },
    });
  }
  return new Docker({ host: url.hostname, port: url.port || 2375 });
}
