/** Which chain to settle on, and who is who there. Public addresses only: keys come as signers. */
import { z } from 'zod';
import { type Currency, isCurrency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';

/** Chain ids that Aptos fixes; a local chain may have any other. */
const FIXED_CHAIN_IDS = { mainnet: 1, testnet: 2 } as const;
/** What the Aptos CLI gives a network of one's own. */
const LOCAL_CHAIN_ID = 4;

/** Public nodes of the fixed networks; a node of one's own is named by its address. */
const PUBLIC_NODES = {
  mainnet: 'https://api.mainnet.aptoslabs.com/v1',
  testnet: 'https://api.testnet.aptoslabs.com/v1',
} as const;

const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{1,64}$/, 'is not an address')
  .transform((text) => `0x${text.slice(2).toLowerCase().padStart(64, '0')}`);

const chainProfileSchema = z.object({
  network: z.enum(['mainnet', 'testnet', 'local']),
  /** Address of the node API, with its `/v1`. */
  nodeUrl: z.url().optional(),
  chainId: z.number().int().min(1).max(255).optional(),
  /** Where the contracts are published. */
  contract: address,
  /** Our own account, which pays partners and is paid by them. */
  treasury: address,
  /** Who pays for the gas of approvals by keys that are elsewhere; each account pays for its own unless given. */
  feePayer: address.optional(),
  /** The fungible asset of each currency that is settled on chain. */
  assets: z.record(z.string().refine(isCurrency, 'is not a currency'), address),
  /** The account of each partner, by rail. */
  partners: z.record(z.string(), address),
  /** What an APT costs, from somebody's market data: by it a batch goes over the chain or stays on the books. */
  aptPrice: z
    .strictObject({
      usd: z.string().regex(/^\d{1,6}(\.\d{1,6})?$/, 'is not a price in US dollars'),
      asOf: z.iso.date(),
      source: z.string().min(1).max(100),
    })
    .optional(),
});

export interface ChainProfile {
  readonly network: 'mainnet' | 'testnet' | 'local';
  readonly nodeUrl: string;
  readonly chainId: number;
  readonly contract: string;
  readonly treasury: string;
  readonly feePayer?: string | undefined;
  readonly assets: Readonly<Partial<Record<Currency, string>>>;
  readonly partners: Readonly<Record<string, string>>;
  readonly aptPrice?: { readonly usd: string; readonly asOf: string; readonly source: string } | undefined;
}

/** The price of an APT in millionths of a US dollar, with its day and source; null where the profile has none. */
export function aptPriceOf({
  aptPrice,
}: ChainProfile): { readonly usdMicros: bigint; readonly asOf: string; readonly source: string } | null {
  if (aptPrice === undefined) return null;
  const [dollars = '0', fraction = ''] = aptPrice.usd.split('.');
  return { usdMicros: BigInt(dollars + fraction.padEnd(6, '0')), asOf: aptPrice.asOf, source: aptPrice.source };
}

/**
 * Checks a profile as it comes out of a file; `nodeUrl` takes the place of the profile's own. Throws `config_invalid` naming what
 * is wrong: a field, a chain id that is not its network's, or a local chain without a node.
 */
export function parseChainProfile(value: unknown, nodeUrl: string | null = null): ChainProfile {
  const parsed = chainProfileSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw wrong(issue?.path.join('.') ?? 'profile', issue?.message ?? 'is wrong');
  }
  const { network, ...rest } = parsed.data;
  const fixedId = network === 'local' ? null : FIXED_CHAIN_IDS[network];
  const chainId = rest.chainId ?? fixedId ?? LOCAL_CHAIN_ID;
  if (fixedId !== null && chainId !== fixedId) throw wrong('chainId', `is not that of the ${network}`);
  if (fixedId === null && Object.values<number>(FIXED_CHAIN_IDS).includes(chainId)) throw wrong('chainId', 'is that of a public network');
  const url = nodeUrl ?? rest.nodeUrl ?? (network === 'local' ? null : PUBLIC_NODES[network]);
  if (url === null) throw wrong('nodeUrl', 'is needed for a local chain');
  return { ...rest, network, chainId, nodeUrl: url.replace(/\/+$/, '') };
}

function wrong(field: string, what: string): Error {
  return fault('config_invalid', { field, detail: `The chain profile is wrong: ${field} ${what}.` });
}
