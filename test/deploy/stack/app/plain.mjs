// Has no word about SIGTERM: it ends in the middle of whatever it does.
import { serve } from "./server.mjs";

serve();
