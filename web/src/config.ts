/** What may be sent, as the deployment has it. */
export interface Limits {
  /** Bytes; a larger file is refused before anything is sent. */
  maxFileSize: number;
  /** Endings of file names by the API's `importType`. */
  fileTypes: Record<ImportType, string[]>;
  retentionDays: number;
}

/** What the deployment tells the page; `config.json` lies beside it. */
export interface Config extends Limits {
  auth: AuthConfig;
}

export type ImportType = "csv" | "json" | "excel";

export type AuthConfig =
  | { provider: "nextauth"; signInUrl: string }
  | { provider: "oidc"; issuer: string; clientId: string; scope: string; audience?: string }
  | { provider: "local"; people: LocalPerson[] };

/** Somebody whom the local run has ready-made. */
export interface LocalPerson {
  name: string;
  tenant: string;
  role: string;
  token: string;
}

export async function loadConfig(): Promise<Config> {
  const answer = await fetch("./config.json", { cache: "no-cache" });
  if (!answer.ok) throw new Error(`config.json could not be loaded: ${answer.status}`);
  return (await answer.json()) as Config;
}
