/** Holding a report against its schema, with libxml2 in a thread of its own. */
import { readFile } from 'node:fs/promises';
import { validateXML } from 'xmllint-wasm';

let schema: Promise<string> | undefined;

/**
 * What is wrong with a goAML report by its schema: the elements, without their content, which may be names. Empty when it is
 * valid. Throws what the validator throws when it cannot work.
 */
export async function faultsOfGoaml(xml: string): Promise<string[]> {
  schema ??= readFile(new URL('schema/goaml-4.0.2.xsd', import.meta.url), 'utf8');
  const result = await validateXML({ xml: [{ fileName: 'report.xml', contents: xml }], schema: [await schema] });
  if (result.valid) return [];
  const elements = result.errors.map((each) => /[Ee]lement '?(?:\{[^}]*\})?(\w+)'?/.exec(each.message)?.[1] ?? 'the document');
  return [...new Set(elements)];
}
