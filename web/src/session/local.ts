import type { LocalPerson } from "../config";
import type { SignIn } from "./session";

const KEY = "linefeed:person";

/** The local run's ready-made people: choosing one is signing in. Kept until the tab is closed. */
export class LocalSignIn implements SignIn {
  constructor(readonly people: LocalPerson[]) {}

  async resume(): Promise<void> {}

  token(): string | null {
    return this.person?.token ?? null;
  }

  mayBeSignedIn(): boolean {
    return this.person !== undefined;
  }

  async begin(): Promise<void> {}

  async end(): Promise<void> {
    sessionStorage.removeItem(KEY);
  }

  choose(person: LocalPerson): void {
    sessionStorage.setItem(KEY, person.token);
  }

  private get person(): LocalPerson | undefined {
    const token = sessionStorage.getItem(KEY);
    return this.people.find((one) => one.token === token);
  }
}
