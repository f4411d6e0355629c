/** What a month costs beside the droplet, in US dollars, as listed on PRICES_OF; and the bill it is compared with. */

/** Share of the droplet's price. Source: https://docs.digitalocean.com/products/backups/details/pricing/ */
export const DROPLET_BACKUPS = { weekly: 0.2, daily: 0.3 } as const;
export type DropletBackups = keyof typeof DROPLET_BACKUPS;

/** 250 GiB stored and 1 TiB out. Source: https://docs.digitalocean.com/products/spaces/details/pricing/ */
export const SPACES = 5;

export type Price = { what: string; price: number; note?: string };

/** "Production Deployment Plan", as it was written; the notes are ours. */
export const REPLACED: readonly Price[] = [
  { what: "Heroku, 3 dynos Standard-1X", price: 150, note: "listed at 75; 150 is Standard-2X" },
  { what: "Heroku Postgres", price: 50 },
  { what: "Heroku Redis", price: 20 },
  { what: "DataDog", price: 30 },
  { what: "Vercel", price: 20, note: "the CDN stays, whoever hosts" },
];
