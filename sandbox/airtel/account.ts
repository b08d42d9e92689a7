/** An application of a client of Airtel Money, as the sandbox knows it: its keys, its PIN, and the form of its messages. */
export interface AirtelAccount {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly pin: string;
  readonly encryption: 'pkcs1' | 'oaep_sha256';
  readonly collectionVersion: 'v1' | 'v2';
  readonly payoutVersion: 'v1' | 'v2' | 'v3';
  readonly signing: boolean;
  /** The key under which callbacks are signed; null sends them without a hash. */
  readonly callbackKey: string | null;
  /** What the hash is made over. */
  readonly callbackReading: 'transaction' | 'payload';
  /** Where the application wants its callbacks; null sends none. */
  readonly callbackUrl: string | null;
}
