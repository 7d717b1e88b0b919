/** The names of time zones that the browser knows, which are IANA's. */
export const ZONES = Intl.supportedValuesOf("timeZone");
