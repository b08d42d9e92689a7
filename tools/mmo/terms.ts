/**
 * What holds for a rail whatever its protocol: from which networks its operator's messages come, and how many
 * requests a second it may be sent. They stand beside the protocol's own settings.
 */
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

/** An address, or a network as `196.201.214.0/24`. */
export const networkSchema = z.string().refine(isNetwork, 'must be addresses or networks, as 196.201.214.200 or 196.201.214.0/24');

const delayMs = z.number().int().min(100).max(86_400_000);

const perSecond = z.number().positive().max(10_000);

export const railTermsSchema = z.strictObject({
  /** Where the operator's callbacks come from; messages from elsewhere are set aside. Empty: they may come from anywhere. */
  callbackSources: z.array(networkSchema).default([]),
  /** Requests a second that the operator takes, over all our processes; a product that is not named has no bound. */
  ratesPerS: z.strictObject({ collection: perSecond, payout: perSecond, inquiry: perSecond }).partial().default({}),
  /** Whether a wallet is looked up before each payout to it; only where the operator offers that. */
  checksWallets: z.boolean().default(false),
  /** The first wait before it is asked about an attempt, which doubles with each inquiry, and the longest, milliseconds. */
  inquiryDelaysMs: z
    .strictObject({ first: delayMs, longest: delayMs })
    .refine(({ first, longest }) => first <= longest, 'the longest wait must not be shorter than the first')
    .optional(),
});

export type RailTerms = z.infer<typeof railTermsSchema>;

/** Names of the common settings, which no protocol knows. */
export const RAIL_TERM_NAMES = Object.keys(railTermsSchema.shape) as readonly (keyof RailTerms)[];

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

/** Says whether an address is in one of the networks; any is when there are none. */
export function allowsSource(networks: readonly string[]): (address: string) => boolean {
  if (networks.length === 0) return () => true;
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return (source) => {
    const plain = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(source)?.[1] ?? source;
    const family = isIP(plain);
    return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4');
  };
}
