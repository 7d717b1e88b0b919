import type { Limits, ImportType } from "../config";

/** Why a file is not taken, before anything of it is sent. */
export type FileFault = "type" | "macros" | "size" | "empty";

const MACRO_ENDINGS = [".xlsm", ".xltm", ".xlam"];
const MIME_TYPES: Record<ImportType, string> = {
  csv: "text/csv",
  json: "application/json",
  excel: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
};

/** The API's `importType` for a file, by its name; null for a name that is not taken. */
export function importTypeOf(name: string, limits: Limits): ImportType | null {
  const types = Object.entries(limits.fileTypes) as [ImportType, string[]][];
  const ending = name.toLowerCase();
  return types.find(([, endings]) => endings.some((one) => ending.endsWith(one)))?.[0] ?? null;
}

/** What the file is announced as: browsers know few of these types, and name some of them wrongly. */
export function mimeTypeOf(name: string, type: ImportType): string {
  return name.toLowerCase().endsWith(".gz") ? "application/gzip" : MIME_TYPES[type];
}

export function faultOf(file: { name: string; size: number }, limits: Limits): FileFault | null {
  if (MACRO_ENDINGS.some((ending) => file.name.toLowerCase().endsWith(ending))) return "macros";
  if (importTypeOf(file.name, limits) === null) return "type";
  if (file.size === 0) return "empty";
  return file.size > limits.maxFileSize ? "size" : null;
}

/** The file's SHA-256 in Base64; null where the browser cannot say, or only by holding too much in memory. */
export async function checksumOf(file: Blob): Promise<string | null> {
  if (!globalThis.crypto?.subtle || file.size > 64 * 1024 * 1024) return null;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}
