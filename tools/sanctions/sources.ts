/**
 * Where the owners of the lists publish them. An address may be replaced by a setting; the Union's file
 * needs a token of its own (free of charge), so its address is only known once it is set.
 * Sources: OFAC Sanctions List Service, UN Security Council, https://webgate.ec.europa.eu/fsd/fsf, FCDO.
 */

export interface ListFile {
  /** The name it is kept under, by which the loader knows it. */
  readonly name: string;
  readonly url: string;
}

export interface ListSource {
  readonly list: string;
  /** The setting that replaces the first address. */
  readonly setting: string;
  /** Empty when the address is not known until it is set. */
  readonly files: readonly ListFile[];
}

const OFAC = 'https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports';

const SOURCES: readonly ListSource[] = [
  {
    list: 'OFAC-SDN',
    setting: 'CAPP_LISTS_OFAC_SDN_URL',
    files: [
      { name: 'sdn.csv', url: `${OFAC}/SDN.CSV` },
      { name: 'alt.csv', url: `${OFAC}/ALT.CSV` },
      { name: 'sdn_comments.csv', url: `${OFAC}/SDN_COMMENTS.CSV` },
    ],
  },
  {
    list: 'OFAC-CONS',
    setting: 'CAPP_LISTS_OFAC_CONS_URL',
    files: [
      { name: 'cons_prim.csv', url: `${OFAC}/CONS_PRIM.CSV` },
      { name: 'cons_alt.csv', url: `${OFAC}/CONS_ALT.CSV` },
      { name: 'cons_comments.csv', url: `${OFAC}/CONS_COMMENTS.CSV` },
    ],
  },
  {
    list: 'UN-SC',
    setting: 'CAPP_LISTS_UN_URL',
    files: [{ name: 'consolidated.xml', url: 'https://scsanctions.un.org/resources/xml/en/consolidated.xml' }],
  },
  { list: 'EU', setting: 'CAPP_LISTS_EU_URL', files: [] },
  {
    list: 'UK',
    setting: 'CAPP_LISTS_UK_URL',
    files: [{ name: 'UK-Sanctions-List.csv', url: 'https://sanctionslist.fcdo.gov.uk/docs/UK-Sanctions-List.csv' }],
  },
  { list: 'PEP', setting: 'CAPP_LISTS_PEP_URL', files: [] },
];

/** The sources with the settings applied. A table of OFAC whose address is set is fetched from there, what belongs to it from beside it. */
export function listSources(env: Readonly<Record<string, string | undefined>>): ListSource[] {
  return SOURCES.map((source) => {
    const url = env[source.setting];
    if (url === undefined || url === '') return source;
    const [first, ...others] = source.files.length > 0 ? source.files : [{ name: `${source.list.toLowerCase()}.csv`, url }];
    if (first === undefined) return source;
    return {
      ...source,
      files: [{ ...first, url }, ...others.map((file) => ({ ...file, url: new URL(file.name.toUpperCase(), url).href }))],
    };
  });
}
