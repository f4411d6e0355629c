/** A failed build in words: the step, the end of its output, and what commonly helps. */
import { Problem } from "../problem.ts";

export function explainBuild(output: string): Problem {
  const lines = output.split("\n");
  const at = lines.findLastIndex((line) => /^#\d+ ERROR|failed to solve|^ERROR:/.test(line));
  // BuildKit repeats the failed step and the end of its output between two rules.
  const from = lines.findLastIndex((line, index) => index < at && /^ > \[/.test(line));
  const step =
    from >= 0
      ? lines[from]?.replace(/^ > (.*?):?$/, "$1")
      : lines.findLast((line) => /^#\d+ \[[^\]]+\] (RUN|COPY|FROM|ADD)/.test(line))?.replace(/^#\d+ /, "");
  const shown = lines
    .slice(from >= 0 ? from + 1 : Math.max(0, at - 15), at + 1)
    .map((line) => line.replace(/^(#\d+ )?\d+\.\d+ /, ""))
    // BuildKit adds the Dockerfile's text around the failed line: the step above says the same.
    .filter((line) => !/^(-{6,}|[\w.-]+:\d+$| +\d+ \| )/.test(line))
    .filter((line) => line.trim() !== "" && !/failed to solve/.test(line))
    .slice(-20);
  const what = step ? `an image cannot be built, at ${short(step)}` : "an image cannot be built";
  return new Problem(`${what}\n${shown.join("\n")}`, remedyFor(output));
}

/** A step may be a screenful of shell. */
function short(step: string): string {
  return step.length > 120 ? `${step.slice(0, 117)}...` : step;
}

function remedyFor(output: string): string {
  if (/no space left on device/i.test(output))
    return "The disk is full: docker system df; docker builder prune";
  if (
    /Temporary failure resolving|Could not resolve|Could not connect|Failed to fetch|EAI_AGAIN/i.test(output)
  ) {
    return "The package mirror did not answer from inside the build: check the network, then run this again; finished steps are kept.";
  }
  if (/SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT|unknown authority/i.test(output)) {
    return "A proxy here opens TLS. Name its certificate authority, and builds trust it: NODE_EXTRA_CA_CERTS=/path/to/ca.pem";
  }
  if (/failed to resolve source metadata|failed to do request|no such host/i.test(output)) {
    return "The registry did not answer: plimsoll up --images debian builds without one.";
  }
  return "Finished steps are kept: mend it and run this again.";
}
