/** Words by which people say that they want no more text messages, or want them again. Pure. */

const STOP = ['stop', 'stopall', 'unsubscribe', 'cancel', 'end', 'quit', 'acha', 'sitisha', 'ondoa', 'arret', 'arreter', 'stopper'];
const START = ['start', 'unstop', 'subscribe', 'yes', 'anza', 'ndiyo', 'reprendre', 'oui'];

export type Wish = 'stop' | 'start';

/** What a text asks for when it is one of the words alone, whatever its case, marks and punctuation; null for any other text. */
export function wishOf(text: string): Wish | null {
  const word = text
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\p{L}\p{N}\s]/gu, '')
    .trim()
    .toLowerCase();
  if (STOP.includes(word)) return 'stop';
  return START.includes(word) ? 'start' : null;
}
