/**
 * What Logstash masks in each line before anything else reads it: credentials and personal data belong in no log, and
 * these are for the day they get there. Applied in this order to the line as it was written, JSON or not, so what is
 * masked must stay JSON: no mask takes a quote, a half of an escape, or a number's place. In the spelling that Ruby and
 * JavaScript share, but for (?i) and \1; an apostrophe is \x27, since a text in a pipeline has one kind of quotes.
 */
type Mask = readonly [pattern: string, replacement: string];

/** A word begins here: also behind a line's end as JSON writes it, where `n` is no part of the word. */
const WORD = String.raw`(?:(?<![\w.-])|(?<=\\[nrt]))`;
/** What is called so, or ends so (`db_password`, `accessToken`, `X-Amz-Signature`), is a secret. `max_tokens` is none. */
const SECRET =
  "(?:password|passwd|passphrase|secret|token|signature|(?:api|access|private|encryption|secret)[_-]?key)";
/** As names of fields alone. */
const HEADER = "(?:authorization|cookie)";
/**
 * Within the quotes of JSON, and of JSON in a text of JSON, where each escape is whole or not taken. There it is doubled,
 * but for what the outer text escaped by itself: Go's `\\u0026`, PHP's `\\/`.
 */
const TEXT = String.raw`(?:[^"\\]|\\.)`;
const INNER_TEXT = String.raw`(?:[^"\\]|\\u[0-9A-Fa-f]{4}|\\/|\\\\(?:[^"\\]|\\["\\]))`;
/** Room between words of JSON in a text of JSON: what broke its lines is escaped. */
const INNER_ROOM = String.raw`(?:\s|\\[nrt])*`;
/** What a list may hold before a text: numbers, null. */
const noTexts = (room: string) => String.raw`${room}(?:[\w.+-]+${room},${room})*`;
const NO_TEXTS = noTexts(String.raw`\s*`);
const NO_INNER_TEXTS = noTexts(INNER_ROOM);

const CREDENTIALS: readonly Mask[] = [
  [String.raw`(-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----)(?:[^"\\-]|\\[nr])+`, String.raw`\1[masked]`],
  ["(?i)(authorization[:=] *(?:bearer|basic)) +[a-z0-9._~+/=-]{8,}", String.raw`\1 [masked]`],
  // "basic authentication failed" is a sentence: what has neither digit, capital nor `=` is no credential.
  [
    String.raw`${WORD}([Bb]earer|[Bb]asic|BEARER|BASIC) +(?=\d|.[a-z._~+/-]*[A-Z\d=])[A-Za-z0-9._~+/=-]{8,}`,
    String.raw`\1 [masked]`,
  ],
  [String.raw`${WORD}eyJ[\w-]{8,}(?:\.[\w-]+){2,4}`, "[masked]"],
  // Ends at a quote: what is masked must stay JSON. Redis needs no user before the colon.
  [String.raw`(://[^:/@\s"]*:)[^@/\s"\\,{}]+@`, String.raw`\1[masked]@`],
  // Keys that say whose they are: Stripe, GitHub, npm, DigitalOcean, age; GitLab, Slack, OpenAI, SendGrid; AWS and Spaces.
  [
    `${WORD}((?:[rs]k_(?:live|test)|whsec|gh[oprsu]|npm|dop_v1)_|AGE-SECRET-KEY-1)[A-Za-z0-9]{16,}`,
    String.raw`\1[masked]`,
  ],
  [
    String.raw`${WORD}(github_pat_|glpat-|xox[abeprs]-|sk-|SG\.)(?=[\w.-]*\d)[\w.-]{20,}`,
    String.raw`\1[masked]`,
  ],
  [String.raw`${WORD}(AKIA|ASIA|DO00)[A-Z0-9]{16}(?!\w)`, String.raw`\1[masked]`],
  // By their name. `name=value`, and with quotes as logfmt has them, or JSON within JSON.
  [String.raw`(?i)(${SECRET}=\\")[^"\\]+`, String.raw`\1[masked]`],
  // What follows the quote that ends a text of JSON begins no value.
  [String.raw`(?i)(${SECRET}=")(?!\s*[:,}\]])[^"\\]+(?="(?:\s|$))`, String.raw`\1[masked]`],
  // As a shell, Python and PostgreSQL's conninfo quote.
  [String.raw`(?i)(${SECRET}=\x27)[^\x27"\\]+`, String.raw`\1[masked]`],
  [String.raw`(?i)(${SECRET}=)[^\s&;,"\x27\\(){}\[\]<>]+`, String.raw`\1[masked]`],
  // "name":["value","value"], as Node has what sets cookies: from the first text's quote to the last's. The same within
  // a text of JSON.
  [
    String.raw`(?i)((?:${SECRET}|${HEADER})"\s*:\s*\[${NO_TEXTS}")${TEXT}*(?:"\s*,${NO_TEXTS}"${TEXT}*)*`,
    String.raw`\1[masked]`,
  ],
  [
    String.raw`(?i)((?:${SECRET}|${HEADER})\\"${INNER_ROOM}:${INNER_ROOM}\[${NO_INNER_TEXTS}\\")${INNER_TEXT}*(?:\\"${INNER_ROOM},${NO_INNER_TEXTS}\\"${INNER_TEXT}*)*`,
    String.raw`\1[masked]`,
  ],
  // "name":"value", to the quote that ends it; the same within a text of JSON.
  [String.raw`(?i)((?:${SECRET}|${HEADER})"\s*:\s*")${TEXT}+`, String.raw`\1[masked]`],
  [String.raw`(?i)((?:${SECRET}|${HEADER})\\"\s*:\s*\\")${INNER_TEXT}+`, String.raw`\1[masked]`],
  // As Node prints an object, and as SQL has it.
  [String.raw`(?i)(${SECRET}\x27?: \x27)[^\x27"\\]{4,}`, String.raw`\1[masked]`],
  [String.raw`(?i)(password +\x27)[^\x27"\\]+`, String.raw`\1[masked]`],
  [String.raw`(?i)(cookie: *[^=;\s"\\]{1,64}=)[^"\\\r\n]+`, String.raw`\1[masked]`],
];

