/** What Filebeat's multiline makes of lines (`while_pattern`: those that match, one after another, are one): an equal, for tests. */
import { STACK_TRACE } from "../components/elk/filebeat.ts";

export function joined(lines: readonly string[]): string[] {
  const trace = new RegExp(STACK_TRACE);
  const events: string[] = [];
  let within = false;
  for (const line of lines) {
    const matches = trace.test(line);
    if (within && matches) events.push(`${events.pop()}\n${line}`);
    else events.push(line);
    within = matches;
  }
  return events;
}
