/** The certificate in use (njs). `live` is a link to its folder, or a folder itself: the first one that start.sh makes. */
import fs from "fs";

function live() {
  try {
    return fs.readlinkSync("/var/lib/certificates/live");
  } catch (_) {
    return "live";
  }
}

export default { live };