const BYTE = String.raw`(?:\d{1,2}|1\d\d|2[0-4]\d|25[0-5])`;
/** Of this machine and its networks: nobody's, and what a fault is found by. */
const OWN = String.raw`(?:(?:0|10|127)\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.|192\.168\.)`;
/** `Electron/30.0.6.1` is a version. */
const NO_VERSION = String.raw`(?:(?<![A-Za-z]/)|(?<=\\[nrt]/))`;
/** Global addresses begin with 2 or 3. A time behind a date's slash may look like one. */
const GLOBAL = String.raw`(?:(?<![\w.:/-])|(?<=\\[nrt]))([23][0-9a-f]{3}`;

/** What is left tells a card from another, at whose provider the mail is, and from which network somebody came. */
const PERSONAL: readonly Mask[] = [
  [String.raw`${WORD}[3-6]\d{3}([ -])\d{4}\1\d{4}\1(\d{4})(?![\w-])`, String.raw`[masked]\1\2`],
  // Without gaps it may be a number of JSON, and stays one.
  [String.raw`${WORD}(4\d|5[1-5]|6[05])\d{10}(\d{4})(?!\w|\.\d)`, String.raw`\10000000000\2`],
  [String.raw`${WORD}(3[47])\d{9}(\d{4})(?!\w|\.\d)`, String.raw`\1000000000\2`],
  [
    String.raw`(?i)(?<!\\)(?:\\u[0-9a-f]{4}|[a-z0-9._%+-]|[^\x00-\x7f]){1,64}(@|%40)(?!\d+\.\d)((?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24})`,
    String.raw`[masked]\1\2`,
  ],
  // IPv4 to /24, IPv6 to /48, in both of its spellings.
  [
    String.raw`${WORD}${NO_VERSION}(?!${OWN})(${BYTE}(?:\.${BYTE}){2})\.${BYTE}(?!\w|\.\w|-\w)`,
    String.raw`\1.0`,
  ],
  [String.raw`(?i)${GLOBAL}(?::[0-9a-f]{1,4}){2})(?::[0-9a-f]{0,4}){1,6}(?![\w:])`, String.raw`\1::`],
  [String.raw`(?i)${GLOBAL}(?::[0-9a-f]{1,4})?)::[0-9a-f:]{1,32}(?![\w:])`, String.raw`\1::`],
];

export const MASKS: readonly Mask[] = [...CREDENTIALS, ...PERSONAL];
