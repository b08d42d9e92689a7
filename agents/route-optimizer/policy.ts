/** What the routing score weighs. A change of any figure here is a new version; decisions record the one they were made by. */
import type { Preference } from '../../domain/intent.ts';

/** Parts of the score, adding up to 1. */
export interface RouteWeights {
  readonly cost: number;
  readonly speed: number;
  readonly success: number;
}

export interface RoutePolicy {
  readonly version: string;
  readonly weights: Readonly<Record<Preference, RouteWeights>>;
  /** A rail that costs this share of the amount or more, in basis points, scores nothing for cost. */
  readonly costBpsMax: number;
  /** A rail that takes this long scores half for speed. */
  readonly halfSpeedMs: number;
  /** A rail with this success rate or less scores nothing for success. */
  readonly successFloor: number;
  /** Rails per leg at most: the first choice and its fallbacks. */
  readonly railsMax: number;
}

export const ROUTE_POLICY: RoutePolicy = {
  version: 'route-1',
  weights: {
    cheapest: { cost: 0.6, speed: 0.1, success: 0.3 },
    fastest: { cost: 0.1, speed: 0.6, success: 0.3 },
    most_reliable: { cost: 0.1, speed: 0.1, success: 0.8 },
  },
  costBpsMax: 300,
  halfSpeedMs: 30_000,
  successFloor: 0.5,
  railsMax: 4,
};
