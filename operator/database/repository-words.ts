/** What is wrong with a repository, in our words: pgBackRest's and restic's name functions and files. */

/** The first that fits is it. `remedy` ends with what to look at. */
const KNOWN: readonly { said: RegExp; words: string; remedy: string }[] = [
  {
    said: /InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|AccessDenied|Access Denied|\b40[13]\b|signature we calculated|access key/i,
    words: "the S3 service refuses the key: it is wrong, expired, or may not use the bucket",
    remedy: "plimsoll secrets ENVIRONMENT set backup_s3_key, then backup_s3_secret",
  },
  {
    said: /NoSuchBucket|bucket does not exist/i,
    words: "the bucket does not exist",
    remedy: "Make it, or name another: backup.repository.s3.bucket",
  },
  {
    said: /QuotaExceeded|\b507\b|No space left/i,
    words: "the repository is full",
    remedy: "Make room, or shorten backup.keep",
  },
  {
    said: /certificate|x509|hostname .* does not match/i,
    words: "the S3 service shows a certificate that is not trusted",
    remedy: "A private authority's certificates: backup.repository.s3.ca. Else is it the right endpoint?",
  },
  {
    said: /HostConnect|HostInvalid|unable to connect|unable to get address|timeout|timed out|no such host|connection refused|no route to host|network is unreachable|\bdial tcp\b/i,
    words: "the S3 service cannot be reached",
    remedy: "backup.repository.s3.endpoint; from the host: curl -v https://ENDPOINT",
  },
  {
    said: /wrong password|no key found|CryptoError|unable to flush|cipher|decrypt|FormatError.*outside of section/i,
    words: "it was encrypted with another key than this stack has",
    remedy:
      "Is it another stack's (backup.repository.s3.path), or were the secrets made anew? What opens it: backup_cipher_pass, backup_restic_password",
  },
  {
    said: /do(?:es)? not match (?:the )?(?:database|stanza)|system-id|database system-id|BackupMismatch|ArchiveMismatch|not the same as/i,
    words: "it is of another database: this one never wrote there",
    remedy: "Name a folder of its own: backup.repository.s3.path. Nothing in it was changed",
  },
  {
    said: /missing stanza|stanza .* does not exist|FileMissing|unable to open missing file/i,
    words: "there is nothing of this stack in it yet",
    remedy: "plimsoll logs ENVIRONMENT --service backup-postgres says why",
  },
];

export type RepositoryFault = { words: string; remedy?: string; said: string };

/** @param said in the tool's own words, which stand beside ours */
export function repositoryFault(said: string): RepositoryFault {
  const text = said.replace(/\s+/g, " ").trim();
  const known = KNOWN.find((one) => one.said.test(text));
  return known ? { words: known.words, remedy: known.remedy, said: text } : { words: text, said: text };
}

/** One line. */
export function repositoryFaultText(said: string): string {
  const { words, said: own } = repositoryFault(said);
  return words === own ? own : `${words} (${own.length > 200 ? `${own.slice(0, 200)}…` : own})`;
}
