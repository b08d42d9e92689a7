/** Secrets that were left in the tree: the shapes that issuers give their keys, and long random values beside a telling name. */

export interface SecretFinding {
  readonly path: string;
  readonly line: number;
  readonly kind: string;
}

const SHAPES: Readonly<Record<string, RegExp>> = {
  'private key': /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*(?:\\n|\n)?[A-Za-z0-9+/=]{40,}/,
  'AWS access key': /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/,
  'GitHub token': /\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_[A-Za-z0-9_]{60,}\b/,
  'GitLab token': /\bglpat-[A-Za-z0-9_-]{20,}\b/,
  'Slack token': /\bxox[abposr]-[A-Za-z0-9-]{20,}\b/,
  'Google API key': /\bAIza[0-9A-Za-z_-]{35}\b/,
  'Google service account': /"private_key_id"\s*:\s*"[0-9a-f]{40}"/,
  'Stripe key': /\b[rs]k_live_[A-Za-z0-9]{20,}\b/,
  'npm token': /\bnpm_[A-Za-z0-9]{36}\b/,
  'OpenAI key': /\bsk-(?:proj-)?[A-Za-z0-9_-]{40,}\b/,
  'Vault token': /\bhv[sb]\.[A-Za-z0-9_-]{24,}\b/,
  'Twilio key': /\bSK[0-9a-f]{32}\b/,
  'JSON web token': /\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{20,}/,
  'password in an address': /\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@'"`$<>{}]+:(?!\/\/)[^\s:/@'"`$<>{}*]{8,}@(?!localhost|127\.|example)/i,
};

const NAMED = /(?:secret|passw(?:or)?d|token|api[_-]?key|pepper|credential)["']?\s*[:=]\s*["'`]([A-Za-z0-9+/=_.-]{24,})["'`]/gi;
/** Bits per character from which text is no word: hex has up to 4, base64 up to 6, English about 4 with its spaces. */
const BITS_MIN = 3.6;

/** Values that are made up on their face: the sandbox and the examples take them. */
const MADE_UP = /sandbox|example|0123456789/i;

/** Entropy of a text in bits per character. */
export function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}

/** What looks like a secret in a file. A line that ends in `not-a-secret` says why it does not matter. */
export function findSecrets(path: string, text: string): SecretFinding[] {
  const lineAt = (index: number): number => text.slice(0, index).split('\n').length;
  const lines = text.split('\n');
  const findings: SecretFinding[] = [];
  const note = (index: number, kind: string): void => {
    const line = lineAt(index);
    if (!/not-a-secret/.test(lines[line - 1] ?? '')) findings.push({ path, line, kind });
  };
  for (const [kind, shape] of Object.entries(SHAPES)) {
    for (const match of text.matchAll(new RegExp(shape, `g${shape.flags}`))) note(match.index, kind);
  }
  for (const match of text.matchAll(NAMED)) {
    const value = match[1] ?? '';
    if (!MADE_UP.test(value) && /\d/.test(value) && /[a-z]/i.test(value) && bitsPerCharacter(value) >= BITS_MIN)
      note(match.index, 'random value beside a telling name');
  }
  return findings;
}
