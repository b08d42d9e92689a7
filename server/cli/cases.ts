/** Cases as text: the queue as a table, the file of one case as a page, in the order an officer reads it. Pure. */
import type { Case, CaseFile, ListedParty, PartyHistory, ShownPerson } from '../../sdk/index.ts';
import { printable, renderTable } from './table.ts';
import type { Terminal } from './terminal.ts';

const QUEUE_COLUMNS = [
  { title: 'case' },
  { title: 'priority', align: 'right' },
  { title: 'due', align: 'right' },
  { title: 'status' },
  { title: 'officer' },
  { title: 'eyes', align: 'right' },
  { title: 'corridor' },
  { title: 'amount', align: 'right' },
  { title: 'why' },
] as const;

/** The queue as a table; due times are told from `nowMs`. */
export function renderQueue(cases: readonly Case[], terminal: Pick<Terminal, 'isTty'>, nowMs: number): string {
  if (cases.length === 0) return 'no cases';
  return renderTable(
    terminal,
    QUEUE_COLUMNS,
    cases.map((each) => [
      each.id,
      String(each.priority),
      dueIn(each, nowMs),
      statusOf(each),
      each.claimedBy ?? '',
      String(each.approvalsNeeded * 2),
      `${each.fromCountry} → ${each.toCountry}`,
      `${each.amount} ${each.currency}`,
      each.reasons.map((reason) => reason.code).join(', '),
    ]),
  );
}

function statusOf(each: Case): string {
  const marks = [
    each.escalatedAt === null ? null : 'escalated',
    each.snoozedUntil === null ? null : 'put off',
    each.overdue ? 'overdue' : null,
  ];
  return [each.kind === 'held' ? each.status : `${each.status} (${each.kind})`, ...marks.filter((mark) => mark !== null)].join(', ');
}

/** `in 3 h`, `12 min ago`; nothing for a case that is closed. */
function dueIn(each: Case, nowMs: number): string {
  if (each.closedAt !== null) return '';
  const minutes = Math.round(Math.abs(Date.parse(each.dueAt) - nowMs) / 60_000);
  const time = minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  return Date.parse(each.dueAt) > nowMs ? `in ${time}` : `${time} ago`;
}

/** The file of a case. The evidence comes before what anybody says of it. */
export function renderCaseFile(file: CaseFile): string {
  const sections: [string, string[]][] = [
    ['Why', file.reasons.map((reason) => `${printable(reason.text)} [${reason.code}]`)],
    ['Payment', paymentLines(file)],
    [
      'Hits',
      file.hits.flatMap((hit) => [printable(hit.explanation), ...listedLines(hit.listed, hit.comparison).map((line) => `  ${line}`)]),
    ],
    ['History of the sender', historyLines(file.history.sender)],
    ['History of the receiver', historyLines(file.history.receiver)],
    ['Linked cases', file.linkedCases.map((each) => linkedLine(each))],
    [
      'Agents',
      file.agentDecisions.map(
        (each) => `${each.agent}: ${each.outcome} (${each.policyVersion})  ${each.reasons.map((reason) => reason.code).join(', ')}`,
      ),
    ],
    [
      'Asked and answered',
      file.information.map(
        (each) => `${each.question} ${each.answer === null ? `(no answer yet, until ${each.dueAt})` : `"${printable(each.answer)}"`}`,
      ),
    ],
    ['Added to what is known', addedLines(file.evidence)],
    ['Officers', file.decisions.map((each) => decisionLine(each, file.round))],
    ['Advice', adviceLines(file.advice)],
    ['To decide', evidenceLines(file)],
  ];
  const told = sections.map(
    ([title, lines]) => `${title}\n${(lines.length === 0 ? ['none'] : lines).map((line) => `  ${line}`).join('\n')}`,
  );
  return [headOf(file), ...told].join('\n\n');
}

function headOf(file: CaseFile): string {
  const claim = file.claimedBy === null ? 'claimed by nobody' : `claimed by ${file.claimedBy} until ${file.claimedUntil ?? ''}`;
  const act = file.kind === 'refused' ? ['resolves', 'resolve'] : ['releases', 'release'];
  const eyes = file.approvalsNeeded === 1 ? `one officer ${act[0]} it` : `${file.approvalsNeeded} officers ${act[1]} it together`;
  return [
    `Case ${file.id}`,
    `  ${statusOf(file)}, priority ${file.priority}, due ${file.dueAt}`,
    `  ${claim}; ${eyes}; round ${file.round}`,
    ...(file.rescreenSince === null
      ? []
      : [`  more was said of a party: being screened again since ${file.rescreenSince}, and not decided before`]),
  ].join('\n');
}

function paymentLines({ payment, parties }: CaseFile): string[] {
  return [
    `${payment.id}, ${payment.amount} ${payment.fromCurrency} → ${payment.toCurrency}, ${payment.purpose}, ${payment.status}`,
    `from ${printable(parties.sender.name)}, ${parties.sender.phone} (${payment.sender.walletId})`,
    ...knownLines(parties.sender).map((line) => `       ${line}`),
    `to   ${printable(parties.receiver.name)}, ${parties.receiver.phone} (${payment.receiver.walletId})`,
    ...knownLines(parties.receiver).map((line) => `       ${line}`),
  ];
}

