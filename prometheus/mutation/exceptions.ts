/** Mutants that no test can notice, by rule and change, each with its reason. To stay near empty. */
export const exceptions: readonly { rule: string; change: RegExp; because: string }[] = [
  {
    rule: "HostDiskFullTomorrow",
    change: /24 \* 3600\) < <<0>>/,
    because: "a byte or two of a disk are nothing, and the forecast is no whole number",
  },
  {
    rule: "HostOutOfMemoryKill",
    change: /> <<0\.5>> becomes 0\.(375|625)/,
    because: "kills are whole, and a half parts one from none",
  },
  {
    rule: "HostInodesShort",
    change: /node_filesystem_files > <<0>>/,
    because: "0 / 0 is no number, and no number is below a tenth: it is said for the reader",
  },
  {
    rule: "PostgresNoPrimary",
    change: /vector\(<<0>> becomes \(-1\)/,
    because: "it stands for a count where nothing is counted, and is below one either way",
  },
  {
    rule: "Watchdog",
    change: /vector\(<<1>>/,
    because: "it fires always, of whatever number, and tells none",
  },
  {
    rule: "BackupRepositoryFills",
    change: /offset 2d\) > <<0>> becomes 2/,
    because: "a byte or two of a repository are nothing",
  },
];
