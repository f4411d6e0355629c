/** The same steps for a droplet that is made by hand or by API: its user data. */
import { stringify } from "yaml";
import { Problem } from "../problem.ts";
import type { MachineParameters } from "./parameters.ts";
import { initScript } from "./script.ts";

/** DigitalOcean's own limit for user data. */
export const USER_DATA_LIMIT = 64 * 1024;

const PATH = "/var/lib/plimsoll/init.bash";

/** @throws Problem for parameters that are none, or more keys than fit */
export function cloudConfig(parameters: MachineParameters): string {
  const config = {
    // Keys alone, from the first minute.
    ssh_pwauth: false,
    // The deploy user's keys are copied from root's, which this leaves as they are.
    disable_root: false,
    write_files: [
      {
        path: PATH,
        owner: "root:root",
        permissions: "0700",
        content: initScript(parameters, { origin: "cloud-init" }),
      },
    ],
    // Last of all: the account's keys are root's by then. What it says is in /var/log/cloud-init-output.log.
    runcmd: [["bash", PATH]],
  };
  const text = [
    "#cloud-config",
    "# Written by plimsoll: the steps of `plimsoll host init`, for a droplet's user data.",
    stringify(config, { lineWidth: 0 }),
  ].join("\n");
  const size = Buffer.byteLength(text);
  if (size > USER_DATA_LIMIT)
    throw new Problem(
      `the cloud-init is ${size} bytes, and ${USER_DATA_LIMIT} is the limit`,
      "Name fewer keys.",
    );
  return text;
}
