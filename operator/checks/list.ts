/** Every item, in the order of the plan. */
import { code } from "./code.ts";
import { documentation } from "./documentation.ts";
import { host } from "./host.ts";
import { infrastructure } from "./infrastructure.ts";
import type { Item } from "./item.ts";
import { after, before, day } from "./people.ts";
import { performance } from "./performance.ts";
import { security } from "./security.ts";
import { targets } from "./targets.ts";

export const items: readonly Item[] = [
  ...code,
  ...security,
  ...performance,
  ...infrastructure,
  ...host,
  ...documentation,
  ...before,
  ...day,
  ...after,
  ...targets,
];
