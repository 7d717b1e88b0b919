import type { SignIn } from "./session";

/** The session of a NextAuth app on this site: its cookie goes along by itself, and no script can read it. */
export class CookieSignIn implements SignIn {
  constructor(private readonly signInUrl: string) {}

  async resume(): Promise<void> {}

  token(): null {
    return null;
  }

  mayBeSignedIn(): boolean {
    return true;
  }

  async begin(): Promise<void> {
    const target = new URL(this.signInUrl, location.href);
    target.searchParams.set("callbackUrl", location.href);
    location.assign(target);
    await new Promise(() => {}); // this page is being left
  }

  /** The app that signed the person in is where they sign out. */
  async end(): Promise<void> {
    await this.begin();
  }
}
