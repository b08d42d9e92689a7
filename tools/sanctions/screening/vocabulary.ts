/**
 * What words of a name tell: which are titles, particles, legal forms or words that many organisations
 * share, and which given and family names so many people bear that they hardly tell one from another.
 */

/** The article of Arabic in its assimilated forms, and the particles of French, Portuguese, Dutch and German names. */
const ARTICLES = new Set(
  'al el ul ur ar as ash ad at az an il de da do dos das del della di du des la le les von van der den ter wa the'.split(' '),
);

/** "Son of" and "daughter of", all the same for a comparison. */
const FILIATIONS = new Set('bin ben ibn bn bint binti binte ould wuld walad weld oul ag mac'.split(' '));

/** Names that millions bear, by how little they tell. A list in force may say that others are common too. */
const VERY_COMMON =
  'mohamed muhammad mohammed mohammad mamadou mahamat ahmed ahmad amadou ali omar umar ibrahim hassan hussein abdullah abdullahi abdul abd abu abou yusuf ismail ' +
  'musa moussa osman ousmane said saleh salah adam issa isa john joseph peter paul james david jean marie mary maria grace emmanuel samuel daniel pierre';
const COMMON =
  'abdallah abdi abdou abdoulaye abdel abdelaziz abdulaziz abdirahman abdurrahman abdelkader abdulkadir abubakar aboubacar bakari boubacar bello sani sheikh aisha fatima ' +
  'fatou fatoumata aminata amina mariam mariama halima khadija zainab hawa asha salma idris idriss yakubu yahya yahaya suleiman sulaiman souleymane solomon lamin modou ' +
  'alhaji haji hamisi juma salim salem karim hamid khalid khaled mahmoud mustafa moustapha nasser nasir rashid rachid bashir hamza bilal jamal kamal farah hodan noor nur ' +
  'diallo diop ndiaye fall ba bah barry balde sow sy sylla camara cisse ceesay conte coulibaly traore toure keita kone konate sangare sidibe diarra kante kane gueye faye ' +
  'sarr seck mbaye ouedraogo sawadogo kabore compaore kouassi kouame konan yao koffi kwame kwasi kofi mensah owusu osei boateng asante appiah okafor okonkwo okeke eze ' +
  'adebayo ojo abiola balogun obi otieno odhiambo onyango ochieng owino achieng atieno akinyi kamau njoroge mwangi kariuki njeri wanjiru wanjiku kimani kipchoge mutua ' +
  'kiprotich mohamud warsame hirsi nkosi dlamini ndlovu moyo banda phiri zulu mwale tembo okello ocen mukasa kato nakato uwimana mukamana habimana niyonzima hakizimana ' +
  'george michael charles thomas francis robert william richard stephen patrick simon andrew philip henry martin alain andre claude eric jacques joao jose antonio manuel ' +
  'ana paulo pedro carlos elizabeth sarah ruth esther rose jane anne alice catherine christine florence janet lucy mercy faith joyce agnes khan singh kumar ahmadi kim lee';

const COMMON_WEIGHTS: ReadonlyMap<string, number> = new Map([
  ...COMMON.split(' ').map((word): [string, number] => [word, 0.6]),
  ...VERY_COMMON.split(' ').map((word): [string, number] => [word, 0.4]),
]);

/** Legal forms, each with the one it means. */
const LEGAL_FORMS: ReadonlyMap<string, string> = new Map(
  (
    'ltd:ltd limited:ltd ltda:ltd limitada:ltd lda:ltd pte:ltd pty:ltd llc:ltd sarl:ltd suarl:ltd gmbh:ltd ooo:ltd bv:ltd srl:ltd sl:ltd spa:corp sprl:ltd fze:ltd fzc:ltd fzco:ltd fz:ltd ' +
    'inc:corp incorporated:corp corp:corp corporation:corp co:co company:co cie:co compagnie:co plc:corp sa:corp sae:corp sal:corp ag:corp aktiengesellschaft:corp ab:corp as:corp asa:corp nv:corp oyj:corp ' +
    'berhad:corp bhd:ltd sdn:ltd eurl:ltd sas:corp sasu:corp snc:lp kg:lp oy:ltd aps:ltd kft:ltd zrt:corp doo:ltd sro:ltd eood:ltd ood:ltd uab:ltd sia:ltd proprietary:ltd pvt:ltd private:ltd ' +
    'jsc:corp ojsc:corp pjsc:corp cjsc:corp pao:corp oao:corp zao:corp ao:corp jointstock:corp na:corp lp:lp llp:lp gie:gie ets:ets etablissements:ets est:ets establishment:ets enterprise:ets enterprises:ets entreprise:ets ' +
    'group:group groupe:group grupo:group holding:group holdings:group mv:mv mt:mv ss:mv'
  )
    .split(' ')
    .map((pair) => pair.split(':') as [string, string]),
);