/** What a client said of a person beside name and number, in one line or none. */
export function knownLines({ type, dateOfBirth, placeOfBirth, nationality, address, document }: ShownPerson): string[] {
  const born = [dateOfBirth, placeOfBirth && `in ${placeOfBirth}`].filter((each) => each !== undefined).join(' ');
  const lives = address && [address.line, address.postcode, address.town, address.country].filter((each) => each !== undefined).join(', ');
  const held = document && `${document.type} ${document.number}${document.country === undefined ? '' : ` of ${document.country}`}`;
  const known = [type, born === '' ? undefined : `born ${born}`, nationality, lives, held].filter((each) => each !== undefined);
  return known.length === 0 ? [] : [printable(known.join('; '))];
}

/** A listed party and how a name meets it, for a reader who has that name before them. */
export function listedLines(listed: ListedParty | null, comparison: string | null): string[] {
  if (listed === null) return ['on no list in force any more'];
  const [first, ...others] = listed.names;
  const known = [
    ...(listed.datesOfBirth.length === 0 ? [] : [`born ${listed.datesOfBirth.join(' or ')}`]),
    ...(listed.countries.length === 0 ? [] : [listed.countries.join(', ')]),
    ...(listed.documents.length === 0 ? [] : [`documents ${listed.documents.join(', ')}`]),
    `programme ${listed.program}`,
  ];
  const aliases = [...others, ...listed.weakNames.map((name) => `${name} (weak)`)];
  const more = aliases.length > ALIASES_SHOWN_MAX ? ` and ${aliases.length - ALIASES_SHOWN_MAX} more` : '';
  return [
    `listed: ${first ?? ''}, ${listed.type}; ${known.join('; ')}`,
    ...(aliases.length === 0 ? [] : [`also: ${aliases.slice(0, ALIASES_SHOWN_MAX).join('; ')}${more}`]),
    ...(comparison === null ? [] : [`words: ${comparison}`]),
  ].map(printable);
}

const ALIASES_SHOWN_MAX = 8;

function historyLines(history: PartyHistory): string[] {
  return [
    ...history.last90Days.map((sum) => `${sum.count} ${sum.status} as ${sum.role}, ${sum.amount} ${sum.currency}, last ${sum.lastAt}`),
    ...history.newest
      .slice(0, 5)
      .map((each) => `${each.createdAt}  ${each.role}  ${each.amount} ${each.currency}  ${each.status}  ${each.id}`),
  ];
}

function linkedLine(each: CaseFile['linkedCases'][number]): string {
  const links = each.links.map((link) => `our ${link.party} is its ${link.as}`).join(', ');
  return `${each.id}  ${each.status}  ${links}  ${each.reasons.map((reason) => reason.code).join(', ')}`;
}

/** Which parts of what is known of a party were added while the payment was held, when, and by whom. */
function addedLines({ information, details }: CaseFile['evidence']): string[] {
  const by = (list: unknown): Readonly<Record<string, unknown>>[] => (Array.isArray(list) ? list : []);
  const told = [
    ...by(information).map(({ added, answeredAt }) => ({ added, at: answeredAt, who: 'the client' })),
    ...by(details).map(({ added, at, by: officer }) => ({ added, at, who: officer })),
  ];
  return told
    .filter(({ added }) => Array.isArray(added))
    .map(({ added, at, who }) => printable(`${String(at)}  ${String(who)}: ${(added as readonly unknown[]).join(', ')}`))
    .toSorted();
}

function decisionLine(each: CaseFile['decisions'][number], round: number): string {
  const standing = each.round === round ? '' : `, round ${each.round}: counts no more`;
  const until = each.expiresAt === null ? '' : `, counts until ${each.expiresAt}`;
  const note = each.note === null ? '' : `  "${printable(each.note)}"`;
  return `${each.at}  ${printable(each.officer)}: ${each.verdict} [${each.reasonCode}]${until}${standing}${note}`;
}

function adviceLines(advice: CaseFile['advice']): string[] {
  if (advice === null) return [];
  const { source, recommendation, summary, reasons } = advice as Readonly<Record<string, unknown>>;
  const texts = (Array.isArray(reasons) ? reasons : []).flatMap(({ text }: { readonly text?: unknown }) =>
    typeof text === 'string' ? [text] : [],
  );
  return [`${String(recommendation)} (${String(source)})`, ...texts, String(summary)].map(printable);
}

function evidenceLines(file: CaseFile): string[] {
  const pending = file.pendingApproval;
  const waits =
    pending === null ? [] : [`${pending.officer} agrees to ${pending.verdict} [${pending.reasonCode}] until ${pending.expiresAt}`];
  return [`digest ${file.evidenceDigest}`, ...waits];
}
