import { signal } from "@preact/signals";
import { createClient, type LinefeedClient, type Session } from "./api/client";
import { LiveUploads } from "./api/live";
import type { Config } from "./config";
import { signInFor, type SignIn } from "./session/session";
import { FileSender } from "./upload/sender";
import { SentUploads } from "./upload/sent";

/** What the pages work with while somebody is signed in. */
export interface App {
  config: Config;
  client: LinefeedClient;
  live: LiveUploads;
  session: Session;
  sender: FileSender;
  /** What was sent from this tab. */
  sent: SentUploads;
}

export type State =
  | { name: "loading" }
  | { name: "broken"; reason: string }
  | { name: "signedOut"; signIn: SignIn }
  | { name: "signedIn"; app: App; signIn: SignIn };

export const state = signal<State>({ name: "loading" });

export async function start(config: Config): Promise<void> {
  const signIn = signInFor(config.auth);
  await signIn.resume();
  if (signIn.mayBeSignedIn()) await enter(config, signIn);
  else state.value = { name: "signedOut", signIn };
}

/** Ask the API who is signed in, and show what there is to do. */
export async function enter(config: Config, signIn: SignIn): Promise<void> {
  const leave = (): void => {
    state.value = { name: "signedOut", signIn };
  };
  const client = createClient({ baseUrl: "", token: () => signIn.token(), onSignedOut: leave });
  try {
    const session = await client.session();
    const sent = new SentUploads(session.tenant, session.user);
    // A name for each person: what somebody left unfinished is not taken up by who signs in next.
    const sender = new FileSender(`linefeed-${session.tenant}-${session.user}`, client, config, (id) => sent.add(id));
    state.value = {
      name: "signedIn",
      app: { config, client, live: new LiveUploads(client), session, sender, sent },
      signIn,
    };
  } catch (error) {
    if (state.value.name !== "signedOut") state.value = { name: "broken", reason: reasonOf(error) };
  }
}

export async function signOut(signIn: SignIn): Promise<void> {
  if (state.value.name === "signedIn") {
    state.value.app.live.close();
    state.value.app.sender.close();
  }
  state.value = { name: "signedOut", signIn };
  await signIn.end();
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
