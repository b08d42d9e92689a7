/**
 * Countries as lists and customers write them: by code, by any of their English names, or by what their people are
 * called. Several in one text are told apart.
 */
import { COUNTRY_CODES, countryNameOf, currentCountryCode } from '../../../domain/country-code.ts';
import { plainWords } from '../name.ts';

/**
 * Names and nationalities beside those of `Intl`, by code; in the words of `keyOf`. Official names as the United
 * Nations, the United States, the United Kingdom and the Union write them in their lists.
 */
const OTHER_NAMES = `
AE emirati | AF afghan | AL albanian | AM armenian | AO angolan | AR argentine, argentinian | AT austrian | AU australian | AZ azerbaijani, azeri
BA bosnian | BD bangladeshi | BE belgian | BF burkinabe | BG bulgarian | BH bahraini | BI burundian | BJ beninese | BN brunei darussalam
BO bolivian, bolivia plurinational state | BR brazilian | BW motswana, botswanan | BY belarusian, belarussian | CA canadian
CD democratic republic congo, congo democratic republic, drc, dr congo, congo drc, congolese drc | CF central african | CG republic congo, congo
CH swiss | CI ivory coast, ivorian | CL chilean | CM cameroonian | CN chinese, people s republic china, peoples republic china | CO colombian | CU cuban
CV cabo verde, cape verdean | CY cypriot | CZ czech republic, czech | DE german | DJ djiboutian | DK danish | DZ algerian
EC ecuadorian | EE estonian | EG egyptian | ER eritrean | ES spanish | ET ethiopian | FI finnish | FR french
GA gabonese | GB united kingdom great britain northern ireland, great britain, british | GE georgian | GH ghanaian | GM gambian
GN guinean | GQ equatorial guinean, equatoguinean | GR greek | GT guatemalan | GW bissau guinean | HK hong kong | HN honduran | HR croatian
HT haitian | HU hungarian | ID indonesian | IE irish | IL israeli | IN indian | IQ iraqi | IR islamic republic iran, iran islamic republic, iranian
IS icelandic | IT italian | JM jamaican | JO jordanian | JP japanese | KE kenyan | KG kyrgyz, kyrgyzstani | KH cambodian
KM comorian | KP democratic people s republic korea, democratic peoples republic korea, dprk, dprk north korea, democratic peoples republic korea dprk, korea north, north korean
KR republic korea, korea south, south korean | KW kuwaiti | KZ kazakh, kazakhstani | LA lao people s democratic republic, lao peoples democratic republic, lao
LB lebanese | LK sri lankan | LR liberian | LS basotho | LT lithuanian | LU luxembourgish | LV latvian | LY libyan, state libya | MA moroccan
MD republic moldova, moldova republic, moldovan | ME montenegrin | MG malagasy | MK republic north macedonia, north macedonia republic, macedonian
ML malian | MM myanmar, burma, burmese, myanmar burma | MN mongolian | MO macao, macau | MR mauritanian | MT maltese | MU mauritian | MV maldivian | MW malawian
MX mexican | MY malaysian | MZ mozambican | NA namibian | NE nigerien | NG nigerian | NI nicaraguan | NL dutch | NO norwegian | NP nepalese, nepali
NZ new zealander | OM omani | PA panamanian | PE peruvian | PH filipino, philippine | PK pakistani | PL polish | PS palestine, state palestine, palestinian
PT portuguese | PY paraguayan | QA qatari | RO romanian | RS serbian | RU russian federation, russian | RW rwandan | SA saudi, saudi arabian
SC seychellois | SD sudanese | SE swedish | SG singaporean | SI slovenian | SK slovak | SL sierra leonean | SN senegalese | SO somali
SS south sudanese | SV salvadoran | SY syrian arab republic, syrian | SZ swaziland, swazi | TD chadian | TG togolese | TH thai | TJ tajik, tajikistani
TM turkmen | TN tunisian | TR turkey, turkish | TW taiwanese | TZ united republic tanzania, tanzania united republic, tanzanian | UA ukrainian
UG ugandan | US united states america, usa, american | UY uruguayan | UZ uzbek, uzbekistani | VA holy see
VE bolivarian republic venezuela, venezuela bolivarian republic, venezuelan | VN viet nam, vietnamese | XK kosovar | YE yemeni | ZA south african | ZM zambian | ZW zimbabwean
`;

const SMALL_WORDS = new Set(['the', 'of', 'and']);

/** A name in the words by which it is looked up. */
function keyOf(text: string): string {
  return plainWords(text.replaceAll('/', ' '))
    .map((word) => word.toLowerCase())
    .filter((word) => !SMALL_WORDS.has(word))
    .map((word) => (word === 'st' ? 'saint' : word))
    .join(' ');
}

const CODES: ReadonlyMap<string, string> = codesByName();

function codesByName(): Map<string, string> {
  const named = [...COUNTRY_CODES].map((code): [string, string] => [keyOf(countryNameOf(code)), code]);
  const others = OTHER_NAMES.trim()
    .split(/\s*[|\n]\s*/)
    .flatMap((line) =>
      line
        .slice(3)
        .split(', ')
        .map((name): [string, string] => [name, line.slice(0, 2)]),
    );
  return new Map([...others, ...named]);
}

function codeOf(text: string): string {
  const trimmed = text.trim();
  return /^[a-z]{2}$/i.test(trimmed) ? currentCountryCode(trimmed.toUpperCase()) : (CODES.get(keyOf(trimmed)) ?? '');
}

const TEXT_MAX = 200;
const KNOWN_MAX = 10_000;
const known = new Map<string, readonly string[]>();

/** The codes of the countries in a text, worked out once while there is room to remember them. */
export function countryCodes(text: string): readonly string[] {
  const present = known.get(text);
  if (present !== undefined) return present;
  const codes = readCountries(text.slice(0, TEXT_MAX));
  if (known.size >= KNOWN_MAX) known.clear();
  if (text.length <= TEXT_MAX) known.set(text, codes);
  return codes;
}

/** Of the text as a whole, without what stands in brackets, or of each country that it lists. */
function readCountries(text: string): string[] {
  const plain = text.replace(/\([^()]*\)|^["\s]*[a-z]\)/g, ' ');
  const whole = [text, plain].map(codeOf).find((code) => code !== '');
  if (whole !== undefined) return [whole];
  const parts = plain.split(/[,;/"]|\s[a-z]\)|\b(?:and|or|possibly|presumed)\b/i).map(codeOf);
  return [...new Set(parts.filter((code) => code !== ''))];
}
