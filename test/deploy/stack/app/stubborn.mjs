// Catches SIGTERM and ignores it: it serves until it is killed.
import { serve } from "./server.mjs";

serve();
process.on("SIGTERM", () => {});
