/** Words for suites that are about the database and its backups alone: the least beside it, and no backup by itself. */
export const SMALL = {
  "api.servers": 1,
  monitoring: false,
  logging: false,
  "nginx.rate": false,
  // Not by themselves, while the tests do it.
  "backup.schedule": "0 0 1 1 *",
  "backup.verify": "0 0 1 1 *",
};