const PHRASES: readonly (readonly [RegExp, string])[] = [
  [/\blimited liability company\b/g, 'llc'],
  [/\b(?:open |public |closed )?joint stock (?:company|co)\b/g, 'jsc'],
  [/\bpublic limited company\b/g, 'plc'],
  [/\b(?:private|pvt|proprietary|pty|pte) (?:limited|ltd)\b/g, 'ltd'],
  [/\bsdn bhd\b/g, 'ltd'],
  [/\bsociete anonyme\b|\bsociedade? anonima\b|\bsocieta per azioni\b/g, 'sa'],
  [/\bsociete a responsabilite limitee\b/g, 'sarl'],
  [/\bsociedad de responsabilidad limitada\b|\bsocieta a responsabilita limitata\b|\bsocietatea? cu raspundere limitata\b/g, 'srl'],
  [/\bsociedade por quotas(?: de responsabilidade limitada)?\b/g, 'lda'],
  [/\bgesellschaft mit beschrankter haftung\b/g, 'gmbh'],
  [/\bsp z o o\b/g, 'ltd'],
  [/\bl l c\b/g, 'llc'],
  [/\bp l c\b/g, 'plc'],
  [/\bs a r l\b/g, 'sarl'],
  [/\bl l p\b/g, 'llp'],
  [/\bl p\b/g, 'lp'],
  [/\bg i e\b/g, 'gie'],
];
/** Letters that stand alone, two and more. */
const LONE_LETTERS = /\b[a-z](?: [a-z]\b)+/g;
/** Fits what one of them fits: most names have nothing of the kind, and one look says so. */
const ANY_PHRASE = new RegExp([...PHRASES.map(([pattern]) => pattern), LONE_LETTERS].map(({ source }) => source).join('|'));

const STOP_WORDS = new Set(
  'the of and et und y e for pour in on de du des der da do la le les el al a an d l wa branch port avenue'.split(' '),
);

/** Words that say what an organisation does, which many do. */
const GENERIC = new Set(
  (
    'bank trading trade traders general international import export services service solutions systems industries industry industrial shipping transport ' +
    'investment investments fund partners capital trust construction engineering development technology technologies consulting management global national ' +
    'association society foundation organization organisation committee center centre institute university ministry office agency commercial commerce products supply oil gas ' +
    'petroleum energy mining gold exchange money marine maritime airlines aviation motors motor company estate real business'
  ).split(' '),
);

/** Numbers in words; those in Roman figures are read as numbers, and stay as they are. */
const NUMBER_WORDS: ReadonlyMap<string, string> = new Map(
  'one two three four five six seven eight nine ten'.split(' ').map((word, at): [string, string] => [word, String(at + 1)]),
);

/** What part a word plays. A `form` is a legal form or a title of a ship; a `particle` joins other words. */
export type Role = 'name' | 'particle' | 'filiation' | 'initial' | 'number' | 'title' | 'form' | 'generic';

/** Whom a name belongs to, which decides how its words are read. */
export type Kind = 'person' | 'organisation';

/** What every role weighs, apart from names, which weigh by how many bear them. */
const ROLE_WEIGHTS: Readonly<Record<Exclude<Role, 'name'>, number>> = {
  particle: 0.05,
  filiation: 0.08,
  initial: 0.2,
  number: 0.3,
  title: 0.3,
  form: 0.06,
  generic: 0.6,
};

export function roleOf(word: string, kind: Kind): Role {
  if (/^\p{N}+$/u.test(word)) return 'number';
  if (kind === 'organisation') {
    if (/^(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})$/.test(word)) return 'number';
    if (LEGAL_FORMS.has(word)) return 'form';
    if (STOP_WORDS.has(word)) return 'particle';
    return GENERIC.has(word) ? 'generic' : 'name';
  }
  if (FILIATIONS.has(word)) return 'filiation';
  if (ARTICLES.has(word)) return 'particle';
  return /^[a-z]$/.test(word) ? 'initial' : 'name';
}

/** Whether a word is a name that many bear, and so no slip in the spelling of another one. */
export function isEstablished(word: string): boolean {
  return COMMON_WEIGHTS.has(word);
}

/** What a word weighs by its role, before a list says how common it is there. */
export function weightOf(word: string, role: Role): number {
  return role === 'name' ? (COMMON_WEIGHTS.get(word) ?? 1) : ROLE_WEIGHTS[role];
}

export function isNumberWord(word: string): boolean {
  return NUMBER_WORDS.has(word);
}

/** Figures for a number in words. */
export function unifyNumber(word: string): string {
  return NUMBER_WORDS.get(word) ?? word;
}

/** The legal form that a word means, or undefined. */
export function legalFormOf(word: string): string | undefined {
  return LEGAL_FORMS.get(word);
}

/** Legal forms that are written as several words, as one; letters that stand alone, as the abbreviation they make. */
export function unifyPhrases(words: readonly string[]): readonly string[] {
  let text = words.join(' ');
  if (!ANY_PHRASE.test(text)) return words;
  for (const [pattern, replacement] of PHRASES) text = text.replace(pattern, replacement);
  return text.replace(LONE_LETTERS, (letters) => letters.replaceAll(' ', '')).split(' ');
}

/** Whether the words of a name speak of an organisation. */
export function looksLikeOrganisation(words: readonly string[]): boolean {
  return unifyPhrases(words).some((word) => word.length > 2 && (LEGAL_FORMS.has(word) || GENERIC.has(word)));
}
