/** The two searches behind `errors`: which groups, then what is kept of each. */

export type ErrorsAsked = {
  /** Seconds of the epoch: the window that is counted. */
  since: number;
  now: number;
  /** A service, or what several of one kind are called: `api`. */
  service?: string;
  /** The beginning of a group's key: this one alone, whenever it was seen, with its newest line whole. */
  key?: string;
  /** Groups at most. */
  limit: number;
};

/** Bars of a group's course, at most. */
const BARS = 24;
const KEY = "error.grouping_key";
/** Above every count of groups whose keys one beginning can be meant for. */
const SAME_BEGINNING = 10;
/** What a list shows of the newest line; a single group shows all of it. */
const SHOWN = ["error.grouping_name", "error.type", "log.level"];

/** Whole seconds a bar stands for. */
export function barOf({ since, now }: Pick<ErrorsAsked, "since" | "now">): number {
  return Math.max(1, Math.ceil((now - since) / BARS));
}

/** What elk/scripts/errors.sh reads. */
export function searchesOf(asked: ErrorsAsked): string {
  return [groupsSearch(asked), detailsSearch(asked)].map((search) => `${JSON.stringify(search)}\n`).join("");
}

function window({ since, service }: ErrorsAsked): object[] {
  return [
    { range: { "@timestamp": { gte: Math.floor(since * 1000), lte: "now", format: "epoch_millis" } } },
    ...(service ? [{ regexp: { "service.name": `${escaped(service)}(-[0-9]+|-spare)?` } }] : []),
  ];
}

/** For Lucene's expressions, in which more is special than in ours. */
function escaped(text: string): string {
  return text.replace(/[^a-z0-9]/g, (character) => `\\${character}`);
}

function groupsSearch(asked: ErrorsAsked): object {
  const { key, limit } = asked;
  const filter = key ? [{ prefix: { [KEY]: key } }] : window(asked);
  return {
    size: 0,
    timeout: "20s",
    query: { exists: { field: KEY } },
    aggs: {
      oldest: { min: { field: "@timestamp" } },
      releases: { terms: { field: "service.version", size: 200 } },
      chosen: {
        filter: { bool: { filter } },
        aggs: {
          all: { cardinality: { field: KEY } },
          groups: { terms: { field: KEY, size: key ? SAME_BEGINNING : limit } },
        },
      },
    },
  };
}

function detailsSearch(asked: ErrorsAsked): object {
  const { key, limit, since, now } = asked;
  const bar = barOf(asked);
  const names = (field: string) => ({
    terms: { field, size: 100, order: { first: "asc" } },
    aggs: { first: { min: { field: "@timestamp" } } },
  });
  const times = {
    date_histogram: {
      field: "@timestamp",
      fixed_interval: `${bar}s`,
      offset: `${Math.floor(since) % bar}s`,
      min_doc_count: 0,
      extended_bounds: { min: Math.floor(since) * 1000, max: Math.floor(now) * 1000 },
    },
  };
  return {
    size: 0,
    timeout: "20s",
    query: { terms: { [KEY]: ["@KEYS@"] } },
    aggs: {
      groups: {
        terms: { field: KEY, size: key ? SAME_BEGINNING : limit },
        aggs: {
          first: { min: { field: "@timestamp" } },
          last: { max: { field: "@timestamp" } },
          releases: names("service.version"),
          services: names("service.name"),
          window: { filter: { bool: { filter: window(asked) } }, ...(key && { aggs: { times } }) },
          newest: {
            top_hits: { size: 1, sort: [{ "@timestamp": "desc" }], _source: key ? true : SHOWN },
          },
        },
      },
    },
  };
}
