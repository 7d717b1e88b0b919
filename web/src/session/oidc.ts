import * as oauth from "oauth4webapi";
import type { SignIn } from "./session";

interface Issuer {
  issuer: string;
  clientId: string;
  scope: string;
  audience?: string;
}

interface Pending {
  verifier: string;
  state: string;
  place: string;
}

interface Tokens {
  access: string;
  /** Milliseconds since 1970. */
  until: number;
}

const PENDING = "linefeed:sign-in";
const TOKENS = "linefeed:tokens";
const MARGIN = 30_000;

/**
 * OpenID Connect's code flow with PKCE (RFC 7636), as a public client. The access token is kept until the tab is
 * closed; once it has expired, the issuer's own session usually brings the next one without a question.
 */
export class OidcSignIn implements SignIn {
  constructor(private readonly issuer: Issuer) {}

  async resume(): Promise<void> {
    const address = new URL(location.href);
    const kept = sessionStorage.getItem(PENDING);
    if (!kept || !(address.searchParams.has("code") || address.searchParams.has("error"))) return;
    sessionStorage.removeItem(PENDING);
    const pending = JSON.parse(kept) as Pending;
    const server = await this.discover();
    const client = { client_id: this.issuer.clientId };
    try {
      const parameters = oauth.validateAuthResponse(server, client, address, pending.state);
      const answer = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        oauth.None(),
        parameters,
        this.redirectUri,
        pending.verifier,
        this.requestOptions,
      );
      const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer);
      this.keep(tokens.access_token, tokens.expires_in ?? 300);
    } finally {
      history.replaceState(null, "", this.redirectUri);
      location.hash = pending.place;
    }
  }

  token(): string | null {
    return this.tokens?.access ?? null;
  }

  mayBeSignedIn(): boolean {
    return this.tokens !== null;
  }

  async begin(): Promise<void> {
    const server = await this.discover();
    if (!server.authorization_endpoint) throw new Error("The issuer names no authorization endpoint");
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const pending: Pending = { verifier, state, place: location.hash };
    sessionStorage.setItem(PENDING, JSON.stringify(pending));
    const target = new URL(server.authorization_endpoint);
    target.search = new URLSearchParams({
      response_type: "code",
      client_id: this.issuer.clientId,
      redirect_uri: this.redirectUri,
      scope: this.issuer.scope,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...(this.issuer.audience ? { audience: this.issuer.audience } : {}),
    }).toString();
    location.assign(target);
    await new Promise(() => {}); // this page is being left
  }

  async end(): Promise<void> {
    sessionStorage.removeItem(TOKENS);
    const server = await this.discover();
    if (!server.end_session_endpoint) return;
    const target = new URL(server.end_session_endpoint);
    target.search = new URLSearchParams({
      client_id: this.issuer.clientId,
      post_logout_redirect_uri: this.redirectUri,
    }).toString();
    location.assign(target);
    await new Promise(() => {}); // this page is being left
  }

  private get redirectUri(): string {
    return `${location.origin}${location.pathname}`;
  }

  private get tokens(): Tokens | null {
    const kept = sessionStorage.getItem(TOKENS);
    const tokens = kept ? (JSON.parse(kept) as Tokens) : null;
    return tokens && tokens.until - MARGIN > Date.now() ? tokens : null;
  }

  private keep(access: string, seconds: number): void {
    sessionStorage.setItem(TOKENS, JSON.stringify({ access, until: Date.now() + seconds * 1000 } satisfies Tokens));
  }

  private async discover(): Promise<oauth.AuthorizationServer> {
    const issuer = new URL(this.issuer.issuer);
    return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, this.requestOptions));
  }

  /** Plain HTTP for an issuer on this machine alone. */
  private get requestOptions(): { [oauth.allowInsecureRequests]: boolean } {
    const { hostname } = new URL(this.issuer.issuer);
    return { [oauth.allowInsecureRequests]: hostname === "localhost" || hostname === "127.0.0.1" };
  }
}
