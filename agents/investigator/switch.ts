/** The names of the investigator and of its switches; apart from it, so that who turns a switch need not load a model's libraries. */

/** By which name its decisions go, and the switch that turns it off for everybody. */
export const INVESTIGATOR = 'investigator';

/** The switch that turns it off for one client's cases. */
export function switchOfClient(clientId: string): string {
  return `${INVESTIGATOR}/${clientId}`;
}
