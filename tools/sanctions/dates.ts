/**
 * Dates of birth as list owners write them, in ISO 8601-2: `1953-07-05`, `1953-07`, `1953`, `1953~` (about),
 * `1953/1955` (between). A form that is not known gives nothing; a year in it is taken where there is one.
 */
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Takes one or several dates, parted by semicolons or "or"; gives each in its ISO form. */
export function isoDatesOf(text: string): string[] {
  const dates = text.split(/;|\bor\b/i).flatMap((part) => isoDateOf(part.trim()));
  return [...new Set(dates)];
}

function isoDateOf(text: string): string[] {
  const about = /^(?:circa|approximately|approx\.?|about|c\.)\s*/i.exec(text);
  if (about !== null) return isoDateOf(text.slice(about[0].length)).map((date) => (date.endsWith('~') ? date : `${date}~`));
  const between = /^(?:between\s+)?(\d{4})\s*(?:and|to|-|–)\s*(\d{4})$/i.exec(text);
  if (between !== null) return [`${between[1]}/${between[2]}`];
  const iso = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:T.*)?$/.exec(text);
  if (iso !== null) return [isoFrom(iso[1], iso[2], iso[3])];
  // The British and the Union's way: day, month, year; a day or month that is not known is written 00 or dd.
  const figures = /^(\d{1,2}|dd)[./-](\d{1,2}|mm)[./-](\d{4})/i.exec(text);
  if (figures !== null) return [isoFrom(figures[3], figures[2], figures[1])];
  const words = /^(?:(\d{1,2})\s+)?([a-z]{3})[a-z]*\.?\s+(\d{4})/i.exec(text);
  const month = words === null ? -1 : MONTHS.indexOf((words[2] ?? '').toLowerCase());
  if (words !== null && month >= 0) return [isoFrom(words[3], String(month + 1), words[1])];
  const year = /(?<!\d)((?:18|19|20)\d{2})(?!\d)/.exec(text);
  return year === null ? [] : [`${year[1]}`];
}

function isoFrom(year: string | undefined, month: string | undefined, day: string | undefined): string {
  const [monthNumber, dayNumber] = [Number(month ?? 0), Number(day ?? 0)];
  if (!(monthNumber >= 1 && monthNumber <= 12)) return year ?? '';
  const head = `${year}-${String(monthNumber).padStart(2, '0')}`;
  return dayNumber >= 1 && dayNumber <= 31 ? `${head}-${String(dayNumber).padStart(2, '0')}` : head;
}
