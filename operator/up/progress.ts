/** Progress on stderr: a living line per service on a terminal, plain lines everywhere else. */
import { Listr, ListrLogger, type ListrTask, ProcessOutput } from "listr2";

export type Mark = "working" | "done" | "failed";

export type Progress = {
  /** What a service is doing. The same again is not said again. */
  update(service: string, mark: Mark, state: string): void;
  /** A line of prose, above what lives. */
  say(line: string): void;
  /** From here on a line per service. */
  begin(services: readonly string[]): void;
  /** No more lines live. Safe to call twice. */
  end(): Promise<void>;
};

export function isInteractive(environment: NodeJS.ProcessEnv = process.env): boolean {
  // listr2 looks at stdout, we write to stderr: both must be a terminal.
  const terminal = process.stderr.isTTY === true && process.stdout.isTTY === true;
  return terminal && !environment.CI && environment.NO_COLOR === undefined && environment.TERM !== "dumb";
}

export function makeProgress(write = (line: string) => void process.stderr.write(`${line}\n`)): Progress {
  return isInteractive() ? livingProgress(write) : plainProgress(write);
}

/** States that pass too quickly, or too often, to be worth a line in a log. */
const PASSING = new Set(["waiting", "working"]);

export function plainProgress(write: (line: string) => void): Progress {
  const last = new Map<string, string>();
  let width = 0;
  return {
    update(service, mark, state) {
      // `building 3/7` is said once, as `building`.
      const short = mark === "working" ? state.replace(/ \d+\/\d+$/, "") : state;
      if (last.get(service) === short || PASSING.has(short)) return;
      last.set(service, short);
      const sign = mark === "done" ? "ok  " : mark === "failed" ? "FAIL" : "    ";
      write(`${sign} ${service.padEnd(width)}  ${short}`);
    },
    say: write,
    begin(services) {
      width = Math.max(...services.map((service) => service.length));
    },
    end: async () => undefined,
  };
}

type Row = {
  task?: { title: string };
  state: string;
  settle: (error?: Error) => void;
  settled: Promise<void>;
};

function livingProgress(write: (line: string) => void): Progress {
  const rows = new Map<string, Row>();
  let running: Promise<unknown> | undefined;
  let width = 0;
  const title = (service: string, state: string) => `${service.padEnd(width)}  ${state}`;
  const held: string[] = [];
  return {
    update(service, mark, state) {
      const row = rows.get(service);
      if (!row) return;
      row.state = state;
      if (row.task) row.task.title = title(service, state);
      if (mark === "done") row.settle();
      if (mark === "failed") row.settle(new Error(state));
    },
    say: (line) => (running ? void held.push(line) : write(line)),
    begin(services) {
      width = Math.max(...services.map((service) => service.length));
      for (const service of services) rows.set(service, makeRow());
      const tasks: ListrTask[] = [...rows].map(([service, row]) => ({
        title: title(service, row.state),
        task: (_, task) => {
          row.task = task;
          task.title = title(service, row.state);
          return row.settled;
        },
      }));
      const stderr = new ProcessOutput(process.stderr, process.stderr);
      running = new Listr(tasks, {
        concurrent: true,
        exitOnError: false,
        registerSignalListeners: false,
        renderer: "default",
        rendererOptions: {
          logger: new ListrLogger({ useIcons: true, processOutput: stderr }),
          showErrorMessage: false,
          collapseErrors: false,
        },
      })
        .run()
        .catch(() => undefined);
    },
    async end() {
      // What has not come by now did not come: a tick beside it would be a lie. Settling twice changes nothing.
      for (const row of rows.values()) row.settle(new Error(row.state));
      await running;
      running = undefined;
      rows.clear();
      for (const line of held.splice(0)) write(line);
    },
  };
}

function makeRow(): Row {
  let settle: Row["settle"] = () => undefined;
  const settled = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  // A row may fail before its line is drawn.
  settled.catch(() => undefined);
  return { state: "waiting", settle, settled };
}
