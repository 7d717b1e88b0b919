import { computed, signal } from "@preact/signals";
import { IntlMessageFormat, type PrimitiveType } from "intl-messageformat";
import de from "./de.json";
import en from "./en.json";
import problemsDe from "./problems.de.json";
import problemsEn from "./problems.en.json";

export type MessageKey = keyof typeof en;
export type Language = "en" | "de";
type Values = Record<string, PrimitiveType>;

const MESSAGES: Record<Language, Record<MessageKey, string>> = { en, de };
const PROBLEMS: Record<Language, Record<string, string>> = { en: problemsEn, de: problemsDe };
const KEY = "linefeed:language";

export const LANGUAGES: Record<Language, string> = { en: "English", de: "Deutsch" };

/** The language of the words. */
export const language = signal<Language>(chosen() ?? preferred());

/** The locale of numbers and times: the browser's own, such as de-AT, where it speaks the language of the words. */
export const locale = computed(
  () => navigator.languages.find((tag) => tag.split("-")[0] === language.value) ?? language.value,
);

const formats = new Map<string, IntlMessageFormat>();

/** The words for a key, in the language of the page; the values fill them (ICU MessageFormat). */
export function t(key: MessageKey, values?: Values): string {
  const id = `${locale.value} ${key}`;
  let format = formats.get(id);
  if (!format) formats.set(id, (format = new IntlMessageFormat(MESSAGES[language.value][key], locale.value)));
  return String(format.format(values));
}

/** `t` for a key that is put together; what there is no message for is shown as it is. */
export function tOr(key: string, otherwise: string): string {
  return key in MESSAGES[language.value] ? t(key as MessageKey) : otherwise;
}

/** What a problem of a row is called, by its code: without its values, so that equal ones are one reason. */
export function problemTitle(code: string): string {
  return PROBLEMS[language.value][code] ?? code;
}

export function choose(value: Language): void {
  language.value = value;
  try {
    localStorage.setItem(KEY, value);
  } catch {
    // A browser that keeps nothing is asked again at the next visit.
  }
}

export const number = (value: number): string => value.toLocaleString(locale.value);

export const percent = (share: number): string =>
  share.toLocaleString(locale.value, { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 });

export const dateTime = (iso: string): string =>
  new Date(iso).toLocaleString(locale.value, { dateStyle: "medium", timeStyle: "short" });

/** A day that is no moment, such as `2026-03-01`. */
export const date = (day: string): string =>
  new Date(`${day}T00:00:00Z`).toLocaleDateString(locale.value, { dateStyle: "medium", timeZone: "UTC" });

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** In the units of a file manager: 1 kB is 1,000 bytes. */
export function bytes(count: number): string {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(count, 1)) / 3)));
  return (count / 1000 ** step).toLocaleString(locale.value, {
    style: "unit",
    unit: UNITS[step],
    unitDisplay: step === 0 ? "long" : "short",
    maximumFractionDigits: step === 0 ? 0 : 1,
  });
}

export function duration(seconds: number): string {
  const [value, unit] =
    seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : [seconds / 3600, "hour"];
  return Math.max(1, Math.round(value)).toLocaleString(locale.value, { style: "unit", unit, unitDisplay: "long" });
}

function preferred(): Language {
  const known = navigator.languages
    .map((tag) => tag.split("-")[0])
    .find((tag) => tag !== undefined && tag in LANGUAGES);
  return (known as Language | undefined) ?? "en";
}

function chosen(): Language | null {
  try {
    const kept = localStorage.getItem(KEY);
    return kept && kept in LANGUAGES ? (kept as Language) : null;
  } catch {
    return null;
  }
}
