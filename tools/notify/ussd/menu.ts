/**
 * The USSD menu as data: which screens there are, what each asks for, and where each choice leads. How an
 * entry is read and what its answer changes stands in `machine.ts`.
 */
import type { Language } from '../language.ts';
import type { TextId } from './texts.ts';

export type Choice = { readonly language: Language } | { readonly go: 'send' | 'status' | 'language' | 'submit' | 'cancel' };

export type ChoiceScreen = 'language' | 'root' | 'confirm';

/** Screens that offer a list, with where each number on it leads. */
export const CHOICES: Readonly<Record<ChoiceScreen, Readonly<Record<string, Choice>>>> = {
  language: { '1': { language: 'en' }, '2': { language: 'sw' }, '3': { language: 'fr' } },
  root: { '1': { go: 'send' }, '2': { go: 'status' }, '3': { go: 'language' } },
  confirm: { '1': { go: 'submit' }, '2': { go: 'cancel' } },
};

/** Screens that take an entry, in the order they are shown; the sender's own name only of somebody who never gave it. */
export const ENTRIES = ['number', 'name', 'own_name', 'amount'] as const satisfies readonly TextId[];
export type EntryScreen = (typeof ENTRIES)[number];

export type Screen = ChoiceScreen | EntryScreen;

/** Leads from an entry back to the first screen. */
export const BACK = '0';

/** So many mistakes in a row end the session: somebody, or something, types without reading. */
export const MISTAKES_MAX = 3;
