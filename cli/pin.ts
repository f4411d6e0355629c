import { Command } from "commander";

export function pinCommand(): Command {
  return new Command("pin").description("not written yet");
}
