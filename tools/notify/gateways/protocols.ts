/** The protocol of each messaging gateway, by its name. */
import { africasTalking } from './africastalking.ts';
import type { GatewayName, GatewayProtocol } from './gateway.ts';
import { mtnMessaging } from './mtn.ts';

export const PROTOCOLS: Readonly<Record<GatewayName, GatewayProtocol>> = { africastalking: africasTalking, mtn: mtnMessaging };
