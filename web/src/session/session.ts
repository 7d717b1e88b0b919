import type { AuthConfig } from "../config";
import { OidcSignIn } from "./oidc";
import { LocalSignIn } from "./local";
import { CookieSignIn } from "./cookie";

/** How a person signs in; one for each provider of `config.json`. */
export interface SignIn {
  /** Finish a sign-in that another page has sent us back from. */
  resume(): Promise<void>;
  /** The token of the session, or null: there is none, or a cookie says who it is. */
  token(): string | null;
  /** Whether a session may be there; the API alone knows. */
  mayBeSignedIn(): boolean;
  /** Leave for where one signs in; resolves where that happens within this page. */
  begin(): Promise<void>;
  end(): Promise<void>;
}

export function signInFor(auth: AuthConfig): SignIn {
  switch (auth.provider) {
    case "nextauth":
      return new CookieSignIn(auth.signInUrl);
    case "oidc":
      return new OidcSignIn(auth);
    case "local":
      return new LocalSignIn(auth.people);
  }
}
